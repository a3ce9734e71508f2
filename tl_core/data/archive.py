"""Files of a tar archive or a folder, read one by one.

Nothing of an archive is ever written to disk under a name that the archive chose.
"""

import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tl_core.errors import TransferLabError

_PIECE = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file to be read front to back, before the next one is asked for.

    `title` names it in messages; `read(n)` returns its next n bytes, fewer at its end.
    """

    name: str
    title: str
    size: int
    read: Callable[[int], bytes]


def archive_members(path: Path) -> Iterator[Member]:
    """Yield each file in the tar archive at `path`, in its order.

    Raises:
        TransferLabError: the archive is damaged, or a member is a link, a device, or has a name
            that leads outside the archive.
    """
    with _readable(path):
        # "r|*" goes front to back once, which is the only fast way through an .xz. In large pieces,
        # because another thread that computes makes this one wait after each.
        archive = tarfile.open(path, "r|*", bufsize=_PIECE)  # noqa: SIM115 - closed below
    with archive:
        while True:
            with _readable(path):
                entry = archive.next()
            if entry is None:
                return
            _refuse_unsafe(entry, path)
            stream = archive.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                name = PurePosixPath(entry.name).name
                read = _guarded(stream.read, path)
                yield Member(name, f"{entry.name} in {path}", entry.size, read)


def folder_members(folder: Path, names: tuple[str, ...]) -> Iterator[Member]:
    """Yield the files called `names` in `folder`.

    Raises:
        TransferLabError: one of them cannot be read.
    """
    for name in names:
        path = folder / name
        with _readable(path):
            stream = path.open("rb")
            size = path.stat().st_size
        with stream:
            yield Member(name, str(path), size, _guarded(stream.read, path))


def _guarded(read: Callable[[int], bytes], path: Path) -> Callable[[int], bytes]:
    def guarded(count: int) -> bytes:
        with _readable(path):
            return read(count)

    return guarded


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        raise TransferLabError(
            f"{path} is damaged or no tar archive ({error}); delete it and fetch it again."
        ) from error
    except OSError as error:
        raise TransferLabError(
            f"{path} cannot be read ({error.strerror or error}); "
            "check that it is there, whole, and yours to read."
        ) from error


def _refuse_unsafe(entry: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.name:
        problem = "has a name that leads outside the archive"
    elif entry.issym() or entry.islnk():
        problem = "is a link"
    elif not (entry.isfile() or entry.isdir()):
        problem = "is neither a file nor a folder"
    else:
        return
    raise TransferLabError(
        f"{path} is not to be trusted: its member {entry.name!r} {problem}; "
        "fetch the archive again from its publisher."
    )
