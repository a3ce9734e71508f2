"""Where a worker's libraries put their temporary files: in its run's folder.

What a service manager gives a server as its own /tmp ends with the server, and workers outlive it.
What a killed worker leaves there would never be deleted elsewhere.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME, _VARIABLE = "tmp", "TMPDIR"


@contextmanager
def temporary_files(folder: Path) -> Iterator[None]:
    """Let this process and those it starts write theirs below `folder` while the block runs.

    Raises:
        OSError: `folder` cannot be written to.
    """
    discard_temporary_files(folder)
    own = folder / _NAME
    own.mkdir()
    known, told = tempfile.tempdir, os.environ.get(_VARIABLE)
    tempfile.tempdir = os.environ[_VARIABLE] = str(own)
    try:
        yield
    finally:
        tempfile.tempdir = known
        os.environ.pop(_VARIABLE)
        if told is not None:
            os.environ[_VARIABLE] = told
        discard_temporary_files(folder)


def discard_temporary_files(folder: Path) -> None:
    """Delete what was written there; nobody may be writing."""
    shutil.rmtree(folder / _NAME, ignore_errors=True)
