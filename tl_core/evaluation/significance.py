"""Which differences between runs are real, and the sentence that says so."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Document
from tl_core.wording import percent

Verdict = Literal["better", "worse", "cannot tell"]

LEVEL = 0.05

_TURNED: dict[Verdict, Verdict] = {
    "better": "worse",
    "worse": "better",
    "cannot tell": "cannot tell",
}


class Pair(Document):
    """Two runs on the same images: `verdict` is on run `first` beside run `second`.

    `only_first` and `only_second` count the images that just one of them names right; `p` is
    McNemar's, `p_holm` the same after Holm's correction for all pairs compared together.
    """

    first: int
    second: int
    only_first: int
    only_second: int
    p: float
    p_holm: float
    verdict: Verdict


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    Where two runs are equally good, an image that only one of them names right is as likely the
    one's as the other's. Source: Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947) 153-157, in its exact
    (binomial) form.
    """
    if only_first + only_second == 0:
        return 1.0
    from scipy.stats import binom

    # At 1/2 the distribution is symmetric: both tails together are twice the one.
    tail = binom.cdf(min(only_first, only_second), only_first + only_second, 0.5)
    return min(1.0, 2 * float(tail))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values after Holm's step-down correction, in the order given.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6 (1979) 65-70.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in corrected]


def compare_pairs(right: NDArray[np.bool_]) -> tuple[Pair, ...]:
    """Compare every two runs; `right` (runs×N) says which run names which image right.

    A difference counts as real where Holm's corrected p-value is below 0.05.
    """
    pairs = list(combinations(range(len(right)), 2))
    counts = [
        (int((right[i] & ~right[j]).sum()), int((right[j] & ~right[i]).sum())) for i, j in pairs
    ]
    p_values = [mcnemar(*count) for count in counts]
    return tuple(
        Pair(
            first=i,
            second=j,
            only_first=one,
            only_second=other,
            p=p,
            p_holm=corrected,
            verdict=_verdict(one, other, corrected),
        )
        for (i, j), (one, other), p, corrected in zip(
            pairs, counts, p_values, holm(p_values), strict=True
        )
    )


def verdict_matrix(pairs: Sequence[Pair], runs: int) -> list[list[Verdict | None]]:
    """Return the verdict on each run (row) beside each other (column); None beside itself."""
    matrix: list[list[Verdict | None]] = [[None] * runs for _ in range(runs)]
    for pair in pairs:
        matrix[pair.first][pair.second] = pair.verdict
        matrix[pair.second][pair.first] = _TURNED[pair.verdict]
    return matrix


def verdict_sentence(
    labels: Sequence[str],
    right: NDArray[np.bool_],
    pairs: Sequence[Pair],
    milliseconds: Sequence[float] | None = None,
) -> str:
    """Return the answer first: which run is best, and from which it cannot be told.

    `labels`, the rows of `right` (runs×N) and `milliseconds` (per image) belong together; with the
    milliseconds the sentence names the fastest of the runs that cannot be told from the best.

    Raises:
        TransferLabError: there is no run.
    """
    if len(labels) == 0:
        raise TransferLabError("There is no run to compare; choose at least one.")
    shares = right.mean(axis=1)
    best = int(shares.argmax())
    images = f"{right.shape[1]:,} test image{'s' if right.shape[1] != 1 else ''}"
    top = f"{labels[best]} names {percent(shares[best])} of {images} right"
    if len(labels) == 1:
        return f"{top}; choose a second run to compare it with."
    row = verdict_matrix(pairs, len(labels))[best]
    alike = [run for run, verdict in enumerate(row) if verdict == "cannot tell"]
    if not alike:
        others = "the other" if len(labels) == 2 else f"each of the other {len(labels) - 1}"
        return f"{top}, and is better than {others}: the difference is more than chance."
    equal = [labels[run] for run in alike if shares[run] == shares[best]]
    place = f"as many as {_listed(equal)}" if equal else "the most here"
    told = "" if len(alike) == len(labels) - 1 else " It is better than the rest."
    return (
        f"{top}, {place}, but these images cannot tell it from "
        f"{_listed([labels[run] for run in alike])}.{told}"
        f"{_fastest(labels, [best, *alike], milliseconds)}"
    )


def _verdict(only_first: int, only_second: int, p: float) -> Verdict:
    if p >= LEVEL:
        return "cannot tell"
    return "better" if only_first > only_second else "worse"


def _fastest(labels: Sequence[str], alike: list[int], milliseconds: Sequence[float] | None) -> str:
    if milliseconds is None:
        return ""
    fastest = min(alike, key=lambda run: milliseconds[run])
    return (
        f" Of these, {labels[fastest]} answers fastest ({milliseconds[fastest]:.1f} ms a picture)."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
