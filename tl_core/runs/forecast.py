"""How much of a run is done and how long the rest takes, from what its phases took so far."""

from collections.abc import Mapping

from tl_core.progress import PHASES, Phase


class Forecast:
    """Share done and seconds left of a run that goes through `expected` phases.

    `expected` gives the seconds each phase is thought to take before anything was measured. A
    phase at work is judged by its own pace once 2 % of it is done, and the phases to come by how
    the expectation has held in the phases so far. The share never falls.
    """

    def __init__(self, expected: Mapping[Phase, float]) -> None:
        self.expect(expected)
        self._taken: dict[Phase, float] = {}
        self._phase: Phase | None = None
        self._before = 0.0
        self._share = 0.0

    def expect(self, expected: Mapping[Phase, float]) -> None:
        """Take other expectations, keeping what the phases took so far."""
        self._expected = {phase: expected[phase] for phase in PHASES if phase in expected}

    def begin(self, phase: Phase) -> None:
        """Turn to `phase`, for the first time or again; the one before is over for now."""
        self._phase = phase
        self._before = self._taken.setdefault(phase, 0.0)

    def update(self, seconds: float, fraction: float) -> tuple[float, float]:
        """Return (share done, seconds left) `seconds` after `begin`, with `fraction` of it done."""
        assert self._phase is not None, "begin comes first"
        self._taken[self._phase] = self._before + seconds
        expected = 0.0 if self._before else self._expected.get(self._phase, 0.0)
        whole = max(seconds / fraction if fraction > 0.02 else expected, seconds)
        to_come = sum(s for phase, s in self._expected.items() if phase not in self._taken)
        left = whole - seconds + self._pace(self._before + whole) * to_come
        spent = sum(self._taken.values())
        self._share = max(self._share, spent / (spent + left) if spent + left else 0.0)
        return self._share, left

    def _pace(self, whole: float) -> float:
        """Return the seconds that a second of expectation takes, judged by the longest phase."""
        known = {p: s for p, s in self._taken.items() if p in self._expected}
        if self._phase in known:
            known[self._phase] = whole
        longest = max(known, key=lambda phase: known[phase], default=None)
        if longest is None or not self._expected[longest]:
            return 1.0
        return known[longest] / self._expected[longest]
