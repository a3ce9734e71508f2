import numpy as np
import pytest

from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.evaluation.classes import class_table, superclass_accuracies
from tl_core.evaluation.confusion import (
    by_superclass,
    confusion,
    inside_pair,
    most_confused,
    most_confused_superclasses,
)
from tl_core.evaluation.mistakes import Gallery, told

# Six images of three classes, two runs. Right answers by image: both, first, second, none, both,
# second.
LABELS = [0, 1, 2, 0, 1, 2]
FIRST = [
    [0.8, 0.1, 0.1],
    [0.2, 0.7, 0.1],
    [0.9, 0.05, 0.05],
    [0.1, 0.3, 0.6],
    [0.1, 0.5, 0.4],
    [0.45, 0.4, 0.15],
]
SECOND = [
    [0.6, 0.3, 0.1],
    [0.5, 0.4, 0.1],
    [0.3, 0.1, 0.6],
    [0.05, 0.05, 0.9],
    [0.2, 0.6, 0.2],
    [0.1, 0.2, 0.7],
]


def positions(exhibits):
    return [exhibit.position for exhibit in exhibits]


def gallery_of(*runs, labels=LABELS):
    return Gallery([told(run, labels) for run in runs], np.array(labels))


def test_hardest_images_by_the_mean_log_of_the_right_chance():
    gallery = gallery_of(FIRST, SECOND)
    own = [[row[label] for row, label in zip(run, LABELS, strict=True)] for run in (FIRST, SECOND)]
    expected = np.argsort(np.log(own).mean(axis=0))
    assert positions(gallery.hardest()) == expected.tolist()
    assert positions(gallery.hardest(2)) == [3, 2]


def test_an_exhibit_carries_every_runs_answer():
    first = gallery_of(FIRST, SECOND).hardest(1)[0]
    assert (first.position, first.label) == (3, 0)
    assert [(a.answer, a.confidence, a.chance_of_label) for a in first.answers] == [
        (2, pytest.approx(0.6), pytest.approx(0.1)),
        (2, pytest.approx(0.9), pytest.approx(0.05)),
    ]


def test_images_that_one_run_alone_names_right():
    gallery = gallery_of(FIRST, SECOND)
    assert positions(gallery.only_right(0)) == [1]
    assert positions(gallery.only_right(1)) == [5, 2]


def test_confident_mistakes_come_surest_first():
    gallery = gallery_of(FIRST, SECOND)
    assert positions(gallery.confident_mistakes(0)) == [2, 3, 5]
    assert positions(gallery.confident_mistakes(1)) == [3, 1]
    assert positions(gallery.confident_mistakes(0, count=1)) == [2]


def test_images_of_one_confused_pair():
    gallery = gallery_of(FIRST, SECOND)
    assert gallery.of_pair(0, label=2, answer=0) == (2, 5)
    assert gallery.of_pair(1, label=2, answer=0) == ()


def test_a_single_run_and_a_single_image():
    gallery = gallery_of([[0.2, 0.8]], labels=[0])
    assert positions(gallery.hardest()) == positions(gallery.confident_mistakes(0)) == [0]
    assert gallery.only_right(0) == ()


def test_ties_stand_in_the_order_of_the_test_set():
    gallery = gallery_of(np.full((5, 4), 0.25), labels=[1, 1, 2, 3, 1])
    assert positions(gallery.hardest()) == [0, 1, 2, 3, 4]
    assert positions(gallery.confident_mistakes(0)) == [0, 1, 2, 3, 4]


def test_a_gallery_refuses_what_does_not_fit():
    with pytest.raises(TransferLabError, match="same images"):
        Gallery([told(FIRST, LABELS), told(SECOND[:3], LABELS[:3])], np.array(LABELS))
    with pytest.raises(TransferLabError, match="at least one run"):
        Gallery([], np.array(LABELS))
    with pytest.raises(TransferLabError, match="run number 2"):
        gallery_of(FIRST, SECOND).only_right(2)


def test_most_confused_pairs_with_their_direction():
    matrix = np.array([[5, 3, 0], [1, 6, 3], [0, 0, 0]])
    found = most_confused(matrix)
    assert [(p.label, p.answer, p.count) for p in found] == [(0, 1, 3), (1, 2, 3), (1, 0, 1)]
    assert [p.share for p in found] == [3 / 8, 3 / 10, 1 / 10]
    assert len(most_confused(matrix, count=1)) == 1
    assert most_confused(np.diag([4, 4])) == ()


def test_superclass_matrix_is_that_of_the_superclasses_labels():
    rng = np.random.default_rng(0)
    coarse = np.array([0, 1, 0, 2, 1])
    labels, predicted = rng.integers(0, 5, (2, 300))
    matrix = confusion(labels, predicted, 5)
    assert np.array_equal(
        by_superclass(matrix, coarse, 3), confusion(coarse[labels], coarse[predicted], 3)
    )


def test_a_pair_of_superclasses_opens_into_its_classes():
    matrix = np.arange(25).reshape(5, 5)
    rows, columns, cells = inside_pair(matrix, [0, 1, 0, 2, 1], 0, 1)
    assert (rows.tolist(), columns.tolist()) == ([0, 2], [1, 4])
    assert cells.tolist() == [[1, 4], [11, 14]]


def test_class_table_and_superclass_shares():
    names, coarse_names = ("cat", "dog", "oak"), ("animals", "trees", "none")
    found = [evaluate(p, LABELS, names, (0, 0, 1), coarse_names) for p in (FIRST, SECOND)]
    cat, dog, oak = class_table(found)
    assert (cat.name, cat.superclass, cat.support) == ("cat", "animals", 2)
    assert (dog.accuracies, dog.spread) == ((1, 0.5), 0.5)
    assert (oak.accuracies, oak.spread) == ((0, 1), 1)

    shown, shares = superclass_accuracies(found)
    assert shown == coarse_names
    assert shares[:2].tolist() == [[0.75, 0.5], [0, 1]]
    assert np.isnan(shares[2]).all()


def test_tables_refuse_runs_on_other_classes():
    one = evaluate(np.eye(2), [0, 1], "ab")
    other = evaluate(np.eye(2), [0, 1], "ac")
    with pytest.raises(TransferLabError, match="2 different lists of classes"):
        class_table([one, other])
    with pytest.raises(TransferLabError, match="at least one run"):
        superclass_accuracies([])


def test_mistakes_between_superclasses_count_those_within_one():
    # Classes 0 and 1 are of superclass 0, class 2 of superclass 1; 3 has none of 7 images right.
    matrix = np.array([[5, 3, 0, 1], [0, 8, 0, 0], [2, 2, 1, 0], [0, 0, 7, 0]])
    found = most_confused_superclasses(matrix, [0, 0, 1, 2], 3)
    assert [(pair.label, pair.answer, pair.count) for pair in found] == [
        *((2, 1, 7), (1, 0, 4), (0, 0, 3), (0, 2, 1))
    ]
    assert [pair.share for pair in found] == [7 / 7, 4 / 5, 3 / 17, 1 / 17]
    assert most_confused_superclasses(matrix, [0, 0, 1, 2], 3, 1) == found[:1]
    assert most_confused_superclasses(np.diag([4, 2]), [0, 1], 2) == ()
