"""Room set aside in a run's folder, so that its last words can be written on a full disk."""

import errno
import os
from pathlib import Path

from tl_core.files import write_text

FULL = (errno.ENOSPC, errno.EDQUOT)

_NAME = ".reserve"
_BYTES = 32 * 1024


def set_aside(folder: Path) -> None:
    """Take room in `folder`, which `write_last` gives back when there is no other.

    Raises:
        OSError: there is none already.
    """
    # Noise, since a file system may store zeros or repetitions without taking room.
    (folder / _NAME).write_bytes(os.urandom(_BYTES))


def give_back(folder: Path) -> None:
    """Free the room."""
    (folder / _NAME).unlink(missing_ok=True)


def write_last(path: Path, text: str) -> None:
    """Write a document whole, in the room set aside in its folder if there is no other.

    Raises:
        OSError: there is not even that, or the folder cannot be written to.
    """
    try:
        write_text(path, text)
    except OSError as error:
        if error.errno not in FULL:
            raise
        give_back(path.parent)
        write_text(path, text)
