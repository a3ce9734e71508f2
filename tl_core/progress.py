"""How long work tells what it is doing, and hears that it should stop."""

from typing import Literal

Phase = Literal["data", "features", "head", "fine-tune", "test", "save"]

PHASES: tuple[Phase, ...] = ("data", "features", "head", "fine-tune", "test", "save")

PHASE_TITLES: dict[Phase, str] = {
    "data": "Loading the data",
    "features": "Computing features",
    "head": "Training the head",
    "fine-tune": "Fine-tuning the top blocks",
    "test": "Measuring on the test set",
    "save": "Saving the model",
}


class Progress:
    """The listener that long work calls; this one hears everything and does nothing.

    Subclasses write a run's files or draw a progress bar. Every method may raise `Stopped`, which
    the work lets through.
    """

    def begin(self, phase: Phase, total: int, unit: str) -> None:
        """Start `phase`, which will count `total` things called `unit` ('images', 'steps')."""

    def go_on(self, done: int, epoch: int) -> None:
        """Say that training goes on after `epoch`, with `done` of the phase's total done by then.

        Follows `begin` in every phase of training; what was reported of later epochs is void.
        """

    def advance(self, done: int, **figures: float) -> None:
        """Report that `done` of the phase's total are done, with figures of the latest batch.

        Known figures: `epoch` (fraction included), `loss`, `accuracy`, `top5`, `learning_rate`,
        `images_per_second`.
        """

    def epoch(self, epoch: int, **figures: float) -> None:
        """Report a finished epoch (from 1) with its means.

        Known figures: `loss`, `accuracy`, `top5`, `val_loss`, `val_accuracy`, `val_top5`,
        `learning_rate`, `seconds`.
        """

    def note(self, text: str) -> None:
        """Tell the user one sentence worth keeping with the run (a fallback, skipped pictures)."""
