"""Files written whole or not at all, and read as they may have become."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITING = ".writing-"


@contextmanager
def replacing(path: Path, *, parents: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    A reader of `path` sees the old file or the new one, never a part. The temporary name ends
    like `path`, since some writers choose a format by the ending. Without `parents` a folder that
    is gone stays gone, and the block fails with FileNotFoundError.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_WRITING}{secrets.token_hex(4)}-{path.name}")
    # Unlike `mkstemp` this leaves it to the user who else may read the file.
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Delete what processes that were killed were writing in `folder`; nobody may be writing."""
    for path in folder.glob(f"{_WRITING}*"):
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, parents: bool = True) -> None:
    """Write `text` to `path` in one step, `parents` as in `replacing`."""
    with replacing(path, parents=parents) as temporary:
        temporary.write_text(text, encoding="utf-8")


def recalled(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`, empty if there is none that can be read.

    For what only saves time and can be found out again: a damaged memory is as good as none.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
