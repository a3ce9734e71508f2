"""A picture file from outside: recognised by its content, and refused where it could do harm."""

import errno
import io
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError, features

from tl_core.errors import UnreadableImage

MAX_PIXELS = 40_000_000
# Its decoder takes 15 bytes a pixel, three times what the others take.
MAX_WEBP_PIXELS = 24_000_000
MAX_BYTES = 20 * 2**20

# Each scan of a progressive JPEG goes over the whole picture and may take 65 bytes: a file of 20 MB
# could keep a processor busy for hours. Cameras and optimisers write some ten of them.
_MAX_SCANS = 100

# Pictures above this many pixels are decoded one at a time, for the sake of memory.
_LARGE = 4_000_000
_one_large_at_a_time = threading.Lock()

FORMATS: tuple[str, ...] = (
    "JPEG",
    "PNG",
    "WEBP",
    "BMP",
    "GIF",
    *(("AVIF",) if features.check("avif") else ()),
)

ACCEPTED = ", ".join(FORMATS[:-1]).replace("WEBP", "WebP") + f" or {FORMATS[-1]}"

# Pillow warns of what is refused here with an error, or is put right: size, damaged metadata.
warnings.filterwarnings("ignore", module=r"PIL\.")


class NotReached(UnreadableImage):
    """A picture that could not be read for want of something else: nothing is said of itself."""


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """Yield the picture, not decoded yet; whatever fails inside becomes UnreadableImage.

    Raises:
        NotReached: the file could not be opened or read, or there was not enough memory.
        UnreadableImage: it is not a picture that is accepted, or damaged.
    """
    name = "The picture" if isinstance(source, bytes) else str(source)
    try:
        with _stream(source, name) as stream, _recognised(stream, name) as image:
            width, height = image.size
            most = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
            if width * height > most:
                raise UnreadableImage(_too_large(name, f"has {width:,} by {height:,} pixels", most))
            _check_scans(stream, image, name)
            with _one_large_at_a_time if width * height > _LARGE else nullcontext():
                yield image
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(_too_large(name, "has far too many pixels", MAX_PIXELS)) from error
    except MemoryError as error:
        raise NotReached(
            f"{name} cannot be read (there was not enough memory); end other programs and try "
            "again."
        ) from error
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        # The system gives a number with what fails in opening and reading, decoders give none. A
        # damaged file may send them to a place before its beginning, which the system calls EINVAL.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            reason = (error.strerror or str(error)).lower()
            raise NotReached(
                f"{name} cannot be read ({reason}); change that and try again."
            ) from error
        raise UnreadableImage(
            f"{name} cannot be read (it is truncated or damaged); give an intact {ACCEPTED} file."
        ) from error


def _stream(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        _check_bytes(len(source), name)
        return io.BytesIO(source)
    about = source.stat()
    # A pipe would wait for its writer, and a device may never end.
    if not stat.S_ISREG(about.st_mode):
        kind = "a folder" if stat.S_ISDIR(about.st_mode) else "not a file"
        raise UnreadableImage(f"{name} is {kind}; give a {ACCEPTED} file.")
    _check_bytes(about.st_size, name)
    return source.open("rb")


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise UnreadableImage(
            f"{name} has {size:,} bytes, more than the {MAX_BYTES:,} (20 MB) accepted; make it "
            "smaller."
        )


def _check_scans(stream: BinaryIO, image: Image.Image, name: str) -> None:
    if not image.info.get("progressive"):
        return
    place = stream.tell()
    stream.seek(0)
    scans = stream.read().count(b"\xff\xda")
    stream.seek(place)
    if scans > _MAX_SCANS:
        raise UnreadableImage(
            f"{name} is drawn in {scans:,} scans, more than the {_MAX_SCANS} accepted; save it "
            "anew."
        )


def _recognised(stream: BinaryIO, name: str) -> Image.Image:
    start = stream.read(512)
    stream.seek(0)
    if not start:
        raise UnreadableImage(f"{name} is empty (0 bytes); give a {ACCEPTED} file.")
    try:
        return Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError as error:
        what = _kind(start)
        raise UnreadableImage(f"{name} is {what}; give a {ACCEPTED} file.") from error


# How files of other kinds begin, after as many bytes, and what they are.
_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document, not a picture"),
    (0, b"%!PS", "a PostScript drawing, which is not accepted"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript drawing, which is not accepted"),
    (0, b"II*\0", "a TIFF picture, which is not accepted"),
    (0, b"MM\0*", "a TIFF picture, which is not accepted"),
    (0, b"8BPS", "a Photoshop file, which is not accepted"),
    (0, b"\0\0\1\0", "an icon, which is not accepted"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which is not accepted"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not accepted"),
    (0, b"\xff\x0a", "a JPEG XL picture, which is not accepted"),
    (4, b"ftyphei", "a HEIC picture, which is not accepted"),
    (4, b"ftypmif1", "a HEIC picture, which is not accepted"),
    (4, b"ftypavi", "a damaged AVIF picture"),
    (4, b"ftyp", "a video, not a picture"),
    (0, b"PK\3\4", "an archive, not a picture"),
    (0, b"PK\5\6", "an archive, not a picture"),
    (0, b"\x1f\x8b", "an archive, not a picture"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive, not a picture"),
    (0, b"Rar!", "an archive, not a picture"),
    (0, b"\x7fELF", "a program, not a picture"),
    (0, b"MZ", "a program, not a picture"),
)


def _kind(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing, which is not accepted"
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "a web page, not a picture"
    for place, mark, what in _KINDS:
        if start[place:].startswith(mark):
            return what
    return "not a picture of a known format, or damaged"


def _too_large(name: str, what: str, most: int) -> str:
    return f"{name} {what}, more than the {most:,} accepted; make it smaller."
