"""What people and attackers drop: the right answer or one sentence, everywhere the same."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from app_pages import ROOT, calm, charts, open_page, texts
from hostile_files import COLOURS, Hostile, colour_run, hostile_files

from pages.parts.words import plain
from tl_core.data import open_dataset
from tl_core.data.folder_scan import ENDINGS
from tl_core.data.images import check_image, read_image
from tl_core.door.uploads import MOST_FILES
from tl_core.errors import UnreadableImage
from tl_core.runs.store import Run

_MOST_MEMORY = 1.5e9
_SIDE = 32


@pytest.fixture
def run() -> Run:
    """A finished run whose model names the colour of a picture."""
    return colour_run()


def _colour(pixels: np.ndarray) -> str:
    mean = pixels.reshape(-1, 3).mean(axis=0)
    return min(COLOURS, key=lambda name: float(((mean - COLOURS[name]) ** 2).sum()))


def _corners(pixels: np.ndarray) -> tuple[tuple[int, ...], ...]:
    near, far = _SIDE // 4, _SIDE - _SIDE // 4 - 1
    values = [pixels[y, x].astype(int) for y in (near, far) for x in (near, far)]
    return tuple(tuple(int(c) for c in np.where(v > 127, 255, 0)) for v in values)


def test_the_library_answers_each_rightly_or_by_a_sentence() -> None:
    wrong = []
    for file in hostile_files():
        try:
            pixels = read_image(file.data, _SIDE)
        except UnreadableImage as error:
            if not file.refused or file.refused not in str(error):
                wrong.append((file.name, str(error)))
            with pytest.raises(UnreadableImage):
                check_image(file.data)
            continue
        got = _colour(pixels)
        if got != file.colour or (file.corners and _corners(pixels) != file.corners):
            wrong.append((file.name, got))
        check_image(file.data)
    assert not wrong


def _written(folder: Path) -> dict[Path, Hostile]:
    folder.mkdir()
    paths = {
        folder / f"{number}" / file.name.replace("/", "_"): file
        for number, file in enumerate(hostile_files())
    }
    for path, file in paths.items():
        path.parent.mkdir()
        path.write_bytes(file.data)
    return paths


def test_a_folder_of_pictures_uses_the_good_ones_and_lists_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    expected: dict[str, str | None] = {}
    for number, file in enumerate(hostile_files()):
        if Path(file.name).suffix.lower() in ENDINGS and not file.name.startswith("."):
            place = folder / ("even" if number % 2 else "odd")
            place.mkdir(parents=True, exist_ok=True)
            path = place / file.name.replace("/", "_")
            path.write_bytes(file.data)
            expected[str(path)] = file.refused
    data = open_dataset(f"folder:{folder}", resolution=_SIDE)
    reasons = {str(skipped.path): skipped.reason for skipped in data.skipped}
    refused = {path: words for path, words in expected.items() if words}
    assert set(reasons) == set(refused)
    assert all(
        words.removesuffix(".").removeprefix("is ") in reasons[path]
        for path, words in refused.items()
    )
    assert len(data.labels) == len(expected) - len(refused)


def test_one_command_answers_all_of_them_in_bounded_memory(run: Run, tmp_path: Path) -> None:
    paths = _written(tmp_path / "files")
    extra = tmp_path / "odd"
    extra.mkdir()
    os.mkfifo(extra / "pipe.png")
    (extra / "folder.png").mkdir()
    strange = os.fsencode(extra) + b"/\xff\x1b[31m\n.png"
    Path(os.fsdecode(strange)).write_bytes(b"no picture")
    others = [str(extra / "pipe.png"), "/dev/zero", os.fsdecode(strange)]
    # What the system counts for a child begins with what its parent held when it was started.
    counting = (
        "import atexit, pathlib, sys\n"
        "status, kept = pathlib.Path('/proc/self/status'), pathlib.Path(sys.argv.pop(1))\n"
        "atexit.register(lambda: kept.write_text(status.read_text()))\n"
        "from tl_core.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            counting,
            str(tmp_path / "status"),
            "predict",
            "--json",
            *map(str, paths),
            *others,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "errors").open("wb"),
    )
    printed = done.stdout
    said = (tmp_path / "errors").read_text(encoding="utf-8", errors="surrogateescape")
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "\x1b" not in said
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", (tmp_path / "status").read_text(), re.MULTILINE)
    assert int(peak) * 1024 < _MOST_MEMORY
    answers = json.loads(printed)
    got = {one["image"]: one["top"][0]["class"] for one in answers["answers"]}
    wrong = [file.name for path, file in paths.items() if got.get(str(path)) != file.colour]
    assert not wrong
    unreadable = answers["unreadable"]
    assert len(unreadable) == sum(bool(file.refused) for file in paths.values()) + len(others)
    for path, file in paths.items():
        assert not file.refused or file.refused in unreadable[str(path)], file.name
    assert "is not a file" in unreadable["/dev/zero"]
    assert "is not a file" in unreadable[others[0]]


@pytest.mark.parametrize("third", [0, 1, 2])
def test_the_page_answers_each_beside_its_name(run: Run, third: int) -> None:
    files = hostile_files()[third::3]
    assert len(files) <= MOST_FILES
    page = open_page("3_Predict")
    for file in files:
        if len(file.data) <= 20 * 2**20:
            page.file_uploader(key="files").upload(file.name, file.data)
    page.session_state["answers_table"] = True
    page.run(timeout=120)
    calm(page)
    shown = [str(error.value) for error in page.error]
    for file in files:
        if file.refused and len(file.data) <= 20 * 2**20:
            (said,) = [text for text in shown if text.startswith(f"**{plain(file.name)}**: ")]
            assert file.refused in said
    table = page.dataframe[0].value
    answers = dict(zip(table["picture"], table["answer 1"], strict=True))
    assert answers == {file.name: file.colour for file in files if file.colour}
    assert len(shown) + len(answers) == sum(len(file.data) <= 20 * 2**20 for file in files)
    assert charts(page)
    assert "<script>" not in texts(page).replace("\\<script\\>", "")
