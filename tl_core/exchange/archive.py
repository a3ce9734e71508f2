"""The archive of one run: a ZIP of its documents, with a manifest of every file's checksum."""

import hashlib
import re
import time
from pathlib import Path
from typing import Annotated, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pydantic import BaseModel, ConfigDict, Field

from tl_core import __version__
from tl_core.errors import TransferLabError
from tl_core.files import replacing
from tl_core.runs.store import (
    ABOUT,
    EVALUATION,
    LOG,
    METRICS,
    MODEL,
    OUTCOME,
    PREDICTIONS,
    RECIPE,
    STATUS,
    Run,
)

MANIFEST = "manifest.json"

# What a run's archive may hold, and the most bytes that each may have.
FILES: dict[str, int] = {
    MANIFEST: 1 << 20,
    RECIPE: 1 << 20,
    STATUS: 1 << 20,
    ABOUT: 1 << 20,
    OUTCOME: 16 << 20,
    EVALUATION: 64 << 20,
    METRICS: 16 << 20,
    LOG: 64 << 20,
    PREDICTIONS: 1 << 30,
    MODEL: 1 << 30,
}
# Compressed already, or as good as.
_AS_IT_IS = frozenset({PREDICTIONS, MODEL})
_PIECE = 1 << 20


class Entry(BaseModel):
    """One file of an archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """`manifest.json` of an archive; `made` is a Unix time, `by` the version that wrote it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["transfer-lab-run"] = "transfer-lab-run"
    version: Literal[1] = 1
    run: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]
    made: float
    by: Annotated[str, Field(max_length=40)]
    files: dict[str, Entry]


def export_run(run: Run, path: Path, *, with_model: bool = True) -> Manifest:
    """Write `run` to the archive `path` and return what it holds.

    Without the model the archive is small, and the run can be looked at and compared elsewhere
    but not asked. Folders of this machine that a recipe or a log names are in it.

    Raises:
        TransferLabError: the run is unreadable or has not ended, a file of it is larger than an
            archive may hold, or `path` cannot be written.
    """
    if run.problem is not None:
        raise TransferLabError(f"Run {run.id} cannot be read: {run.problem}")
    if run.active:
        raise TransferLabError(
            f"Run {run.id} is {run.status.said}; it can be exported when it has ended."
        )
    names = [name for name in FILES if (run.folder / name).is_file()]
    names = [name for name in names if with_model or name != MODEL]
    try:
        with replacing(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
            manifest = Manifest(
                run=re.sub("[^A-Za-z0-9._-]", "-", run.folder.name),
                made=time.time(),
                by=__version__,
                files={name: _add(archive, run.folder / name) for name in names},
            )
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    except OSError as error:
        raise TransferLabError(
            f"{path} cannot be written ({error.strerror}); choose another file."
        ) from error
    return manifest


def _add(archive: ZipFile, path: Path) -> Entry:
    digest, size = hashlib.sha256(), path.stat().st_size
    if size > FILES[path.name]:
        raise TransferLabError(
            f"{path.name} has {size:,} bytes, more than the {FILES[path.name]:,} of an archive; "
            + ("leave the model out." if path.name == MODEL else "the run has to stay here.")
        )
    info = ZipInfo(path.name, time.localtime()[:6])
    info.compress_type = ZIP_STORED if path.name in _AS_IT_IS else ZIP_DEFLATED
    with path.open("rb") as file, archive.open(info, "w") as entry:
        while piece := file.read(_PIECE):
            digest.update(piece)
            entry.write(piece)
    return Entry(bytes=size, sha256=digest.hexdigest())
