"""How much of a run is done and how long the rest takes, from what its phases took so far."""

from collections.abc import Mapping

from tl_core.progress import PHASES, Phase

# How far from its expectation a phase to come may be thought to end, however wrong others were.
_SLOWEST, _FASTEST = 4.0, 0.25


class Forecast:
    """Share done and seconds left of a run, once it is known what its phases may take.

    A phase at work is judged by its own pace once 2 % of it is done, and the phases to come by how
    the expectation has held in the phases so far. The share begins at
    `share`, which a run that was broken off had reached, and never falls.
    """

    def __init__(self, share: float = 0.0) -> None:
        self._expected: dict[Phase, float] = {}
        self._taken: dict[Phase, float] = {}
        self._phase: Phase | None = None
        self._before = 0.0
        self._earlier = 0.0
        self._share = share

    def expect(self, expected: Mapping[Phase, float]) -> None:
        """Take the seconds that each phase of the run is thought to take."""
        self._expected = {phase: expected[phase] for phase in PHASES if phase in expected}

    def begin(self, phase: Phase) -> None:
        """Turn to `phase`, for the first time or again; the one before is over for now."""
        self._phase = phase
        self._before = self._taken.setdefault(phase, 0.0)
        self._earlier = 0.0

    def go_on(self, seconds: float) -> None:
        """Count `seconds` before a break for what is done of the phase at work."""
        self._earlier = seconds

    def update(self, seconds: float, fraction: float) -> tuple[float, float | None]:
        """Return (share done, seconds left) `seconds` after `begin`, with `fraction` of it done.

        Nothing more is done and nothing known of what is left before `expect` was called.
        """
        assert self._phase is not None, "begin comes first"
        seconds += self._earlier
        self._taken[self._phase] = self._before + seconds
        if not self._expected:
            return self._share, None
        expected = 0.0 if self._before else self._expected.get(self._phase, 0.0)
        whole = max(seconds / fraction if fraction > 0.02 else expected, seconds)
        to_come = sum(s for phase, s in self._expected.items() if phase not in self._taken)
        left = whole - seconds + self._pace(self._phase, self._before + whole) * to_come
        spent = sum(self._taken.values())
        self._share = max(self._share, spent / (spent + left) if spent + left else 0.0)
        return self._share, left

    def _pace(self, phase: Phase, whole: float) -> float:
        """Return the seconds that a second of expectation takes, if `phase` takes `whole`."""
        taken = {**self._taken, phase: whole}
        expected = sum(s for phase, s in self._expected.items() if phase in taken)
        met = sum(s for phase, s in taken.items() if phase in self._expected)
        return min(max(met / expected, _FASTEST), _SLOWEST) if expected else 1.0
