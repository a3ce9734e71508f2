"""Files are replaced whole, whoever reads them and whatever ends their writer."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from run_folders import write_run

from tl_core.files import remove_unfinished, replacing, write_text
from tl_core.runs.locks import queue_lock
from tl_core.runs.queue import write_status
from tl_core.runs.store import get_run

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


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.glob("*model*")] == ["model.keras"]


def test_a_writer_that_is_killed_leaves_the_old_file_and_what_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "document.json"
    path.write_text("old")
    code = (
        "import sys, time; from pathlib import Path; from tl_core.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the n')\n"
        "    print('half', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert path.read_text() == "old"
    assert len(list(folder.iterdir())) == 2
    remove_unfinished(folder)
    assert [one.name for one in folder.iterdir()] == ["document.json"]


def test_a_status_is_replaced_and_never_changed_in_place() -> None:
    run = write_run(state="stopped")
    path = run.folder / "status.json"
    before = path.stat().st_ino
    with path.open() as reader, queue_lock():
        write_status(run, message="x" * 10_000)
        assert '"message":null' in reader.read(), "who had it open reads on in the old one"
    assert path.stat().st_ino != before
    assert get_run(run.id).status.message == "x" * 10_000
