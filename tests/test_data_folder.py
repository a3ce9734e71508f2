import json
import os
import resource
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from tl_core.data import folder_check, open_dataset
from tl_core.data.folder_check import check_image
from tl_core.errors import Stopped, TransferLabError
from tl_core.progress import Progress
from tl_core.runs.dataset_info import dataset_info


def picture(path: Path, level: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (level, 255 - level, 0)).save(path)
    return path


def fill(folder: Path, **counts: int) -> Path:
    for name, count in counts.items():
        for number in range(count):
            picture(folder / name / f"{number:03}.png", number)
    return folder


@pytest.fixture
def root(tmp_path):
    return fill(tmp_path / "pets", cat=30, dog=20, emu=10)


def opened(root: Path, **options):
    return open_dataset(f"folder:{root}", **{"resolution": 8} | options)


def refused(root: Path, *words: str) -> None:
    with pytest.raises(TransferLabError) as refusal:
        opened(root)
    for word in words:
        assert word in str(refusal.value)


def names(dataset, part) -> list[str]:
    paths = dataset.images._paths
    return [str(Path(*paths[place].parts[-2:])) for place in part]


def test_a_folder_for_each_class_is_split_by_seed(root):
    dataset = opened(root, seed=3)
    assert dataset.name == f"folder:{root}"
    assert dataset.title == "pets"
    assert dataset.class_names == ("cat", "dog", "emu")
    assert dataset.coarse_of_class is None
    assert dataset.images.shape == (60, 8, 8, 3)
    assert np.bincount(dataset.labels[dataset.test]).tolist() == [6, 4, 2]
    assert np.bincount(dataset.labels[dataset.validation]).tolist() == [2, 2, 1]
    together = np.concatenate([dataset.train, dataset.validation, dataset.test])
    assert sorted(together) == list(range(60))
    assert (opened(root, seed=3).test == dataset.test).all()
    assert set(opened(root, seed=4).test) != set(dataset.test)


def test_pictures_come_with_their_labels_at_the_resolution(root):
    dataset = opened(root, resolution=12)
    pictures = dataset.images.read(dataset.train)
    assert pictures.shape == (len(dataset.train), 12, 12, 3)
    for name, label, pixels in zip(
        names(dataset, dataset.train), dataset.labels[dataset.train], pictures, strict=True
    ):
        class_name, number = name.removesuffix(".png").split("/")
        assert dataset.class_names[label] == class_name
        assert tuple(pixels[6, 6]) == (int(number), 255 - int(number), 0)
    assert open_dataset(f"folder:{root}").images.shape == (60, 224, 224, 3)


def test_a_limit_leaves_the_test_set_whole(root):
    whole, few = opened(root), opened(root, limit=12)
    assert len(few.train) + len(few.validation) == 12
    assert set(few.train) < set(whole.train)
    assert (few.test == whole.test).all()


def test_given_splits_are_kept(tmp_path):
    root = tmp_path / "pets"
    fill(root / "Train", cat=8, dog=8)
    fill(root / "test", cat=3, dog=1)
    dataset = opened(root)
    assert len(dataset.test) == 4
    assert len(dataset.validation) == 2
    assert len(dataset.train) == 14
    fill(root / "valid", cat=2, dog=5)
    dataset = opened(root, seed=1)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [16, 7, 4]
    splits = {dataset.images._paths[place].parts[-3] for place in dataset.validation}
    assert splits == {"valid"}


def test_a_test_set_is_held_out_where_only_train_and_val_are_given(tmp_path):
    root = tmp_path / "pets"
    fill(root / "train", cat=10, dog=10)
    fill(root / "val", cat=2, dog=2)
    dataset = opened(root)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [16, 4, 4]


def test_two_folders_for_one_split_are_refused(tmp_path):
    for name in ("train", "val", "validation"):
        fill(tmp_path / "pets" / name, cat=5, dog=5)
    refused(tmp_path / "pets", "both a validation set", "keep one")


def test_a_class_may_be_called_train(tmp_path):
    dataset = opened(fill(tmp_path / "vehicles", bus=5, train=5))
    assert dataset.class_names == ("bus", "train")
    dataset = opened(fill(tmp_path / "words", test=5, train=5))
    assert dataset.class_names == ("test", "train")


def test_endings_in_capitals_folders_in_classes_and_hidden_files(root):
    picture(root / "cat" / "LOUD.PNG")
    picture(root / "cat" / "indoors" / "deep" / "one.JPeG")
    picture(root / "cat" / ".hidden.png")
    picture(root / "cat" / ".thumbs" / "one.png")
    picture(root / ".cache" / "one.png")
    (root / "cat" / "notes.txt").write_text("no picture")
    (root / "README.md").write_text("no class")
    dataset = opened(root)
    assert len(dataset.images) == 62
    assert dataset.class_names == ("cat", "dog", "emu")
    assert dataset.skipped == ()


def test_the_content_decides_not_the_ending(root):
    Image.new("RGB", (9, 9), (255, 255, 255)).save(root / "cat" / "mislabelled.jpg", "PNG")
    dataset = opened(root)
    assert len(dataset.images) == 61
    place = names(dataset, range(61)).index("cat/mislabelled.jpg")
    assert (dataset.images.read(np.array([place])) == 255).all()


def test_what_cannot_be_read_is_listed_with_its_reason_and_left_out(root):
    whole = (root / "cat" / "000.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "page.jpg").write_text("<html>not found</html>")
    (root / "dog" / "void.webp").write_bytes(b"")
    Image.new("RGB", (9, 9)).save(root / "emu" / "scan.tiff")
    (root / "emu" / "gone.png").symlink_to(root / "emu" / "nowhere.png")
    (root / "emu" / "again").symlink_to(root / "emu")
    dataset = opened(root)
    listed = {str(s.path.relative_to(root)): s.reason for s in dataset.skipped}
    assert listed.keys() == {
        "cat/cut.png",
        "dog/page.jpg",
        "dog/void.webp",
        "emu/scan.tiff",
        "emu/gone.png",
        "emu/again",
    }
    assert "truncated or damaged" in listed["cat/cut.png"]
    assert listed["dog/page.jpg"].startswith("is a web page")
    assert listed["dog/void.webp"].startswith("is empty")
    assert "convert it" in listed["emu/scan.tiff"]
    assert "no file" in listed["emu/gone.png"]
    assert "not followed" in listed["emu/again"]
    assert len(dataset.images) == 60


def test_every_picture_is_checked_once_and_again_when_it_changed(root, monkeypatch):
    checked = []

    def check(path: Path) -> None:
        checked.append(path.name)
        check_image(path)

    monkeypatch.setattr(folder_check, "check_image", check)
    (root / "cat" / "x.png").write_bytes(b"broken")
    first = opened(root)
    assert len(checked) == 61
    checked.clear()
    assert opened(root).skipped == first.skipped
    assert opened(root, resolution=9, seed=5).skipped == first.skipped
    assert checked == []
    picture(root / "cat" / "x.png")
    picture(root / "cat" / "y.png")
    (root / "dog" / "000.png").unlink()
    second = opened(root)
    assert sorted(checked) == ["x.png", "y.png"]
    assert second.skipped == ()
    assert len(second.images) == 61


def test_a_picture_that_could_not_be_opened_is_passed_over_once(root, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def check(path: Path) -> None:
        if path.name == "007.png" and path.parent.name == "dog":
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            check_image(path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    monkeypatch.setattr(folder_check, "THREADS", 1)
    with monkeypatch.context() as scarce:
        scarce.setattr(folder_check, "check_image", check)
        (skipped,) = opened(root).skipped
    assert skipped.path == root / "dog" / "007.png"
    assert skipped.reason == "cannot be read (too many open files); change that and try again"
    assert opened(root).skipped == ()


def test_pictures_are_checked_again_with_another_pillow(root, own_folders):
    opened(root)
    (memory,) = own_folders.glob("cache/folders/*.json")
    kept = json.loads(memory.read_text())
    kept["answers"]["cat/007.png"][2] = "is of a format that this Pillow does not read"
    memory.write_text(json.dumps(kept))
    assert [skipped.path.name for skipped in opened(root).skipped] == ["007.png"]
    memory.write_text(json.dumps(kept).replace(PIL.__version__, "1.0"))
    assert opened(root).skipped == ()


def test_a_damaged_memory_of_checks_is_made_again(root, own_folders):
    opened(root)
    (memory,) = own_folders.glob("cache/folders/*.json")
    for text in ("", "[]", '{"judgement": 1}', '{"judgement": 1, "answers": {"a": 1}}'):
        memory.write_text(text)
        assert len(opened(root).images) == 60


def test_a_stopped_check_remembers_what_it_did(root, monkeypatch):
    monkeypatch.setattr(folder_check, "_AT_ONCE", 10)

    class Impatient(Progress):
        def advance(self, done, **figures):
            if done >= 30:
                raise Stopped("stopped")

    with pytest.raises(Stopped):
        opened(root, progress=Impatient())
    checked = []
    monkeypatch.setattr(folder_check, "check_image", checked.append)
    opened(root)
    assert len(checked) == 30


def test_the_test_set_is_the_same_at_whatever_size_its_pictures_are_read(root):
    small, large = opened(root, resolution=8), opened(root, resolution=16)
    assert small.images.shape != large.images.shape
    assert dataset_info(small).fingerprint != dataset_info(large).fingerprint
    assert dataset_info(small).test_fingerprint == dataset_info(large).test_fingerprint


def test_the_test_set_is_another_with_other_test_pictures_alone(root):
    first = opened(root)
    before = dataset_info(first).test_fingerprint
    assert dataset_info(opened(root, limit=20)).test_fingerprint == before
    assert dataset_info(opened(root, seed=9)).test_fingerprint != before
    picture(first.images._paths[first.train[0]], 77)
    assert dataset_info(opened(root)).test_fingerprint == before
    picture(first.images._paths[first.test[0]], 77)
    assert dataset_info(opened(root)).test_fingerprint != before


def test_the_fingerprint_follows_pictures_labels_and_resolution_but_not_the_split(root):
    first = opened(root).fingerprint
    assert opened(root, seed=9, limit=20).fingerprint == first
    assert opened(root, resolution=9).fingerprint != first
    seen = {first}
    steps = [
        lambda: (root / "cat" / "000.png").rename(root / "dog" / "moved.png"),
        lambda: picture(root / "cat" / "000.png", 200),
        lambda: (root / "emu").rename(root / "owl"),
        lambda: os.utime(root / "cat" / "001.png", (5, 5)),
        lambda: (root / "cat" / "002.png").unlink(),
    ]
    for step in steps:
        step()
        seen.add(opened(root).fingerprint)
    assert len(seen) == len(steps) + 1


@pytest.mark.parametrize("place", ["cat/spy.png", "cat/spy", "spies", "cat/deep/spy.jpg"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_link_leading_outside_is_refused_by_name(root, tmp_path, place, relative):
    outside = fill(tmp_path / "secret", owl=3)
    target = outside / "owl" / "000.png" if "." in place else outside
    link = root / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent) if relative else target)
    refused(root, str(link), "leads outside", str(target))


def test_a_link_to_a_neighbour_whose_name_begins_alike_leads_outside(root):
    target = picture(root.with_name("pets-secret") / "a.png")
    (root / "cat" / "spy.png").symlink_to(target)
    refused(root, "leads outside")


def test_a_link_within_the_folder_and_a_link_to_the_folder_are_followed(root, tmp_path):
    (root / "cat" / "same.png").symlink_to(root / "cat" / "000.png")
    (tmp_path / "short").symlink_to(root)
    dataset = opened(tmp_path / "short")
    assert dataset.name == f"folder:{root}"
    assert len(dataset.images) == 61


def test_too_few_pictures_are_refused_with_class_and_count(root):
    fill(root, fox=2)
    refused(root, "'fox' has 2 pictures", str(root / "fox"), "at least 3")
    picture(root / "fox" / "002.png")
    assert opened(root).class_names[-1] == "fox"
    (root / "fox" / "001.png").write_bytes(b"broken")
    refused(root, "'fox' has 2 pictures (1 more cannot be read)")


def test_an_empty_class_is_refused(root):
    (root / "fox").mkdir()
    refused(root, "'fox' has 0 pictures", "remove the class")


def test_pictures_of_kinds_that_are_not_read_are_named_where_none_are_left(root, tmp_path):
    (root / "fox").mkdir()
    for number in range(3):
        (root / "fox" / f"{number}.tif").touch()
    refused(root, "'fox' has 0 pictures (3 more passed over: 0.tif is a .tif file; convert")
    (tmp_path / "scans" / "cat").mkdir(parents=True)
    (tmp_path / "scans" / "cat" / "0.heic").touch()
    refused(tmp_path / "scans", "of 1 files passed over, 0.heic is a .heic file; convert it")


def test_a_class_missing_from_a_given_split_is_refused(tmp_path):
    root = tmp_path / "pets"
    fill(root / "train", cat=5, dog=5)
    fill(root / "test", cat=2)
    refused(root, "'dog' has 0 pictures", str(root / "test" / "dog"), "at least 1")
    fill(root / "test", dog=1, owl=1)
    refused(root, "'owl' has 0 pictures", str(root / "train" / "owl"), "at least 2")


def test_folders_without_classes_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no pictures", "folder for each class")
    refused(tmp_path / "absent", "absent", "is not a folder")
    file = picture(tmp_path / "one.png")
    refused(file, "is not a folder")
    picture(tmp_path / "flat" / "one.png")
    refused(tmp_path / "flat", "pictures but no class folders")
    refused(fill(tmp_path / "single", cat=9), "only the class 'cat'")


def test_names_in_any_writing_are_read(tmp_path):
    root = fill(tmp_path / "Tiere", **{"Bär": 4, "猫": 4, "a b": 4})
    unreadable_name = os.fsdecode(b"\xff\xfe.png")
    picture(root / "猫" / unreadable_name)
    (root / "猫" / f"x{unreadable_name}").write_bytes(b"broken")
    for _ in range(2):
        dataset = opened(root)
        assert dataset.class_names == ("Bär", "a b", "猫")
        assert len(dataset.images) == 13
        assert len(dataset.skipped) == 1


@pytest.mark.parametrize("name", [b"\xff\xfe", b"two\nlines", b"\x1b[31m"])
def test_a_class_name_that_cannot_be_shown_is_refused(root, name):
    picture(root / os.fsdecode(name) / "a.png")
    refused(root, "cannot be shown", "rename")


@pytest.mark.parametrize("path", ["\0", "~nobody-of-this-name/pets"])
def test_a_path_that_cannot_be_is_refused(path):
    refused(Path(path), "folder")
