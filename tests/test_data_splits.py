import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tl_core.data.splits import hold_out_test, hold_out_validation, limited, stratified_order
from tl_core.errors import TransferLabError

class_sizes = st.lists(st.integers(3, 40), min_size=2, max_size=12)
# A machine that is busy with something else must not fail a test of arithmetic.
unhurried = settings(deadline=None)

seeds = st.integers(0, 2**31 - 1)


def labels_of(sizes: list[int], seed: int = 0) -> np.ndarray:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels)


@unhurried
@given(class_sizes, seeds)
def test_every_beginning_of_a_stratified_order_has_the_classes_in_proportion(sizes, seed):
    labels = labels_of(sizes, seed)
    order = stratified_order(np.arange(len(labels)), labels, seed)
    assert sorted(order) == list(range(len(labels)))
    for length in range(len(sizes), len(order) + 1):
        counts = np.bincount(labels[order[:length]], minlength=len(sizes))
        assert counts.min() >= 1
        # Sainte-Laguë: no class was served (after its first image) before one that waits longer.
        served = np.where(counts > 1, counts - 0.5, 0) / sizes
        waiting = (counts + 0.5) / sizes
        assert served.max() <= waiting.min() + 1e-9


@unhurried
@given(class_sizes, seeds)
def test_a_test_set_leaves_every_class_on_both_sides(sizes, seed):
    labels = labels_of(sizes, seed)
    rest, held = hold_out_test(np.arange(len(labels)), labels, seed)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    assert np.bincount(labels[held], minlength=len(sizes)).min() >= 1
    # A test set held out of three images must leave two, for training and validation.
    assert np.bincount(labels[rest], minlength=len(sizes)).min() >= 2


@unhurried
@given(st.lists(st.integers(2, 90), min_size=2, max_size=12), seeds)
def test_validation_takes_a_tenth_and_of_no_class_the_last_image(sizes, seed):
    labels = labels_of(sizes, seed)
    rest, held = hold_out_validation(np.arange(len(labels)), labels, seed)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    assert len(held) == max(1, round(0.1 * len(labels)))
    assert np.bincount(labels[rest], minlength=len(sizes)).min() >= 1
    if len(held) >= len(sizes):
        assert np.bincount(labels[held], minlength=len(sizes)).min() >= 1


@unhurried
@given(class_sizes, seeds, st.data())
def test_a_smaller_limit_takes_a_subset_of_each_split(sizes, seed, data):
    labels = labels_of(sizes, seed)
    train, validation = hold_out_validation(np.arange(len(labels)), labels, seed)
    limits = st.integers(2 * len(sizes), len(labels))
    small, large = sorted([data.draw(limits), data.draw(limits)])
    few, many = (limited(train, validation, labels, limit) for limit in (small, large))
    assert len(few[0]) + len(few[1]) == small
    assert len(many[0]) + len(many[1]) == large
    assert set(few[0]) <= set(many[0])
    assert set(few[1]) <= set(many[1])
    for part in (*few, *many):
        assert (np.diff(part) > 0).all()
    for part in (few[0], many[0]):
        assert len(np.unique(labels[part])) == len(sizes)


def test_balanced_classes_stay_balanced():
    labels = labels_of([500] * 100)
    train, validation = hold_out_validation(np.arange(50_000), labels, 3)
    assert (np.bincount(labels[validation]) == 50).all()
    few, checks = limited(train, validation, labels, 1000)
    assert (np.bincount(labels[few]) == 9).all()
    assert (np.bincount(labels[checks]) == 1).all()


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    labels = labels_of([50] * 4)
    first, again, other = (
        hold_out_validation(np.arange(200), labels, seed)[1] for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert set(first) != set(other)


def test_the_order_of_the_positions_given_does_not_matter():
    labels = labels_of([20] * 3)
    forward = stratified_order(np.arange(60), labels, 1)
    assert (forward == stratified_order(np.arange(60)[::-1], labels, 1)).all()


@pytest.mark.parametrize(("limit", "words"), [(19, "raise it to 20"), (501, "lower it")])
def test_an_impossible_limit_is_refused_with_the_possible_one(limit, words):
    labels = labels_of([50] * 10)
    train, validation = hold_out_validation(np.arange(500), labels, 0)
    with pytest.raises(TransferLabError, match=words):
        limited(train, validation, labels, limit)
