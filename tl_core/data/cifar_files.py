"""The official layouts of CIFAR-100, `cifar-100-binary` and `cifar-100-python`, read to arrays.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009;
https://www.cs.toronto.edu/~kriz/cifar.html describes both layouts.
"""

import hashlib
import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.data.archive import Member
from tl_core.data.stored import Stored
from tl_core.errors import TransferLabError
from tl_core.progress import Progress

COUNTS = {"train": 50_000, "test": 10_000}
CLASSES, SUPERCLASSES = 100, 20
SIDE = 32

BINARY_FILES = ("train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt")

# The md5 sums that torchvision publishes for the files inside cifar-100-python.tar.gz.
PYTHON_FILES = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}

_RECORD = 2 + 3 * SIDE * SIDE
_RECORDS_AT_ONCE = 1000
_LARGEST_NAMES_FILE = 1 << 16
_LARGEST_PICKLE = 1 << 28

Labels = NDArray[np.int64]


def read_binary(members: Iterable[Member], title: str, progress: Progress) -> Stored:
    """Return the data set in files of the binary layout; other files are passed over.

    A record is 1 byte superclass, 1 byte class, then the red, green and blue planes of 32×32.

    Args:
        members: The files, in any order.
        title: What names their place in messages.
        progress: Hears how many images were read.

    Raises:
        TransferLabError: a file is missing, short, has another record size or an unknown label.
    """
    parts = _Parts(progress)
    for member in members:
        match member.name:
            case "train.bin":
                _read_records(member, "train", parts)
            case "test.bin":
                _read_records(member, "test", parts)
            case "fine_label_names.txt":
                parts.names["fine"] = _read_names(member, CLASSES)
            case "coarse_label_names.txt":
                parts.names["coarse"] = _read_names(member, SUPERCLASSES)
            case _:
                continue
        parts.seen.append(member.name)
    return parts.joined(BINARY_FILES, title)


def read_python(members: Iterable[Member], title: str, progress: Progress) -> Stored:
    """Return the data set in files of the Python layout; other files are passed over.

    A file is a pickle, which may run code, so that only the published bytes are unpickled.

    Args:
        members: The files, in any order.
        title: What names their place in messages.
        progress: Hears how many images were read.

    Raises:
        TransferLabError: a file is missing, or is not the published one.
    """
    parts = _Parts(progress)
    for member in members:
        if member.name not in PYTHON_FILES:
            continue
        content = _unpickle(member)
        if member.name == "meta":
            parts.names["fine"] = [name.decode() for name in content[b"fine_label_names"]]
            parts.names["coarse"] = [name.decode() for name in content[b"coarse_label_names"]]
        else:
            fine = np.array(content[b"fine_labels"], np.int64)
            coarse = np.array(content[b"coarse_labels"], np.int64)
            for first in range(0, len(fine), _RECORDS_AT_ONCE):
                now = slice(first, first + _RECORDS_AT_ONCE)
                parts.add(member.name, first, content[b"data"][now], fine[now], coarse[now])
        parts.seen.append(member.name)
    return parts.joined(tuple(PYTHON_FILES), title)


class _Parts:
    """What was read so far, in arrays where the training images come first."""

    def __init__(self, progress: Progress) -> None:
        count = sum(COUNTS.values())
        self.images = np.empty((count, SIDE, SIDE, 3), np.uint8)
        self.fine = np.empty(count, np.int64)
        self.coarse = np.empty(count, np.int64)
        self.names: dict[str, list[str]] = {}
        self.seen: list[str] = []
        self.done = 0
        self.progress = progress
        progress.begin("data", count, "images")

    def add(
        self, split: str, first: int, planes: NDArray[np.uint8], fine: Labels, coarse: Labels
    ) -> None:
        start = first + (COUNTS["train"] if split == "test" else 0)
        stop = start + len(planes)
        self.images[start:stop] = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        self.fine[start:stop] = fine
        self.coarse[start:stop] = coarse
        self.done += len(planes)
        self.progress.advance(self.done)

    def joined(self, expected: tuple[str, ...], title: str) -> Stored:
        missing = [name for name in expected if name not in self.seen]
        if missing or len(self.seen) > len(expected):
            problem = f"lacks {', '.join(missing)}" if missing else "holds a file twice"
            raise TransferLabError(f"{title} {problem}; it needs {', '.join(expected)} once each.")
        names = self.names["fine"]
        return Stored(
            images=self.images,
            labels=self.fine,
            tests=COUNTS["test"],
            class_names=tuple(names),
            coarse_of_class=_superclass_of_each(self.fine, self.coarse, names, title),
            coarse_names=tuple(self.names["coarse"]),
        )


def _superclass_of_each(fine: Labels, coarse: Labels, names: list[str], title: str) -> Labels:
    together = np.zeros((CLASSES, SUPERCLASSES), bool)
    together[fine, coarse] = True
    count = together.sum(axis=1)
    if (count != 1).any():
        wrong = int(np.flatnonzero(count != 1)[0])
        raise TransferLabError(
            f"{title} gives the class {names[wrong]!r} {count[wrong]} superclasses, expected one; "
            "it is damaged or of another data set, so fetch it again."
        )
    superclass: Labels = together.argmax(axis=1)
    return superclass


def _read_records(member: Member, split: str, parts: _Parts) -> None:
    count = COUNTS[split]
    if member.size != count * _RECORD:
        found, rest = divmod(member.size, _RECORD)
        holds = f"{found:,} records" + (f" and {rest:,} bytes more" if rest else "")
        raise TransferLabError(
            f"{member.title} has {member.size:,} bytes ({holds}), expected {count * _RECORD:,} "
            f"({count:,} records of {_RECORD:,} bytes); fetch it again."
        )
    for first in range(0, count, _RECORDS_AT_ONCE):
        wanted = min(_RECORDS_AT_ONCE, count - first)
        records = np.frombuffer(_exactly(member, wanted * _RECORD), np.uint8).reshape(wanted, -1)
        coarse, fine = records[:, 0].astype(np.int64), records[:, 1].astype(np.int64)
        _refuse_unknown(coarse, SUPERCLASSES, "superclass", first, member)
        _refuse_unknown(fine, CLASSES, "class", first, member)
        parts.add(split, first, records[:, 2:], fine, coarse)


def _refuse_unknown(labels: Labels, known: int, kind: str, first: int, member: Member) -> None:
    wrong = np.flatnonzero(labels >= known)
    if len(wrong):
        raise TransferLabError(
            f"{member.title} has the unknown {kind} label {labels[wrong[0]]} in record "
            f"{first + wrong[0]:,}, expected 0 to {known - 1}; it is damaged or of another data "
            "set, so fetch it again."
        )


def _read_names(member: Member, expected: int) -> list[str]:
    _refuse_large(member, _LARGEST_NAMES_FILE)
    lines = _exactly(member, member.size).decode("utf-8", "replace").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if len(names) != expected or len(set(names)) != expected:
        raise TransferLabError(
            f"{member.title} has {len(set(names))} different names in {len(names)} lines, "
            f"expected {expected}; fetch it again."
        )
    return names


def _unpickle(member: Member) -> dict[bytes, Any]:
    _refuse_large(member, _LARGEST_PICKLE)
    data = _exactly(member, member.size)
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != PYTHON_FILES[member.name]:
        raise TransferLabError(
            f"{member.title} is not the published file: its md5 is {found}, expected "
            f"{PYTHON_FILES[member.name]}. It is a pickle, which may run code, and was not "
            "opened; fetch cifar-100-python.tar.gz again, or use the binary layout."
        )
    content: dict[bytes, Any] = pickle.loads(data, encoding="bytes")
    return content


def _refuse_large(member: Member, most: int) -> None:
    if member.size > most:
        raise TransferLabError(
            f"{member.title} has {member.size:,} bytes, expected at most {most:,}; fetch it again."
        )


def _exactly(member: Member, count: int) -> bytes:
    data = member.read(count)
    if len(data) != count:
        raise TransferLabError(f"{member.title} ends too early; fetch it again.")
    return data
