"""The files of a run folder while somebody reads them, and after their writer was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from run_folders import write_run

from tl_core.files import remove_unfinished
from tl_core.runs.locks import queue_lock
from tl_core.runs.standing import write_status
from tl_core.runs.store import get_run


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
