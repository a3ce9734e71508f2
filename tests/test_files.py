"""Files are replaced whole, whoever reads them and whatever ends their writer."""

import os
import threading
from pathlib import Path

import pytest

from tl_core.files import replacing, write_text

# Long enough that writing them is no single moment.
LONG = 300_000
TEXTS = ("a" * LONG, "b" * LONG)


def test_a_reader_sees_the_old_text_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    write_text(path, TEXTS[0])
    done = threading.Event()
    read: set[str] = set()

    def look() -> None:
        while not done.is_set():
            text = path.read_text()
            read.add(text if text in TEXTS else f"{len(text)} characters")

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(100):
            write_text(path, TEXTS[number % 2])
    finally:
        done.set()
        reader.join()
    assert read <= set(TEXTS)
    assert [one.name for one in tmp_path.glob("*document*")] == ["document.json"]


def test_what_is_written_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power may leave the new name with nothing in it."""
    happened: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        happened.append(f"{os.fstat(descriptor).st_size} bytes on the disk")
        sync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        happened.append("named")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_text(tmp_path / "document.json", "x" * 5000)
    assert happened == ["5000 bytes on the disk", "named"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.glob("*model*")] == ["model.keras"]
