from pathlib import Path

import pytest
from PIL import Image

from tl_core.data import open_dataset
from tl_core.data.counts import image_counts
from tl_core.errors import TransferLabError


def test_the_demo_is_counted_as_it_opens() -> None:
    dataset = open_dataset("demo")
    counts = image_counts("demo")
    assert counts.test == len(dataset.test)
    assert counts.labelled == len(dataset.train) + len(dataset.validation)
    assert counts.classes == len(dataset.class_names)


@pytest.mark.parametrize("split", ["", "train/"])
def test_a_folder_is_counted_as_it_opens(tmp_path: Path, split: str) -> None:
    for name in ("cat", "dog"):
        for part, many in ((split, 20), *((("test/", 7),) if split else ())):
            folder = tmp_path / "pictures" / part / name
            folder.mkdir(parents=True)
            for number in range(many):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    dataset = open_dataset(f"folder:{tmp_path}/pictures")
    (folder / "scan.tif").touch()
    counts = image_counts(f"folder:{tmp_path}/pictures")
    assert (counts.classes, counts.passed_over) == (len(dataset.class_names), 1)
    assert counts.test == len(dataset.test)
    assert counts.labelled == len(dataset.train) + len(dataset.validation)


def test_a_small_folder_and_its_limits_are_counted_as_it_opens(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for name in ("cat", "dog", "emu"):
        (root / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(root / name / f"{number}.png")
    dataset = open_dataset(f"folder:{root}")
    counts = image_counts(f"folder:{root}")
    assert (counts.labelled, counts.test) == (6, len(dataset.test))
    for limit in (5, 6, 7):
        try:
            open_dataset(f"folder:{root}", limit=limit)
        except TransferLabError as error:
            with pytest.raises(TransferLabError) as early:
                counts.check_limit(limit)
            assert str(early.value) == str(error)
        else:
            counts.check_limit(limit)


@pytest.mark.parametrize("name", ["cifar10", "folder:", "folder:/nowhere/at/all"])
def test_what_is_not_there_is_said(name: str) -> None:
    with pytest.raises(TransferLabError):
        image_counts(name)
