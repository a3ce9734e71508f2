"""Which runs may stand beside each other, and why the others may not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tl_core.evaluation.document import Document


@dataclass(frozen=True)
class Candidate:
    """What decides whether a run can be compared.

    `obstacle` says why the run has no results, None if it has them; then `dataset` is the data
    set's title and `test_fingerprint` what runs tested on the same images share.
    """

    run: str
    obstacle: str | None
    dataset: str = ""
    is_demo: bool = False
    test_fingerprint: str = ""


class LeftOut(Document):
    """A run that is not compared, and why in one sentence."""

    run: str
    why: str


def comparable(
    candidates: Sequence[Candidate],
) -> tuple[tuple[Candidate, ...], tuple[LeftOut, ...]]:
    """Return the candidates that may be compared with each other, and those left out.

    All that stay were tested on the same images, demo data never beside real ones. Of several
    possible sets the largest stays, and of equally large ones that of the earliest candidate.
    """
    finished = [candidate for candidate in candidates if candidate.obstacle is None]
    sizes = Counter(test_identity(candidate) for candidate in finished)
    # `most_common` leaves equal counts in the order they were first met.
    chosen = sizes.most_common(1)[0][0] if sizes else None
    kept = tuple(candidate for candidate in finished if test_identity(candidate) == chosen)
    left_out = tuple(
        LeftOut(run=candidate.run, why=why_left_out(candidate, kept))
        for candidate in candidates
        if candidate not in kept
    )
    return kept, left_out


def test_identity(candidate: Candidate) -> tuple[bool, str]:
    """Return what two candidates share exactly if they can be compared; demo data last."""
    return candidate.is_demo, candidate.test_fingerprint


def why_left_out(candidate: Candidate, kept: Sequence[Candidate]) -> str:
    """Say in one sentence why `candidate` cannot stand beside `kept`, of which one is enough."""
    if candidate.obstacle is not None:
        return candidate.obstacle
    other = kept[0]
    if candidate.is_demo and not other.is_demo:
        return f"It was made from demo data, the others from real data ({other.dataset})."
    if other.is_demo and not candidate.is_demo:
        return f"It was made from real data ({candidate.dataset}), the others from demo data."
    if candidate.dataset != other.dataset:
        return f"It was tested on other data: {candidate.dataset} instead of {other.dataset}."
    return f"It was tested on other images of {other.dataset}: another test split."
