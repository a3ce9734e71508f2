"""ZIP archives from people nobody knows: looked at before anything in them is believed."""

import stat
import struct
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from tl_core.errors import TransferLabError

_END, _END64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _END64_SIZE, _MOST_COMMENT = 22, 20, 0xFFFF
_A_NAME = 0x200


def open_zip(file: BinaryIO, most: int) -> ZipFile:
    """Return the archive in `file`, of at most `most` plain files, each name once.

    Python reads the whole directory of an archive into memory before it can be asked anything, so
    its size is looked up first. Sizes of the files themselves are still the archive's own word.

    Raises:
        TransferLabError: it is no such archive.
    """
    try:
        _look_at_the_end(file, most)
        file.seek(0)
        archive = ZipFile(file)
        if len(archive.infolist()) > most:
            raise _too_many(most)
    except (BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise TransferLabError("It is not a whole ZIP archive.") from error
    names = set()
    for entry in archive.infolist():
        # Unix keeps a file's kind there; zero where the archive was made elsewhere.
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise TransferLabError(f"It holds {entry.filename[:60]!r}, which is not a plain file.")
        if entry.filename in names:
            raise TransferLabError(f"It holds {entry.filename[:60]!r} twice.")
        if entry.flag_bits & 1 or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise TransferLabError(f"It holds {entry.filename[:60]!r} in a form that is not read.")
        names.add(entry.filename)
    return archive


def _look_at_the_end(file: BinaryIO, most: int) -> None:
    file.seek(0, 2)
    tail = min(file.tell(), _END64_SIZE + _END_SIZE + _MOST_COMMENT)
    file.seek(-tail, 2)
    content = file.read(tail)
    # As Python does: an end without a comment first, else its own numbers could look like one.
    whole = content[-_END_SIZE:].startswith(_END) and content.endswith(b"\0\0")
    at = tail - _END_SIZE if whole else content.rfind(_END)
    if at < 0:
        raise BadZipFile
    disk, first_disk, here, entries, directory = struct.unpack("<4HL", content[at + 4 : at + 16])
    longer = content[max(0, at - _END64_SIZE) : at].startswith(_END64)
    if longer or entries > most or directory > most * _A_NAME:
        raise _too_many(most)
    if disk or first_disk or here != entries:
        raise BadZipFile


def _too_many(most: int) -> TransferLabError:
    return TransferLabError(f"It holds more than the {most} files that it may.")
