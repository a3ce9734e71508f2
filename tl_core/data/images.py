"""Pictures as arrays: read from a file, held in memory, or streamed from a folder."""

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, features

from tl_core.errors import UnreadableImage

Fit = Literal["crop", "pad"]

MAX_PIXELS = 40_000_000

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

THREADS = min(8, os.cpu_count() or 1)


def read_image(source: Path | bytes, size: int, fit: Fit = "crop") -> NDArray[np.uint8]:
    """Return the picture as uint8 size×size×3, upright, on white where it was transparent.

    The first frame of an animation is taken; 16-bit, palette, greyscale and CMYK pictures become
    8-bit RGB.

    Args:
        source: A file, or what one holds.
        size: Side in pixels.
        fit: `crop` cuts the centre square out, `pad` adds black bars.

    Raises:
        UnreadableImage: not a picture of an accepted format, broken, or above 40 megapixels.
    """
    with _opened(source) as image:
        # Twice the size leaves the filter enough to work on; JPEG decodes the rest away cheaply.
        image.draft("RGB", (2 * size, 2 * size))
        image.load()
        return np.asarray(_fitted(_plain(_upright(image)), size, fit))


def check_image(source: Path | bytes) -> None:
    """Decode the picture as cheaply as finding damage allows.

    Raises:
        UnreadableImage: as `read_image` would.
    """
    with _opened(source) as image:
        image.draft("RGB", (1, 1))
        image.load()


class ArrayImages:
    """Pictures in one uint8 array N×H×W×3, in memory or mapped from a file."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, 3)."""
        count, height, width, channels = self._array.shape
        return count, height, width, channels

    def __len__(self) -> int:
        return len(self._array)

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at `indices`, in that order, as uint8 len(indices)×H×W×3."""
        return np.ascontiguousarray(np.asarray(self._array)[indices])


class FileImages:
    """Pictures in files, decoded by several threads whenever they are asked for."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self._paths = paths
        self._size = size

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, 3)."""
        return len(self._paths), self._size, self._size, 3

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at `indices`, in that order, as uint8 len(indices)×H×W×3.

        Raises:
            UnreadableImage: a file has changed since it was checked and cannot be read any more.
        """
        pictures = np.empty((len(indices), *self.shape[1:]), np.uint8)

        def read(place: int) -> None:
            pictures[place] = read_image(self._paths[indices[place]], self._size)

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(read, range(len(indices))):
                pass
        return pictures


@contextmanager
def _opened(source: Path | bytes) -> Iterator[Image.Image]:
    """Yield the picture, not decoded yet; whatever fails inside becomes UnreadableImage."""
    name = "The picture" if isinstance(source, bytes) else str(source)
    try:
        with _stream(source) as stream, _recognised(stream, name) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableImage(_too_large(name, f"has {width:,} by {height:,} pixels"))
            yield image
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(_too_large(name, "has far too many pixels")) from error
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else "it is truncated or damaged"
        raise UnreadableImage(
            f"{name} cannot be read ({reason}); give an intact {ACCEPTED} file."
        ) from error
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UnreadableImage(
            f"{name} cannot be read (it is truncated or damaged); give an intact {ACCEPTED} file."
        ) from error


def _stream(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


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


def _kind(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing, which is not accepted"
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "a web page, not a picture"
    if start.startswith(b"%PDF"):
        return "a PDF document, not a picture"
    if start.startswith((b"II*\0", b"MM\0*")):
        return "a TIFF picture, which is not accepted"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "a HEIC picture, which is not accepted"
    return "not a picture of a known format, or damaged"


def _too_large(name: str, what: str) -> str:
    return f"{name} {what}, more than the {MAX_PIXELS:,} accepted; make it smaller."


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged metadata, in as many ways as decoders have
        # The pixels were decoded well; only the note on how to turn them is unreadable.
        return image


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, or as RGBA where it has transparency."""
    if image.mode.startswith("I"):
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _fitted(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    width, height = image.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return _opaque(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("RGB", (size, size))
    place = ((size - inner[0]) // 2, (size - inner[1]) // 2)
    canvas.paste(_opaque(image.resize(inner, Image.Resampling.BICUBIC)), place)
    return canvas


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
