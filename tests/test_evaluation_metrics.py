import json

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics as sk

from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.evaluation.document import Evaluation
from tl_core.evaluation.intervals import wilson, wilson_bounds
from tl_core.evaluation.ranking import checked_probabilities, rank_of_label, top_answers
from tl_core.evaluation.reference import NOTEBOOK, notebook

NAMES = ("apple", "bear", "chair", "dolphin", "elephant", "forest", "girl", "hamster")
COARSE = (0, 1, 2, 1, 1, 0, 2, 1)
COARSE_NAMES = ("plants", "animals", "other")


def answers(images=300, classes=8, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    scores = rng.normal(size=(images, classes))
    scores[np.arange(images), labels] += 1.5
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return chances.astype(dtype), labels


def test_each_figure_is_scikit_learns():
    chances, labels = answers()
    found = evaluate(chances, labels, NAMES, COARSE, COARSE_NAMES)
    predicted = chances.argmax(1)

    assert found.top1.value == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found.top5.value == pytest.approx(
        sk.top_k_accuracy_score(labels, chances, k=5, labels=np.arange(8))
    )
    assert 0.5 < found.top1.value < found.top5.value < 1
    assert found.loss == pytest.approx(sk.log_loss(labels, chances), rel=1e-5)
    assert found.macro_precision == pytest.approx(
        sk.precision_score(labels, predicted, average="macro")
    )
    assert found.macro_recall == pytest.approx(sk.recall_score(labels, predicted, average="macro"))
    assert found.macro_f1 == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert np.array_equal(found.confusion, sk.confusion_matrix(labels, predicted))

    report = sk.classification_report(labels, predicted, target_names=NAMES, output_dict=True)
    for row in found.classes:
        assert row.precision == pytest.approx(report[row.name]["precision"])
        assert row.accuracy == pytest.approx(report[row.name]["recall"])
        assert row.f1 == pytest.approx(report[row.name]["f1-score"])
        assert row.support == report[row.name]["support"]


def test_superclasses_count_fine_and_coarse_answers_apart():
    # Four images of the superclass 'animals' (bear, bear, dolphin, elephant): one fine answer is
    # right, two more stay among the animals. The one chair is called an apple.
    labels = np.array([1, 1, 3, 4, 2])
    chances = np.eye(8)[[1, 3, 4, 0, 0]]
    plants, animals, other = evaluate(chances, labels, NAMES, COARSE, COARSE_NAMES).superclasses

    assert (animals.support, animals.accuracy, animals.superclass_accuracy) == (4, 0.25, 0.75)
    assert (other.support, other.accuracy, other.superclass_accuracy) == (1, 0, 0)
    assert (plants.support, plants.accuracy) == (0, 0)


def test_rows_carry_their_superclass_and_survive_the_trip_to_disk():
    chances, labels = answers(40)
    found = evaluate(chances, labels, NAMES, COARSE, COARSE_NAMES)
    assert [row.superclass for row in found.classes][:3] == ["plants", "animals", "other"]
    text = found.model_dump_json()
    assert Evaluation.model_validate_json(text) == found
    assert "NaN" not in text
    assert json.loads(text)["top1"]["n"] == 40


def test_without_coarse_labels_there_are_no_superclasses():
    chances, labels = answers(40)
    found = evaluate(chances, labels, NAMES)
    assert found.superclasses == ()
    assert {row.superclass for row in found.classes} == {None}


def test_a_class_never_predicted_has_precision_zero():
    labels = np.array([0, 1, 2, 2])
    found = evaluate(np.eye(3)[[0, 0, 2, 2]], labels, "abc")
    predicted = [0, 0, 2, 2]
    assert (found.classes[1].precision, found.classes[1].accuracy, found.classes[1].f1) == (0, 0, 0)
    assert found.macro_precision == pytest.approx(
        sk.precision_score(labels, predicted, average="macro", zero_division=0)
    )
    assert found.macro_precision == pytest.approx((0.5 + 0 + 1) / 3)


def test_a_class_without_test_images_stays_out_of_the_macro_averages():
    found = evaluate(np.eye(3)[[0, 1]], np.array([0, 1]), "abc")
    assert found.macro_recall == 1
    assert (found.classes[2].support, found.classes[2].accuracy) == (0, 0)


def test_one_test_image():
    found = evaluate([[0.1, 0.2, 0.7]], [2], "abc")
    assert (found.top1.value, found.top1.n) == (1, 1)
    assert found.top1.low == pytest.approx(0.2065, abs=1e-4)
    assert found.loss == pytest.approx(-np.log(0.7), rel=1e-5)


def test_a_single_class():
    found = evaluate(np.ones((3, 1)), np.zeros(3, dtype=int), ["only"])
    assert (found.top1.value, found.top5.value, found.loss) == (1, 1, 0)
    assert found.confusion == ((3,),)


def test_an_impossible_answer_costs_a_finite_loss():
    found = evaluate([[1.0, 0.0]], [1], "ab")
    assert found.loss == pytest.approx(-np.log(np.finfo(np.float32).eps), rel=1e-5)


def test_ties_go_to_the_lower_class_everywhere():
    chances = np.full((8, 8), 1 / 8)
    labels = np.arange(8)
    assert rank_of_label(chances, labels).tolist() == list(range(8))
    assert top_answers(chances, 5).tolist() == [[0, 1, 2, 3, 4]] * 8
    found = evaluate(chances, labels, NAMES)
    assert found.top1.value == 1 / 8
    assert found.top5.value == 5 / 8


def test_rank_and_top_answers_agree_on_rounded_probabilities():
    chances, labels = answers(200, dtype=np.float64)
    chances = np.round(chances, 1) + 1e-9
    order = top_answers(chances, 8)
    expected = [order[i].tolist().index(labels[i]) for i in range(200)]
    assert rank_of_label(chances, labels).tolist() == expected


def test_float16_probabilities_give_nearly_the_same_figures():
    chances, labels = answers()
    exact = evaluate(chances, labels, NAMES)
    stored = evaluate(chances.astype(np.float16), labels, NAMES)
    assert stored.loss == pytest.approx(exact.loss, rel=1e-3)
    assert stored.top1.value == pytest.approx(exact.top1.value, abs=0.01)


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 7), (7, 7), (3, 10), (4321, 10000)])
def test_wilson_follows_its_formula(right, n):
    z = norm.ppf(0.975)
    share = right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    found = wilson(right, n)
    assert (found.value, found.n) == (share, n)
    assert found.low == pytest.approx(centre - half, abs=1e-12)
    assert found.high == pytest.approx(centre + half, abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_many_bounds_are_those_of_one_at_a_time():
    counts = [(right, n) for n in (1, 2, 7, 100, 10_000) for right in {0, 1, n // 3, n}]
    shares = [right / n for right, n in counts]
    low, high = wilson_bounds(shares, [n for _, n in counts])
    one_by_one = [wilson(right, n) for right, n in counts]
    assert low == pytest.approx([found.low for found in one_by_one], abs=1e-12)
    assert high == pytest.approx([found.high for found in one_by_one], abs=1e-12)
    nothing = np.array(wilson_bounds([np.nan, 0.0], 0))
    assert nothing == pytest.approx(np.array([[0, 0], [1, 1]]))


@pytest.mark.parametrize(("right", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(right, n):
    with pytest.raises(TransferLabError, match=f"{right} right of {n}"):
        wilson(right, n)


@pytest.mark.parametrize(
    ("chances", "words"),
    [
        (np.array([[0.5, 0.5], [np.nan, 1]]), "1 of 2 test images.*image 1"),
        (np.array([[0.5, 0.5], [0.5, 0.4]]), "image 1 sum to 0.9"),
        (np.array([[2.0, -1.0]]), "logits"),
        (np.ones((0, 3)), r"\(0, 3\)"),
        (np.ones(3), r"\(3,\)"),
    ],
)
def test_what_is_no_probability_is_refused(chances, words):
    with pytest.raises(TransferLabError, match=words):
        checked_probabilities(chances)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0], "one label for each of the 2"),
        ([0, 2], "expected 0 to 1"),
        ([0, -1], "reach from -1"),
        ([0.0, 1.0], "whole numbers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, words):
    with pytest.raises(TransferLabError, match=words):
        evaluate(np.eye(2), labels, "ab")


def test_names_and_superclasses_that_do_not_fit_are_refused():
    with pytest.raises(TransferLabError, match="3 class names for 2"):
        evaluate(np.eye(2), [0, 1], "abc")
    with pytest.raises(TransferLabError, match="superclasses"):
        evaluate(np.eye(2), [0, 1], "ab", [0, 1], ["one"])


def test_the_notebooks_figures():
    assert {name: row.top1 for name, row in NOTEBOOK.items()} == {
        "resnet50": 0.45,
        "vgg16": 0.31,
        "mobilenet_v2": 0.28,
    }
    assert notebook("convnext_tiny") is None
    assert "32 pixels" in NOTEBOOK["vgg16"].source
