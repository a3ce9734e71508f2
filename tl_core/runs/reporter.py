"""What a run tells the world while it works: its status, its metrics, its log; and hears: stop."""

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TextIO

from tl_core.errors import Stopped
from tl_core.files import write_text
from tl_core.progress import PHASE_TITLES, PHASES, Phase, Progress
from tl_core.runs.documents import MetricsLine, State, Status
from tl_core.runs.forecast import Forecast
from tl_core.runs.reserve import write_last
from tl_core.runs.store import METRICS, STATUS, STOP_REQUEST, Run

TRAINING: frozenset[Phase] = frozenset({"head", "fine-tune"})

# What these phases made outlives a break, and so do the seconds it took.
_LASTING: tuple[Phase, ...] = ("features", "head", "fine-tune")

_INTERVAL = 0.25

_log = logging.getLogger(__name__)


class Reporter(Progress):
    """Writes `status.json` and `metrics.jsonl` of a run, each at most four times a second.

    Every call raises `Stopped` once a stop was asked for. `seconds` holds what each phase took so
    far, with `start` for everything before the first one, and `notes` what `note` was told; both
    go on from what a run that was broken off has in its status. `end` may be called by another
    thread.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._status: Status = run.status
        self._started = time.monotonic()
        self._phase: Phase | None = None
        self._phase_started = self._started
        self._total, self._unit = 1, ""
        self._steps: dict[Phase, int] = {}
        self._epoch_seconds = 0.0
        before = run.status.seconds
        self._broken_off = bool(before)
        self._carried: dict[str, float] = {p: before[p] for p in _LASTING if p in before}
        self._seconds = dict(self._carried)
        self._notes = list(run.status.notes)
        self._written = {METRICS: -_INTERVAL, STATUS: -_INTERVAL}
        self._share = run.status.share if self._broken_off else 0.0
        self._forecast = Forecast(self._share)
        self._left: float | None = None
        self._batch: dict[Phase, int] = {}
        self._begun: set[Phase] = set()
        self._gone_on = False
        self._writing = threading.Lock()
        self._ended = False
        self._metrics = self._open_metrics()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each phase took so far, in the order of the phases, and `start`."""
        now = self._seconds | {self._phase or "start": self._in_phase()}
        return {name: now[name] for name in ("start", *PHASES) if name in now}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the run's user should know, in the order it came up."""
        return tuple(self._notes)

    def expect(self, seconds: Mapping[Phase, float], batch: Mapping[Phase, int]) -> None:
        """Take the `seconds` that each phase may need, and images a step of training phases."""
        self._forecast.expect(seconds)
        self._batch = dict(batch)

    def start(self) -> None:
        """Count what follows, until the next phase, as the start of the run."""
        self._check()
        self._leave()
        self._phase = None
        self._write_status("Starting TensorFlow …")

    def begin(self, phase: Phase, total: int, unit: str) -> None:
        """Start `phase`, or take it up again."""
        self._check()
        if phase != self._phase:
            _log.info("%s", PHASE_TITLES[phase])
        self._leave()
        again = phase in self._begun
        self._begun.add(phase)
        self._phase = phase
        self._epoch_seconds = self._in_phase()
        self._forecast.begin(phase)
        if phase == "features" and not again:
            self._forecast.go_on(self._epoch_seconds)
        self._total, self._unit = max(total, 1), unit
        self._judge(0)
        self._write_status(f"{PHASE_TITLES[phase]} …")

    def go_on(self, done: int, epoch: int) -> None:
        """Drop what an earlier process reported of epochs after this one, and count on from it."""
        assert self._phase is not None, "begin comes first"
        if self._gone_on:
            # Only the first training of a process can meet the lines of another.
            return
        self._gone_on = True
        lines = self._drop_lines_after(epoch)
        self._steps = {line.phase: line.step for line in lines if line.phase != self._phase}
        self._steps[self._phase] = self._count(done)
        for phase in TRAINING - {line.phase for line in lines}:
            if phase in self._carried:
                self._seconds[phase] -= self._carried[phase]
        if lines:
            self._started = time.monotonic() - lines[-1].time
        self._epoch_seconds = self._in_phase()
        self._forecast.go_on(self._epoch_seconds)
        self._write_status(f"{PHASE_TITLES[self._phase]} …")

    def advance(self, done: int, **figures: float) -> None:
        """Write a line of metrics while training, and the status; both if it is time again."""
        self._check()
        self._judge(done)
        if self._phase in TRAINING:
            self._steps[self._phase] = self._count(done)
            if self._is_time(METRICS):
                self._write_line(self._line("step", figures))
        if self._is_time(STATUS):
            self._write_status(self._sentence(done, figures))

    def epoch(self, epoch: int, **figures: float) -> None:
        """Write the line of a finished epoch."""
        self._check()
        seconds = figures.pop("seconds", None)
        self._epoch_seconds = self._in_phase()
        self._write_line(self._line("epoch", {**figures, "epoch": float(epoch)}))
        # A checkpoint that outlived a loss of power without this line would leave a gap.
        os.fsync(self._metrics.fileno())
        shown = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        _log.info("epoch %d%s: %s", epoch, f" ({seconds:.1f} s)" if seconds else "", shown)

    def note(self, text: str) -> None:
        """Keep `text` with the run, once."""
        self._check()
        if text not in self._notes:
            self._notes.append(text)
            _log.info("%s", text)

    def end(self, state: State, message: str | None, code: str | None) -> None:
        """Record how the run ended; nothing is reported afterwards."""
        with self._writing:
            if self._ended:
                return
            self._ended = True
            self._metrics.close()
            self._status = self._status.model_copy(
                update={
                    "state": state,
                    "ended": time.time(),
                    "phase": self._phase,
                    "share": 1.0 if state == "finished" else self._share,
                    "seconds_left": None,
                    "message": message,
                    "code": code,
                    "seconds": self._lasting_seconds(),
                    "notes": self.notes,
                }
            )
            _log.info("%s", state if message is None else f"{state}: {message}")
            write_last(self._run.folder / STATUS, self._status.model_dump_json(indent=1))

    def _check(self) -> None:
        if (self._run.folder / STOP_REQUEST).exists():
            raise Stopped("A stop was asked for.")

    def _count(self, done: int) -> int:
        assert self._phase is not None
        return -(-done // self._batch.get(self._phase, 1))

    def _open_metrics(self) -> TextIO:
        return (self._run.folder / METRICS).open("a", encoding="utf-8", buffering=1)

    def _drop_lines_after(self, epoch: int) -> list[MetricsLine]:
        found = self._run.metrics()
        kept = [line for line in found if line.epoch is not None and line.epoch <= epoch]
        text = "".join(map(_as_text, kept))
        path = self._run.folder / METRICS
        if path.stat().st_size != len(text.encode()):
            self._metrics.close()
            write_text(path, text)
            self._metrics = self._open_metrics()
        return kept

    def _lasting_seconds(self) -> dict[str, float]:
        seconds = self.seconds
        if self._phase in TRAINING:
            seconds[self._phase] = self._epoch_seconds
        return {name: round(value, 3) for name, value in seconds.items()}

    def _in_phase(self) -> float:
        before = self._seconds.get(self._phase or "start", 0.0)
        return before + time.monotonic() - self._phase_started

    def _leave(self) -> None:
        self._seconds[self._phase or "start"] = self._in_phase()
        self._phase_started = time.monotonic()

    def _judge(self, done: int) -> None:
        seconds = time.monotonic() - self._phase_started
        share, self._left = self._forecast.update(seconds, min(done / self._total, 1.0))
        # Only a run that has ended is wholly done.
        self._share = min(share, 0.99)

    def _is_time(self, name: str) -> bool:
        return time.monotonic() - self._written[name] >= _INTERVAL

    def _line(self, kind: str, figures: Mapping[str, float]) -> MetricsLine:
        return MetricsLine.model_validate(
            {
                "kind": kind,
                "phase": self._phase,
                "time": round(time.monotonic() - self._started, 3),
                "step": sum(self._steps.values()),
                "share": round(self._share, 4),
                "seconds_left": None if self._left is None else round(self._left, 1),
                **figures,
            }
        )

    def _write_line(self, line: MetricsLine) -> None:
        # One write a line: a reader sees whole lines, or one that lacks its end.
        self._metrics.write(_as_text(line))
        self._written[METRICS] = time.monotonic()

    def _sentence(self, done: int, figures: Mapping[str, float]) -> str:
        assert self._phase is not None, "begin comes first"
        counted = f"{min(done, self._total):,} of {self._total:,} {self._unit}"
        speed = figures.get("images_per_second")
        rate = f", {speed:,.0f} images a second" if speed else ""
        return f"{PHASE_TITLES[self._phase]}: {counted}{rate}"

    def _write_status(self, message: str) -> None:
        with self._writing:
            if self._ended:
                return
            self._status = self._status.model_copy(
                update={
                    "phase": self._phase,
                    "share": round(self._share, 4),
                    "seconds_left": None if self._left is None else round(self._left, 1),
                    "message": message,
                    "seconds": self._lasting_seconds(),
                    "notes": self.notes,
                }
            )
            write_text(self._run.folder / STATUS, self._status.model_dump_json(indent=1))
        self._written[STATUS] = time.monotonic()


def _as_text(line: MetricsLine) -> str:
    return line.model_dump_json(exclude_none=True) + "\n"
