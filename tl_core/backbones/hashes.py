"""Hashes of large files, remembered as long as a file's size and time stay the same."""

import hashlib
import json
import logging
from pathlib import Path

from tl_core.files import recalled, write_text
from tl_core.settings import settings

_log = logging.getLogger(__name__)


def file_hash(path: Path, algorithm: str) -> str:
    """Return the hexadecimal `algorithm` ('sha256', 'md5') hash of the file at `path`."""
    stat = path.stat()
    key = f"{algorithm} {path.absolute()} {stat.st_size} {stat.st_mtime_ns}"
    memory = settings().cache / "hashes.json"
    known = _read(memory)
    if key not in known:
        with path.open("rb") as stream:
            known[key] = hashlib.file_digest(stream, algorithm).hexdigest()
        try:
            write_text(memory, json.dumps({**_read(memory), key: known[key]}, indent=1))
        except OSError as error:
            _log.warning("The hash of %s could not be remembered: %s", path.name, error)
    return known[key]


def _read(memory: Path) -> dict[str, str]:
    return {key: str(value) for key, value in recalled(memory).items()}
