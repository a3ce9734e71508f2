"""A comparison's figures, each held against scikit-learn or a computation by hand."""

import shutil
from math import comb

import numpy as np
import pytest
from run_folders import write_run
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    log_loss,
    recall_score,
)

from tl_core.compare import Comparison, compare
from tl_core.compare.selection import comparable_sets
from tl_core.errors import TransferLabError
from tl_core.evaluation.calibration import believable
from tl_core.evaluation.intervals import wilson
from tl_core.runs.names import run_title
from tl_core.runs.recorded import record
from tl_core.runs.store import get_run


def write(name, **options):
    return write_run(name, **{"classes": 10, "superclasses": 4, "test": 300} | options)


@pytest.fixture
def three():
    """The least accurate first; a comparison puts them the other way round."""
    return [
        write("a", skill=0.5, seed=1, backbone="mobilenet_v2"),
        write("b", skill=2.0, seed=2, backbone="vgg16"),
        write("c", skill=2.1, seed=3, backbone="resnet50"),
    ]


def by_hand(only_first, only_second):
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    return min(1.0, 2 * tail)


def answers(runs):
    return [run.predictions()[0].argmax(axis=1) for run in runs]


def test_the_most_accurate_run_stands_first_and_the_sentence_names_it(three):
    found = compare(three)
    shares = [run.top1.value for run in found.runs]
    labels = three[0].predictions()[1]
    expected = {
        run.id: accuracy_score(labels, a) for run, a in zip(three, answers(three), strict=True)
    }
    assert {run.run: run.top1.value for run in found.runs} == expected
    assert shares == sorted(shares, reverse=True)
    best = max(expected, key=expected.get)
    assert found.runs[0].run == best
    assert found.verdict.startswith(f"{found.runs[0].title} names {100 * expected[best]:.1f} %")
    assert compare(list(reversed(three))) == found


def test_pairs_are_mcnemars_and_holms(three):
    found = compare(three)
    labels = three[0].predictions()[1]
    right = [get_run(run.run).predictions()[0].argmax(axis=1) == labels for run in found.runs]
    p = []
    for pair in found.pairs:
        first, second = right[pair.first], right[pair.second]
        assert pair.only_first == (first & ~second).sum()
        assert pair.only_second == (second & ~first).sum()
        p.append(by_hand(pair.only_first, pair.only_second))
        assert pair.p == pytest.approx(p[-1])
    order = np.argsort(p)
    stepped = np.maximum.accumulate([p[i] * (3 - place) for place, i in enumerate(order)])
    for place, i in enumerate(order):
        assert found.pairs[i].p_holm == pytest.approx(min(1, stepped[place]))
    assert found.verdicts[0][2] == "better"
    assert found.verdicts[2][0] == "worse"
    assert found.verdicts[1][1] is None


def test_a_row_has_the_stored_figures_and_the_tables_are_scikit_learns(three):
    found = compare(three)
    for place, row in enumerate(found.runs):
        run = get_run(row.run)
        probabilities, labels = run.predictions()
        answer = probabilities.argmax(axis=1)
        top5 = (np.argsort(-probabilities, axis=1)[:, :5] == labels[:, None]).any(axis=1)
        assert row.top1 == wilson(int((answer == labels).sum()), 300)
        assert row.top5 == wilson(int(top5.sum()), 300)
        assert (row.best_epoch, row.minutes, row.megabytes) == (2, pytest.approx(53 / 60), 4)
        cost = run.outcome.cost
        for name in ("ms_per_image", "ms_per_image_p95", "images_per_second", "parameters"):
            assert getattr(row, name) == getattr(cost, name)
        assert row.images_per_second_p5 == cost.images_per_second_p5 == 90
        assert row.val_accuracy == run.outcome.val_accuracy
        validated = run.validation_predictions()
        right = int((validated[0].argmax(axis=1) == validated[1]).sum())
        found_interval = wilson(right, len(validated[1]))
        assert row.val_interval == pytest.approx((found_interval.low, found_interval.high))
        assert row.saved_model_agreement == run.outcome.saved_model_agreement == 0.99
        assert row.loss == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
        assert row.macro_f1 == pytest.approx(f1_score(labels, answer, average="macro"))
        assert np.array_equal(row.confusion, confusion_matrix(labels, answer))
        kinds = confusion_matrix(labels % 4, answer % 4)
        assert np.array_equal(row.superclass_confusion, kinds)
        recall = recall_score(labels, answer, average=None)
        assert [c.accuracies[place] for c in found.classes] == pytest.approx(list(recall))
        for number, row_of_class in enumerate(found.classes):
            own = labels == number
            expected = wilson(int((answer[own] == number).sum()), int(own.sum()))
            bounds = row_of_class.low[place], row_of_class.high[place]
            assert bounds == pytest.approx((expected.low, expected.high))
            assert expected.high - expected.low <= found.widest_class_interval + 1e-9
        for kind, shares in enumerate(found.superclasses.accuracies):
            own = labels % 4 == kind
            expected = wilson(int((answer[own] == labels[own]).sum()), int(own.sum()))
            assert shares[place] == pytest.approx(expected.value)
            assert found.superclasses.low[kind][place] == pytest.approx(expected.low)
            assert found.superclasses.high[kind][place] == pytest.approx(expected.high)
        assert row.believable == believable(probabilities, labels, run.validation_predictions())
        assert row.coverage[-1].accuracy == row.top1
        assert [point.epoch for point in row.curve] == [1, 2]


def test_pictures_of_a_confused_pair_are_of_that_pair(three):
    for row in compare(three).runs:
        probabilities, labels = get_run(row.run).predictions()
        answer = probabilities.argmax(axis=1)
        pair = row.most_confused[0]
        counts = confusion_matrix(labels, answer)
        np.fill_diagonal(counts, 0)
        assert pair.count == counts.max()
        assert len(pair.positions) == min(6, pair.count)
        assert {(labels[p], answer[p]) for p in pair.positions} == {(pair.label, pair.answer)}


def test_exhibits_show_every_run_in_the_order_of_the_runs(three):
    found = compare(three)
    labels = three[0].predictions()[1]
    ordered = answers([get_run(run.run) for run in found.runs])
    shown = [e for run in found.runs for e in (*run.only_right, *run.confident_mistakes)]
    for exhibit in (*found.hardest, *shown):
        assert exhibit.label == labels[exhibit.position]
        assert [a.answer for a in exhibit.answers] == [a[exhibit.position] for a in ordered]
    for place, run in enumerate(found.runs):
        for exhibit in run.only_right:
            right = [a.answer == exhibit.label for a in exhibit.answers]
            assert right == [other == place for other in range(3)]
        assert all(e.answers[place].answer != e.label for e in run.confident_mistakes)


def test_agreement_and_the_average(three):
    found = compare(three)
    ordered = [get_run(run.run) for run in found.runs]
    one, two, three_ = answers(ordered)
    kappas = [cohen_kappa_score(a, b) for a, b in ((one, two), (one, three_), (two, three_))]
    assert [pair.kappa for pair in found.agreement] == pytest.approx(kappas)
    mean = np.mean([run.predictions()[0] for run in ordered], axis=0)
    labels = three[0].predictions()[1]
    assert found.together.top1.value == accuracy_score(labels, mean.argmax(axis=1))
    assert found.together.best_single == 0


def test_costs_and_their_front(three):
    found = compare(three)
    assert set(found.costs) == {"latency", "parameters", "size", "training"}
    assert found.costs["latency"].values == (10, 10, 10)
    # All cost the same, so that only the most accurate is not beaten.
    assert found.costs["latency"].front == (0,)


def test_the_notebook_stands_only_beside_cifar100(three):
    assert compare(three).references == ()
    real = [write(f"real-{b}", dataset="cifar100", backbone=b) for b in ("vgg16", "densenet121")]
    assert [mark.backbone for mark in compare(real).references] == ["vgg16"]


def test_what_cannot_stand_beside_the_others_is_left_out_with_the_reason(three, own_folders):
    broken = write("broken")
    (broken.folder / "predictions.npz").write_bytes(b"")
    unreadable = write("unreadable")
    (unreadable.folder / "recipe.json").write_text("{")
    others = [
        write("photographs", dataset="cifar100"),
        write("smaller", test=200),
        write("failed", state="failed"),
        write("stopped", state="stopped"),
        write("waiting", state="queued"),
        get_run("broken"),
        get_run("unreadable"),
    ]
    found = compare([*others, *three])
    assert {run.run for run in found.runs} == {"a", "b", "c"}
    why = {left.run: left.why for left in found.left_out}
    assert why["photographs"] == (
        "It was made from real data (cifar100), the others from demo data."
    )
    assert "another test split" in why["smaller"]
    assert why["failed"] == "It failed: It went wrong."
    assert why["stopped"] == "It was stopped."
    assert why["waiting"] == "It is still waiting."
    assert "predictions.npz" in why["broken"]
    assert why["unreadable"].startswith("It cannot be read: recipe.json")
    assert len(why) == len(others)


def test_nothing_to_compare_says_why():
    with pytest.raises(TransferLabError, match=r"failed: It failed: It went wrong\."):
        compare([write("failed", state="failed")])
    with pytest.raises(TransferLabError, match="Choose at least one"):
        compare([])


def test_labels_that_differ_on_the_same_images_are_refused(three):
    path = three[0].folder / "predictions.npz"
    arrays = dict(np.load(path))
    np.savez(path, **(arrays | {"labels": (arrays["labels"] + 1) % 10}))
    with pytest.raises(TransferLabError, match="stored labels differ"):
        compare(three)


def test_answers_that_were_replaced_are_read_again(three):
    assert all(pair.same < 1 for pair in compare(three).agreement)
    shutil.copyfile(three[2].folder / "predictions.npz", three[0].folder / "predictions.npz")
    assert [pair.same == 1 for pair in compare(three).agreement].count(True) == 1


def test_seeds_of_one_recipe_are_one_result_and_no_rivals(three):
    second = write("a-again", skill=0.6, seed=11, backbone="mobilenet_v2", recipe={"seed": 5})
    repeat = write("a-repeat", skill=0.6, seed=12, backbone="mobilenet_v2")
    found = compare([*three, second, repeat])
    assert {run.run for run in found.runs} == {"a", "b", "c"}
    (row,) = [run for run in found.runs if run.run == "a"]
    assert row.seeds.runs == ("a", "a-again")
    assert row.seeds.seeds == (0, 5)
    one, other = (get_run(name).evaluation.top1.value for name in ("a", "a-again"))
    assert row.seeds.mean == pytest.approx((one + other) / 2)
    assert row.seeds.spread == pytest.approx(abs(one - other) / 2**0.5)
    assert any("2 seeds" in caveat for caveat in found.caveats)
    assert {left.run: left.why for left in found.left_out} == {
        "a-repeat": "It repeats a with the same recipe and seed."
    }


def test_a_recorded_run_is_no_repeat_of_one_made_here_and_is_marked(three):
    found = compare([three[0], record(three[0])])
    assert [run.recorded for run in found.runs] == [False, True]
    assert found.runs[1].title.endswith("recorded")
    assert any("Recorded elsewhere" in caveat for caveat in found.caveats)
    assert found.left_out == ()


def test_a_single_run_and_a_single_image():
    alone = compare([write("alone", test=1)])
    assert alone.together is None
    assert (alone.pairs, alone.agreement) == ((), ())
    assert alone.verdicts == ((None,),)
    assert "choose a second run" in alone.verdict
    pair = compare([write("alone-too", test=1, backbone="vgg16"), get_run("alone")])
    assert pair.pairs[0].verdict == "cannot tell"
    # Nine of ten classes have no image, and no superclass but one.
    assert sum(row.support for row in pair.classes) == 1
    assert sum(None not in shares for shares in pair.superclasses.accuracies) == 1


def test_a_class_never_predicted_and_equal_answers():
    run = write("never")
    path = run.folder / "predictions.npz"
    arrays = dict(np.load(path))
    chances = np.full((300, 10), 0.1, np.float32)
    np.savez(path, **(arrays | {"probabilities": chances}))
    found = compare([get_run("never"), write("other", backbone="vgg16")])
    place = [row.run for row in found.runs].index("never")
    # Of equal answers the lowest class counts: every image is called class 0.
    first = {exhibit.answers[place].answer for exhibit in found.hardest}
    assert first == {0}


def test_data_without_superclasses():
    found = compare([write("plain", superclasses=0)])
    assert found.superclasses is None
    assert found.runs[0].superclass_confusion is None
    assert found.data.coarse_of_class is None


def test_times_of_different_machines_are_not_compared(three):
    (three[0].folder / "outcome.json").write_text(
        three[0].outcome.model_copy(update={"machine": {"processor": "p"}}).model_dump_json()
    )
    found = compare([get_run(run.id) for run in three])
    assert any("different machines" in caveat for caveat in found.caveats)
    assert "ms a picture" not in found.verdict


def test_minutes_beside_those_of_cached_features_are_explained(three):
    assert not any("in the cache" in caveat for caveat in compare(three).caveats)
    (three[0].folder / "outcome.json").write_text(
        three[0].outcome.model_copy(update={"cached_features": True}).model_dump_json()
    )
    found = compare([get_run(run.id) for run in three])
    (told,) = [caveat for caveat in found.caveats if "in the cache" in caveat]
    assert run_title(three[0]) in told


def test_the_document_goes_through_json_unchanged(three):
    found = compare(three)
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_sets_of_comparable_runs_put_real_data_first(three):
    real = write("photographs", dataset="cifar100")
    failed = write("failed", state="failed")
    sets, left_out = comparable_sets([*three, failed, real])
    assert [(found.title, found.is_demo) for found in sets] == [("cifar100", False), ("demo", True)]
    assert sets[1].runs == tuple(three)
    assert [left.run for left in left_out] == ["failed"]
    for found in sets:
        assert compare(found.runs).left_out == ()


def test_in_what_the_runs_differ_is_said():
    alike = [write(name, seed=number) for number, name in enumerate("ab")]
    assert compare(alike[:1]).differences == ()
    assert compare(alike).differences == ()
    own = {"dropout": 0.5, "augmentation": ("flip",), "batch_size": 64, "learning_rate": 0.01}
    other = write("c", seed=3, recipe=own)
    outcome = other.outcome
    less = outcome.dataset.model_copy(update={"train": 100})
    path = other.folder / "outcome.json"
    path.write_text(outcome.model_copy(update={"dataset": less}).model_dump_json())

    found = compare([alike[0], get_run("c")])
    place = [run.run for run in found.runs].index("c")
    told = {one.name: (one.values[place], one.values[1 - place]) for one in found.differences}
    recipe, images = alike[0].recipe, outcome.dataset.train
    assert told == {
        "training images": ("100", f"{images:,}"),
        "batch size": ("64", str(recipe.head_batch(images))),
        "learning rate": ("0.01", f"{recipe.head_rate(images):.3g}"),
        "dropout": ("0.5", "0"),
        "augmentation": ("flip", "none"),
    }
    tuned = write("d", recipe={"fine_tune_blocks": 1, "fine_tune_epochs": 2})
    told = {one.name: set(one.values) for one in compare([alike[0], tuned]).differences}
    assert told["fine tune rate"] == {"0.0001", "–"}
    assert any("Not trained on equally many images" in caveat for caveat in found.caveats)
    assert not any("equally many" in caveat for caveat in compare(alike).caveats)
