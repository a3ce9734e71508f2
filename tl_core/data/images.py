"""Pictures as arrays: read from a file, held in memory, or streamed from a folder."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tl_core.data.picture_file import opened

Fit = Literal["crop", "pad"]

THREADS = min(8, os.cpu_count() or 1)


_ROWS = 256

# What turns a picture upright, by the orientation that its Exif data give.
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: Path | bytes, size: int, fit: Fit = "crop") -> NDArray[np.uint8]:
    """Return the picture as uint8 size×size×3, upright, on white where it was transparent.

    The first frame of an animation is taken; 16-bit, palette, greyscale and CMYK pictures become
    8-bit RGB.

    Args:
        source: A file, or what one holds.
        size: Side in pixels.
        fit: `crop` cuts the centre square out, `pad` adds black bars.

    Raises:
        UnreadableImage: not a picture of an accepted format, broken, above 40 megapixels (a WebP
            above 24), or above 20 MB.
    """
    with opened(source) as image:
        # Twice the size leaves the filter enough to work on; JPEG decodes the rest away cheaply.
        image.draft("RGB", (2 * size, 2 * size))
        image.load()
        fitted = _fitted(_plain(image), size, fit)
        turn = _turn(image)
        return np.asarray(fitted if turn is None else fitted.transpose(turn))


def check_image(source: Path | bytes) -> None:
    """Decode the picture as cheaply as finding damage allows.

    Raises:
        UnreadableImage: as `read_image` would.
    """
    with opened(source) as image:
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


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged metadata, in as many ways as decoders have
        # The pixels were decoded well; only the note on how to turn them is unreadable.
        return None


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as 8-bit grey or RGB, or as RGBA where it has transparency."""
    if image.mode.startswith("I"):
        return _eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    width, height = image.size
    values = np.empty((height, width), np.uint8)
    for top in range(0, height, _ROWS):
        rows = np.asarray(image.crop((0, top, width, min(top + _ROWS, height))))
        values[top : top + _ROWS] = (np.clip(rows.astype(np.int64), 0, 65535) + 128) // 257
    return Image.fromarray(values)


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
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
