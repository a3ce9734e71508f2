"""How accuracy grows with labelled images, kept with the run it was asked of."""

import logging
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Document, LabelPoint
from tl_core.files import write_text
from tl_core.runs.store import Run

LABELS = "labels.json"

_log = logging.getLogger(__name__)


class LabelStudy(Document):
    """`labels.json`: the head of a run's recipe on ever more labelled images of each class."""

    version: Literal[1] = 1
    test_images: int
    points: Annotated[tuple[LabelPoint, ...], Field(min_length=1)]


def stored_study(run: Run) -> LabelStudy | None:
    """Return the study kept with `run`; None where none was made, or where it is damaged."""
    try:
        return LabelStudy.model_validate_json((run.folder / LABELS).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.warning("%s of %s cannot be read: %s", LABELS, run.id, error)
        return None


def keep_study(run: Run, study: LabelStudy) -> None:
    """Keep `study` with `run`, in place of the one before.

    Raises:
        TransferLabError: the run was deleted meanwhile, or its folder cannot be written.
    """
    try:
        write_text(run.folder / LABELS, study.model_dump_json(indent=1), parents=False)
    except FileNotFoundError as error:
        raise TransferLabError(
            f"Run {run.id} was deleted meanwhile, so the study is not kept with it."
        ) from error
    except OSError as error:
        raise TransferLabError(
            f"The study cannot be kept with run {run.id}: {error.strerror}."
        ) from error
