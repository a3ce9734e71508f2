"""Archives of runs, as they are sent and as somebody might make them."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from run_folders import write_run

from tl_core.errors import TransferLabError
from tl_core.exchange.archive import MANIFEST, export_run
from tl_core.exchange.importing import import_run
from tl_core.settings import settings

Parts = dict[str, bytes]


def parts_of(path: Path) -> Parts:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, parts: Parts, *, signed: bool = True) -> Path:
    """Write an archive of these files; `signed`: with the checksums that belong to them."""
    if signed:
        manifest = json.loads(parts[MANIFEST])
        manifest["files"] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in parts.items()
            if name != MANIFEST
        }
        parts = parts | {MANIFEST: json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """An archive of a run that is not here (any more), without its model."""
    run = write_run()
    path = tmp_path / "sent.zip"
    export_run(run, path)
    for document in run.folder.iterdir():
        document.unlink()
    run.folder.rmdir()
    return path


def left_here() -> list[str]:
    runs = settings().runs
    return sorted(path.name for path in runs.iterdir() if path.is_dir()) if runs.exists() else []


def refused(path: Path | io.BytesIO, words: str) -> None:
    before = left_here()
    with pytest.raises(TransferLabError, match=words) as refusal:
        import_run(path)
    assert "\n" not in str(refusal.value)
    assert left_here() == before


def edited(name: str, edit: Callable[[dict], None]) -> Callable[[Parts], Parts]:
    def change(parts: Parts) -> Parts:
        document = json.loads(parts[name])
        edit(document)
        return parts | {name: json.dumps(document).encode()}

    return change
