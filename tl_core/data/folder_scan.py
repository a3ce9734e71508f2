"""What lies in a folder of class folders: pictures by split and class, and what is passed over."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tl_core.data.dataset import Skipped
from tl_core.data.picture_file import ACCEPTED
from tl_core.errors import TransferLabError

ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".avif"})

# Endings of pictures that are not accepted: worth a word, where other files are not.
_OTHER_PICTURES = frozenset(
    {".tif", ".tiff", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".ico", ".psd", ".dng", ".tga"}
)

_SPLITS = {"train": "train", "test": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "validation"
)


@dataclass(frozen=True)
class Picture:
    """A file that should hold a picture; `split` is empty where the folder gives none."""

    path: Path
    split: str
    class_name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Scan:
    """The pictures of the folder `root` by path, and files passed over.

    `splits` says which folder holds the classes of which split; '' is the split of a folder that
    leaves the splitting to a seed. Every split folder counts for `class_names`, which are sorted.
    """

    root: Path
    pictures: tuple[Picture, ...]
    splits: dict[str, Path]
    class_names: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def scan(path: Path) -> Scan:
    """Return what lies in the folder: class folders, or `train/`, `test/`, `val/` above them.

    Hidden files and folders do not count, nor do files without the ending of a picture.

    Raises:
        TransferLabError: it is no folder, has no class folders or no pictures, or a link in it
            leads outside.
    """
    try:
        root = path.expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise TransferLabError(
            f"{str(path)!r} names no folder ({error}); give the folder that holds the classes."
        ) from error
    if not root.is_dir():
        raise TransferLabError(
            f"{root} is not a folder; give one that holds a folder of pictures for each class."
        )
    return _Walk(root).scan()


class _Walk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: dict[Path, str] = {}

    def scan(self) -> Scan:
        pictures, class_names = [], set()
        splits = self._splits()
        for split, folder in splits.items():
            for class_folder in self._folders(folder):
                class_names.add(_class_name(class_folder))
                for path in self._files(class_folder):
                    stat = path.stat()
                    pictures.append(
                        Picture(path, split, class_folder.name, stat.st_size, stat.st_mtime_ns)
                    )
        if not pictures:
            raise TransferLabError(self._nothing())
        return Scan(
            self.root,
            tuple(pictures),
            splits,
            tuple(sorted(class_names)),
            tuple(Skipped(path, reason) for path, reason in self.skipped.items()),
        )

    def _splits(self) -> dict[str, Path]:
        folders = [(_SPLITS.get(path.name.lower()), path) for path in self._folders(self.root)]
        splits = {split: path for split, path in folders if split}
        # A class may be called 'train': only folders of folders, and nothing else, are splits.
        if any(split is None for split, _ in folders) or not self._holds_folders(splits):
            return {"": self.root}
        for split, path in folders:
            if split and splits[split] != path:
                raise TransferLabError(
                    f"{path} and {splits[split]} are both a {split} set; keep one of them."
                )
        return splits

    def _holds_folders(self, splits: dict[str, Path]) -> bool:
        return "train" in splits and bool(self._folders(splits["train"]))

    def _folders(self, folder: Path) -> list[Path]:
        return [path for path in self._entries(folder) if path.is_dir()]

    def _files(self, folder: Path) -> Iterator[Path]:
        for path in self._entries(folder):
            ending = path.suffix.lower()
            if path.is_dir():
                yield from self._files(path)
            elif ending in ENDINGS and path.is_file():
                yield path
            elif ending in _OTHER_PICTURES:
                self.skipped[path] = f"is a {ending} file; convert it to {ACCEPTED}"

    def _entries(self, folder: Path) -> list[Path]:
        """Return what is not hidden in `folder`, by name, without links to folders."""
        try:
            with os.scandir(folder) as scanned:
                found = sorted((e for e in scanned if not e.name.startswith(".")), key=_name)
        except OSError as error:
            raise TransferLabError(
                f"{folder} cannot be read ({error.strerror or error}); check its permissions."
            ) from error
        return [Path(entry.path) for entry in found if not self._passed_over(entry)]

    def _passed_over(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return False
        path = Path(entry.path)
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(self.root):
            raise TransferLabError(
                f"{path} is a link that leads outside the data folder, to {target}; "
                "put the file itself in its place, or remove it."
            )
        if target.is_file():
            return False
        self.skipped[path] = (
            f"is a link to the folder {target}; links to folders are not followed"
            if target.is_dir()
            else f"is a link to {target}, where there is no file"
        )
        return True

    def _nothing(self) -> str:
        if any(path.suffix.lower() in ENDINGS for path in self._entries(self.root)):
            return (
                f"{self.root} has pictures but no class folders with pictures; put the pictures "
                "of each class into a folder that has the name of the class."
            )
        if self.skipped:
            path, reason = next(iter(self.skipped.items()))
            return (
                f"{self.root} holds no pictures that can be read in class folders; of "
                f"{len(self.skipped):,} files passed over, {path.name} {reason}."
            )
        return (
            f"{self.root} holds no pictures in class folders; make a folder for each class in it, "
            f"with {ACCEPTED} files."
        )


def _class_name(folder: Path) -> str:
    if not folder.name.isprintable():
        raise TransferLabError(
            f"{str(folder)!r} has a name that cannot be shown; rename it, since a class is called "
            "like its folder."
        )
    return folder.name


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
