"""What a run needs to go on after its last finished epoch, in one file without code in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tl_core.files import replacing

TrainingPhase = Literal["head", "fine-tune"]
Arrays = tuple[NDArray[np.generic], ...]


class Unusable(Exception):
    """A checkpoint that cannot be gone on from; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Fitted:
    """How the fit went: the epoch whose weights the model now has, and its validation figures."""

    best_epoch: int
    epochs: int
    val_loss: float
    val_accuracy: float


class Reached(BaseModel):
    """How far training is: `epoch` is finished, `best` the best so far; 0 and None before that.

    `source` names data and weights; `before` is how the phase before ended, if there was one, and
    `cached_features` whether the run found its features in the cache when it began.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    source: str
    phase: TrainingPhase
    epoch: int
    best: Fitted | None
    before: Fitted | None
    cached_features: bool


class _Contents(BaseModel):
    """What the file holds: how far training was, and how many arrays of each kind."""

    model_config = ConfigDict(extra="forbid")

    reached: Reached
    variables: int
    best: int


@dataclass(frozen=True)
class Saved:
    """A checkpoint: every variable of the loop, and the best epoch's weights.

    `best` is None where the best weights are those among the variables.
    """

    reached: Reached
    variables: Arrays
    best: Arrays | None


class Checkpoint:
    """The file of one run, replaced whole; numpy's `npz`, whose parts carry checksums."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, saved: Saved) -> None:
        """Take the place of what was saved before.

        Raises:
            OSError: the disk is full or failed; what was saved before is still there.
        """
        best = saved.best or ()
        contents = _Contents(reached=saved.reached, variables=len(saved.variables), best=len(best))
        parts: dict[str, NDArray[np.generic]] = {
            "contents": np.frombuffer(contents.model_dump_json().encode(), np.uint8),
            **{_name("variable", number): array for number, array in enumerate(saved.variables)},
            **{_name("best", number): array for number, array in enumerate(best)},
        }
        with replacing(self._path) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **parts)

    def load(self, source: str) -> Saved | None:
        """Return what was saved for this `source`, None where nothing was.

        Raises:
            Unusable: the file is damaged, or of other data or weights.
        """
        try:
            with np.load(self._path, allow_pickle=False) as parts:
                found = _Contents.model_validate_json(parts["contents"].tobytes())
                variables = tuple(parts[_name("variable", n)] for n in range(found.variables))
                best = tuple(parts[_name("best", n)] for n in range(found.best))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, RuntimeError) as error:
            # An archive that claims to be of a kind Python cannot read is a RuntimeError.
            raise Unusable(f"{self._path.name} is damaged") from error
        if found.reached.source != source:
            raise Unusable("the data or the weights are not those it began with")
        return Saved(found.reached, variables, best or None)

    def remove(self) -> None:
        """Delete the file, once nothing is left to go on with."""
        self._path.unlink(missing_ok=True)


def _name(kind: str, number: int) -> str:
    return f"{kind}_{number}"
