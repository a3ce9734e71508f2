"""Taking in a run that was exported elsewhere; nothing in its archive is believed unseen."""

import hashlib
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError

from tl_core.errors import TransferLabError
from tl_core.exchange.archive import FILES, MANIFEST, Manifest
from tl_core.exchange.checking import check_run
from tl_core.files import write_text
from tl_core.inference.guarded import IMPORTED, GuardedModel
from tl_core.runs.documents import Imported
from tl_core.runs.locks import queue_lock, take, worker_lock
from tl_core.runs.queue import IMPORTING
from tl_core.runs.store import STATUS, Run
from tl_core.settings import settings
from tl_core.zips import open_zip

_PIECE = 1 << 20
_TRIED = 2
_PATIENCE = 60.0


def import_run(source: Path | BinaryIO) -> Run:
    """Store the run in the archive `source` (a path, or an open file) and return it.

    Every file is compared with its checksum, every document and array with what a run of Transfer
    Lab holds, and the model is opened once, in a process with little memory and time. The run is
    marked as imported. Nothing is left behind where it is refused.

    Raises:
        TransferLabError: it is no archive of a run, was changed on its way, holds what a run has
            not, its model cannot be opened, there is a run of this id already, or others are being
            taken in for a minute.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                return import_run(file)
        except OSError as error:
            raise TransferLabError(f"{source} cannot be read: {error.strerror}.") from error
    try:
        with _one_at_a_time(), _building() as folder:
            manifest = _unpack(source, folder)
            run = Run(manifest.run, folder)
            try:
                check_run(run)
                _settle(run, manifest)
                if run.model_path.exists():
                    _try(run)
            except TransferLabError as error:
                raise TransferLabError(f"Run {run.id} is not taken in. {error}") from error
            return _store(run)
    except OSError as error:
        raise TransferLabError(
            f"The run cannot be stored in {settings().runs}: {error.strerror}."
        ) from error


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the lock of imports: each may take gigabytes, which would add up."""
    settings().runs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings().runs / ".imports.lock", timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout as error:
        raise TransferLabError(
            "Another run is being taken in; try again when that is done."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _building() -> Iterator[Path]:
    """Yield a new folder that others leave alone for as long as this process lives."""
    with queue_lock():
        folder = settings().runs / f"{IMPORTING}{secrets.token_hex(4)}"
        folder.mkdir()
        lock = worker_lock(folder)
        take(lock)
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: BinaryIO, folder: Path) -> Manifest:
    """Write the files of an archive to `folder` as their checksums say, and return its manifest."""
    try:
        with open_zip(source, len(FILES)) as archive:
            names = set(archive.namelist())
            unknown = sorted(names - FILES.keys())
            if unknown or MANIFEST not in names:
                found = f"It holds {unknown[0][:60]!r}" if unknown else f"It has no {MANIFEST}"
                raise TransferLabError(f"{found}; `tl export` makes archives of runs.")
            manifest = _manifest(archive)
            if manifest.files.keys() != names - {MANIFEST}:
                raise TransferLabError("It holds other files than its manifest says.")
            for name, entry in manifest.files.items():
                digest = _copy(archive, name, folder / name, entry.bytes)
                if digest != entry.sha256:
                    raise TransferLabError(f"{name} was changed on its way: its checksum differs.")
            return manifest
    except (BadZipFile, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise TransferLabError("The archive is damaged.") from error
    except TransferLabError as error:
        raise TransferLabError(f"This is no archive of a run that can be used. {error}") from error


def _manifest(archive: ZipFile) -> Manifest:
    with archive.open(MANIFEST) as entry:
        text = entry.read(FILES[MANIFEST] + 1)
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise TransferLabError(
            f"Its {MANIFEST} is of another version, damaged or foreign."
        ) from error


def _copy(archive: ZipFile, name: str, path: Path, size: int) -> str:
    """Write one file and return its checksum; stops at the first byte more than it may have."""
    if size > FILES[name]:
        raise TransferLabError(f"{name} would have {size:,} bytes; at most {FILES[name]:,} may be.")
    digest, left = hashlib.sha256(), size
    with archive.open(name) as entry, path.open("xb") as file:
        while piece := entry.read(min(_PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                raise TransferLabError(f"{name} has more bytes than its manifest says.")
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _settle(run: Run, manifest: Manifest) -> None:
    """Take out what was true on the other machine alone, and mark the run as imported."""
    status = run.status.model_copy(update={"pid": None, "pid_created": None, "held": False})
    write_text(run.folder / STATUS, status.model_dump_json(indent=1))
    mark = Imported(at=time.time(), by=manifest.by)
    write_text(run.folder / IMPORTED, mark.model_dump_json(indent=1))


def _try(run: Run) -> None:
    """Open the model once and let it answer: it must be what the run says that it is."""
    if run.outcome is None:
        raise TransferLabError("The run has a model but no results; such a run is not taken.")
    about = run.outcome.dataset
    model = GuardedModel(run.model_path)
    expected = (about.resolution, about.resolution, 3)
    if model.input_shape != expected or model.classes != len(about.class_names):
        raise TransferLabError(
            f"The model takes pictures of {model.input_shape} and knows {model.classes} classes, "
            f"but the run says {expected} and {len(about.class_names)}."
        )
    pictures = np.random.default_rng(0).integers(0, 256, (_TRIED, *expected), np.uint8)
    answers = model(pictures)
    if not (np.all(answers >= 0) and np.allclose(answers.sum(1), 1, atol=1e-2)):
        raise TransferLabError("The model does not answer with probabilities.")


def _store(run: Run) -> Run:
    with queue_lock():
        folder = settings().runs / run.id
        if folder.exists() or folder.is_symlink():
            raise TransferLabError(f"There is a run {run.id} already; delete it first.")
        run.folder.rename(folder)
    return Run(run.id, folder)
