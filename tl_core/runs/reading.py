"""The documents of runs, read once and remembered."""

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tl_core.errors import TransferLabError
from tl_core.runs.documents import Headline

_D = TypeVar("_D", bound=BaseModel)


# Documents are replaced whole and never changed in place, so the file's identity stands for its
# content. The size is three documents for each of 1,000 runs and more.
@lru_cache(maxsize=4096)
def _kept(path: Path, document: type[BaseModel], *_identity: int) -> BaseModel:
    return _parse(path, document)


# Evaluations are by far the largest document: only as many are kept as some pages show.
@lru_cache(maxsize=32)
def _few(path: Path, document: type[BaseModel], *_identity: int) -> BaseModel:
    return _parse(path, document)


def read(path: Path, document: type[_D], *, few: bool = False) -> _D:
    """Return the document in `path`, read again only when the file is another.

    `few`: it is of the large kind of which only those of some runs are remembered.

    Raises:
        TransferLabError: it is missing, cannot be read, is damaged, or of another version.
    """
    try:
        at = path.stat()
    except OSError:
        return _parse(path, document)
    found = (_few if few else _kept)(path, document, at.st_mtime_ns, at.st_ino, at.st_size)
    assert isinstance(found, document)
    return found


def _parse(path: Path, document: type[_D]) -> _D:
    try:
        content = path.read_bytes()
        return document.model_validate_json(
            _beginning(content) if document is Headline else content
        )
    except FileNotFoundError as error:
        raise TransferLabError(f"{path.name} is missing; this is not a whole run.") from error
    except OSError as error:
        raise TransferLabError(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("version",):
            raise TransferLabError(
                f"{path.name} has version {first['input']!r:.40}, which this Transfer Lab does not "
                "know; open it with the one that wrote it."
            ) from error
        where = ".".join(str(part) for part in first["loc"])
        raise TransferLabError(
            f"{path.name} is damaged or foreign ({where + ': ' if where else ''}{first['msg']})."
        ) from error


def _beginning(evaluation: bytes) -> bytes:
    """Return a whole evaluation without its classes, which are most of it and stand at its end."""
    figures, classes, _ = evaluation.partition(b'"classes":')
    if not classes or not evaluation.endswith(b"}"):
        return evaluation
    return figures.rstrip(b", ") + b"}"
