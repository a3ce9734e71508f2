"""Which of the stored runs can stand beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from tl_core.evaluation.comparable import Candidate, LeftOut, test_identity, why_left_out
from tl_core.runs.documents import State
from tl_core.runs.store import Run

_WITHOUT_RESULTS: dict[State, str] = {
    "queued": "It is still waiting",
    "running": "It is still training",
    "stopping": "It is about to stop",
    "stopped": "It was stopped",
    "interrupted": "It was interrupted",
    "failed": "It failed",
}


@dataclass(frozen=True)
class ComparableSet:
    """Runs that were tested on the same images, in the order they were given.

    `key` tells the set from every other one, `title` is that of the data.
    """

    key: str
    title: str
    is_demo: bool
    runs: tuple[Run, ...]


def comparable_sets(
    runs: Sequence[Run],
) -> tuple[tuple[ComparableSet, ...], tuple[LeftOut, ...]]:
    """Return the runs with results by what they were tested on, and why the others have none.

    Any runs of one set can be compared. Sets of real data stand before those of demo data, and
    else that of the earlier run first. No more is read than what tells runs apart.
    """
    sets: dict[tuple[bool, str], list[tuple[Candidate, Run]]] = {}
    left_out = []
    for run in runs:
        found = candidate(run)
        if found.obstacle is None:
            sets.setdefault(test_identity(found), []).append((found, run))
        else:
            left_out.append(LeftOut(run=found.run, why=found.obstacle))
    ordered = sorted(sets.items(), key=lambda item: item[0][0])
    return (
        tuple(
            ComparableSet(
                key=fingerprint,
                title=members[0][0].dataset,
                is_demo=is_demo,
                runs=tuple(run for _, run in members),
            )
            for (is_demo, fingerprint), members in ordered
        ),
        tuple(left_out),
    )


def left_out_of(chosen: ComparableSet, runs: Sequence[Run]) -> tuple[LeftOut, ...]:
    """Return those of `runs` that cannot stand beside the runs of `chosen`, and why."""
    kept = candidate(chosen.runs[0])
    return tuple(
        LeftOut(run=found.run, why=why_left_out(found, [kept]))
        for found in map(candidate, runs)
        if found.obstacle is not None or test_identity(found) != test_identity(kept)
    )


def candidate(run: Run) -> Candidate:
    """Return what decides whether `run` can be compared."""
    if run.problem is not None:
        return Candidate(run.id, f"It cannot be read: {run.problem}")
    outcome = run.outcome
    if outcome is None:
        message = run.status.message
        why = _WITHOUT_RESULTS[run.status.state]
        told = f"{why}: {message}" if message and run.status.ended else f"{why}."
        return Candidate(run.id, told)
    data = outcome.dataset
    return Candidate(run.id, None, data.title, data.is_demo, data.test_fingerprint)
