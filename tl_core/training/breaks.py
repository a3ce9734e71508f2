"""Where training that was broken off goes on, and what it keeps in case it is again."""

from tl_core.progress import Progress
from tl_core.training.checkpoint import (
    Arrays,
    Checkpoint,
    Fitted,
    Reached,
    Saved,
    TrainingPhase,
    Unusable,
)
from tl_core.training.fit import Keep
from tl_core.training.loop import Loop


class Breaks:
    """The checkpoint of one training as its phases see it; without one they begin and keep nothing.

    `source` names data and weights. `cached_features` is whether the run found its features in the
    cache when it first began: after a break they are there, where it put them itself.
    """

    def __init__(
        self, checkpoint: Checkpoint | None, source: str, cached_features: bool, progress: Progress
    ) -> None:
        self._checkpoint = checkpoint
        self._source = source
        self._saved = self._load(progress)
        self.cached_features = cached_features
        if self._saved:
            self.cached_features = self._saved.reached.cached_features
        elif checkpoint:
            checkpoint.save(Saved(self._reached("head", 0, None, None), (), None))

    def saved_in(self, phase: TrainingPhase) -> Saved | None:
        """Return what was saved after an epoch of `phase`, None where nothing was."""
        found = self._saved
        return found if found and found.reached.phase == phase and found.reached.epoch else None

    def keep(self, loop: Loop, phase: TrainingPhase, before: Fitted | None) -> Keep | None:
        """Return what saves the epochs of `phase`; `before` is how the phase before ended."""
        checkpoint = self._checkpoint
        if checkpoint is None:
            return None

        def keep(epoch: int, best: Fitted, weights: Arrays | None) -> None:
            reached = self._reached(phase, epoch, best, before)
            checkpoint.save(Saved(reached, loop.variables, weights))

        return keep

    def _load(self, progress: Progress) -> Saved | None:
        try:
            return self._checkpoint.load(self._source) if self._checkpoint else None
        except Unusable as reason:
            progress.note(f"Training began anew after a break: {reason}.")
            return None

    def _reached(
        self, phase: TrainingPhase, epoch: int, best: Fitted | None, before: Fitted | None
    ) -> Reached:
        return Reached(
            source=self._source,
            phase=phase,
            epoch=epoch,
            best=best,
            before=before,
            cached_features=self.cached_features,
        )
