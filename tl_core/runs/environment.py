"""The settings a run was asked for with: whoever works on it may be started by somebody else."""

import json
import logging
import os
from pathlib import Path

from tl_core.files import write_text

_NAME = "environment.json"
_FOLDERS = ("TL_DATA_DIR", "TL_WEIGHTS_DIR", "KERAS_HOME")
_SUBMITTED = (*_FOLDERS, "TL_CACHE_LIMIT_GB", "TL_MEMORY_LIMIT")

_log = logging.getLogger(__name__)


def store(folder: Path) -> None:
    """Store this process' settings in a run's folder, over those stored there already.

    Raises:
        OSError: the disk is full, or the folder cannot be written to.
    """
    own = {name: os.environ[name] for name in _SUBMITTED if os.environ.get(name)}
    paths = {name: str(Path(own[name]).expanduser().absolute()) for name in _FOLDERS if name in own}
    earlier = _stored(folder) if (folder / _NAME).exists() else None
    write_text(folder / _NAME, json.dumps((earlier or {}) | own | paths, indent=1))


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment for the worker of a run: this one, with its submitter's settings."""
    settled = _stored(folder)
    if settled is None:
        return dict(os.environ)
    others = {name: value for name, value in os.environ.items() if name not in _SUBMITTED}
    return others | settled


def _stored(folder: Path) -> dict[str, str] | None:
    try:
        submitted = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        settled = {name: str(submitted[name]) for name in _SUBMITTED if name in submitted}
        if any("\0" in value for value in settled.values()):
            raise ValueError("no environment can hold a zero byte")
        return settled
    except (OSError, ValueError, TypeError, RecursionError) as error:
        _log.warning("%s: its submitter's settings cannot be read (%s)", folder.name, error)
        return None
