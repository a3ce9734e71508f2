from itertools import pairwise
from math import comb

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import contingency_tables, multitest

from tl_core.errors import TransferLabError
from tl_core.evaluation.comparable import Candidate, comparable
from tl_core.evaluation.document import Cost
from tl_core.evaluation.pareto import COSTS, pareto_front
from tl_core.evaluation.seeds import seed_groups
from tl_core.evaluation.significance import (
    compare_pairs,
    holm,
    mcnemar,
    verdict_matrix,
    verdict_sentence,
)
from tl_core.evaluation.together import agreements, averaged, together
from tl_core.training.recipe import make_recipe


def right(*counts):
    """Rows of right and wrong, from how many images each combination of runs names right."""
    columns = [column for column, count in counts for _ in range(count)]
    return np.array(columns, dtype=bool).T


def by_hand(only_first, only_second):
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    return min(1.0, 2 * tail)


@pytest.mark.parametrize("counts", [(0, 1), (1, 1), (2, 10), (10, 2), (30, 31), (120, 80), (0, 9)])
def test_mcnemar_is_the_binomial_sum(counts):
    assert mcnemar(*counts) == pytest.approx(by_hand(*counts), abs=1e-12)


def test_mcnemar_of_runs_that_never_differ():
    assert mcnemar(0, 0) == 1


def test_mcnemar_and_holm_are_those_of_statsmodels():
    assert mcnemar(12, 31) == pytest.approx(
        contingency_tables.mcnemar([[5, 12], [31, 9]], exact=True).pvalue
    )
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])


def test_holm_by_hand():
    # Sorted: 0.005·5, 0.01·4, 0.03·3, 0.04·2 raised to the 0.09 before it, 0.9·1.
    assert holm([0.01, 0.04, 0.03, 0.005, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm([0.5, 0.5]) == [1, 1]
    assert holm([]) == []


def test_pairs_count_what_only_one_names_right():
    answers = right(([1, 1], 50), ([1, 0], 20), ([0, 1], 4), ([0, 0], 26))
    (pair,) = compare_pairs(answers)
    assert (pair.only_first, pair.only_second) == (20, 4)
    assert pair.p == pytest.approx(by_hand(20, 4))
    assert pair.p_holm == pair.p
    assert pair.verdict == "better"


def test_holm_can_take_a_verdict_back():
    # Alone, 16 against 5 is below 0.05 (0.027); among three comparisons it is not.
    alone = right(([1, 0], 16), ([0, 1], 5))
    assert compare_pairs(alone)[0].verdict == "better"
    three = right(([1, 0, 1], 16), ([0, 1, 0], 5))
    verdicts = [pair.verdict for pair in compare_pairs(three)]
    assert verdicts == ["cannot tell", "cannot tell", "cannot tell"]


def test_the_matrix_says_both_directions():
    answers = right(([1, 0, 1], 40), ([1, 1, 1], 40), ([0, 0, 1], 1))
    matrix = verdict_matrix(compare_pairs(answers), 3)
    assert matrix == [
        [None, "better", "cannot tell"],
        ["worse", None, "worse"],
        ["cannot tell", "better", None],
    ]


def test_the_sentence_names_the_winner_when_there_is_one():
    answers = right(([1, 0, 0], 60), ([1, 1, 1], 30), ([0, 0, 0], 10))
    said = verdict_sentence(["A", "B", "C"], answers, compare_pairs(answers))
    assert said == (
        "A names 90.0 % of 100 test images right, and is better than each of the other 2: "
        "the difference is more than chance."
    )


def test_the_sentence_says_what_cannot_be_told_and_which_is_fastest():
    answers = right(([1, 1, 0], 50), ([1, 0, 0], 3), ([0, 1, 0], 2), ([0, 0, 0], 45))
    said = verdict_sentence(["A", "B", "C"], answers, compare_pairs(answers), [9.0, 2.5, 1.0])
    assert said == (
        "A names 53.0 % of 100 test images right, the most here, but these images cannot tell it "
        "from B. It is better than the rest. Of these, B answers fastest (2.5 ms a picture)."
    )


def test_runs_that_are_equally_often_right_are_both_the_best():
    answers = right(([1, 1, 1], 50), ([1, 0, 0], 3), ([0, 1, 1], 3), ([0, 0, 0], 44))
    said = verdict_sentence(["A", "B", "C"], answers, compare_pairs(answers))
    assert said == (
        "A names 53.0 % of 100 test images right, as many as B and C, but these images cannot tell "
        "it from B and C."
    )


def test_the_sentence_on_one_run_one_image_and_none():
    assert "choose a second run" in verdict_sentence(["A"], np.ones((1, 1), bool), ())
    one_image = right(([1, 0], 1))
    said = verdict_sentence(["A", "B"], one_image, compare_pairs(one_image))
    assert "1 test image right" in said
    assert "cannot tell it from B" in said
    with pytest.raises(TransferLabError, match="no run"):
        verdict_sentence([], np.ones((0, 1), bool), ())


def test_kappa_is_scikit_learns():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 5, 200))
    (found,) = agreements(np.stack([first, second]))
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.same == (first == second).mean()
    assert 0.4 < found.kappa < found.same < 1


def test_kappa_of_one_image_and_of_a_constant_answer():
    assert agreements(np.array([[3], [3]]))[0].kappa == 1
    assert agreements(np.array([[3], [2]]))[0].kappa == 0
    assert agreements(np.array([[1, 1, 1], [1, 1, 1]]))[0].kappa == 1


def test_the_average_by_hand():
    # Each run is right on one of two images and unsure on its mistake, so the mean is right twice.
    one = [[0.9, 0.1], [0.55, 0.45]]
    other = [[0.45, 0.55], [0.1, 0.9]]
    assert averaged([one, other]).tolist() == pytest.approx(
        np.array([[0.675, 0.325], [0.325, 0.675]])
    )
    found = together([one, other], [0, 1])
    assert (found.top1.value, found.gain, found.any_right.value) == (1, 0.5, 1)
    assert (found.best_single, found.verdict) == (0, "cannot tell")


def test_the_average_of_one_run_is_that_run():
    found = together([np.eye(3)], [0, 1, 1])
    assert found.top1.value == pytest.approx(2 / 3)
    assert (found.gain, found.verdict) == (0, "cannot tell")


def test_runs_on_other_images_are_not_averaged():
    with pytest.raises(TransferLabError, match="same images"):
        averaged([np.eye(3), np.eye(2)])
    with pytest.raises(TransferLabError, match="at least one run"):
        averaged([])


def test_seeds_are_one_group_and_their_spread_is_the_samples():
    base = {"backbone": "vgg16", "epochs": 3}
    runs = [
        ("b", make_recipe(**base, seed=2), "x", 0.62),
        ("other", make_recipe(backbone="vgg16", epochs=4), "x", 0.5),
        ("a", make_recipe(**base, seed=0, preset="quick"), "x", 0.60),
        ("again", make_recipe(**base, seed=2), "x", 0.99),
        ("more data", make_recipe(**base, seed=2), "y", 0.7),
        ("c", make_recipe(**base, seed=7), "x", 0.67),
    ]
    first, second, third = seed_groups(runs)
    assert first.runs == ("a", "b", "c")
    assert first.seeds == (0, 2, 7)
    assert first.mean == pytest.approx(0.63)
    assert first.spread == pytest.approx((((0.03**2) + (0.01**2) + (0.04**2)) / 2) ** 0.5)
    assert (first.representative, first.repeats) == ("a", ("again",))
    assert (second.runs, second.spread) == (("other",), None)
    assert (third.runs, third.repeats) == (("more data",), ())


def candidate(run, dataset="CIFAR-100", fingerprint="x", demo=False, obstacle=None):
    return Candidate(run, obstacle, dataset, demo, fingerprint)


def test_what_cannot_be_compared_is_left_out_with_a_reason():
    kept, left_out = comparable(
        [
            candidate("demo", "Demo data", "d", demo=True),
            candidate("a"),
            candidate("failed", obstacle="It failed: out of memory."),
            candidate("split", fingerprint="y"),
            candidate("folder", "My flowers", "z"),
            candidate("b"),
        ]
    )
    assert [found.run for found in kept] == ["a", "b"]
    assert {found.run: found.why for found in left_out} == {
        "demo": "It was made from demo data, the others from real data (CIFAR-100).",
        "failed": "It failed: out of memory.",
        "split": "It was tested on other images of CIFAR-100: another test split.",
        "folder": "It was tested on other data: My flowers instead of CIFAR-100.",
    }


def test_demo_data_never_stand_beside_real_ones_even_with_one_fingerprint():
    kept, left_out = comparable([candidate("demo", demo=True), candidate("real")])
    assert [found.run for found in kept] == ["demo"]
    assert "real data" in left_out[0].why


def test_nothing_finished_leaves_nothing_to_compare():
    kept, left_out = comparable([candidate("a", obstacle="It is still queued.")])
    assert kept == ()
    assert left_out[0].why == "It is still queued."
    assert comparable([]) == ((), ())


def test_the_front_by_hand():
    costs = [1, 2, 3, 2, 4, 1]
    accuracies = [0.5, 0.7, 0.6, 0.7, 0.9, 0.4]
    # Point 2 costs more than 1 for less; point 5 costs as much as 0 for less; 1 and 3 are equal.
    assert pareto_front(costs, accuracies) == [0, 1, 3, 4]
    assert pareto_front([5], [0.1]) == [0]
    assert pareto_front([], []) == []


def test_no_point_of_the_front_is_beaten_and_every_other_is():
    rng = np.random.default_rng(1)
    costs, accuracies = rng.integers(0, 9, 60), rng.integers(0, 9, 60)
    front = pareto_front(costs, accuracies)

    def beaten(i):
        return any(
            costs[j] <= costs[i]
            and accuracies[j] >= accuracies[i]
            and (costs[j] < costs[i] or accuracies[j] > accuracies[i])
            for j in range(60)
        )

    assert set(front) == {i for i in range(60) if not beaten(i)}
    assert all(costs[i] <= costs[j] for i, j in pairwise(front))


def test_costs_have_their_units():
    cost = Cost(
        seconds={"data": 30, "head": 90},
        images_per_second=100,
        ms_per_image=12.5,
        ms_per_image_p95=20,
        parameters=2_500_000,
        trained_parameters=10,
        model_bytes=14_000_000,
        peak_memory_bytes=1,
    )
    assert {name: kind.of(cost) for name, kind in COSTS.items()} == {
        "latency": 12.5,
        "parameters": 2.5,
        "size": 14,
        "training": 2,
    }
