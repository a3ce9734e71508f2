"""Where a backbone's weights come from: a folder of the user's, Keras' cache, Keras' download."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tl_core.backbones.hashes import file_hash
from tl_core.backbones.table import Backbone
from tl_core.errors import TransferLabError
from tl_core.progress import Progress
from tl_core.settings import settings

_NETWORK_TIMEOUT = 20.0


@dataclass(frozen=True)
class Weights:
    """Which weights a network starts from.

    `path`, `sha256` and `bytes` are None for random weights; `seed` counts for those alone.
    """

    kind: Literal["imagenet", "random"]
    path: Path | None = None
    sha256: str | None = None
    bytes: int | None = None
    seed: int = 0

    @property
    def identity(self) -> str:
        """What tells these weights from all others, as a cache key holds it."""
        return f"random:{self.seed}" if self.sha256 is None else f"sha256:{self.sha256}"


@dataclass(frozen=True)
class WeightsReport:
    """Whether a backbone's ImageNet weights lie on this machine, where, and what to do if not."""

    found: bool
    where: str
    to_do: str


def find_weights(
    row: Backbone,
    kind: Literal["imagenet", "random"],
    size: int,
    progress: Progress | None = None,
    *,
    seed: int = 0,
) -> Weights:
    """Return the weights to start from, downloading them when no file is there.

    Looked for in `TL_WEIGHTS_DIR`, then in Keras' cache (its published hash checked before Keras
    sees the file, which would delete it otherwise), then downloaded by Keras. Where a network has
    a file for each input size, the one nearest to `size` is taken.

    Raises:
        TransferLabError: no file is there and none can be downloaded, or it is damaged.
    """
    if kind == "random":
        return Weights("random", seed=seed)
    path = _in_folder(row, size) or _in_keras_cache(row, size) or _download(row, size, progress)
    return Weights("imagenet", path, file_hash(path, "sha256"), path.stat().st_size)


def report(row: Backbone, size: int | None = None) -> WeightsReport:
    """Say whether `row`'s ImageNet weights are on this machine; downloads nothing."""
    size = size or row.default_size
    try:
        path = _in_folder(row, size) or _in_keras_cache(row, size)
    except TransferLabError as error:
        return WeightsReport(False, "", str(error))
    except OSError as error:
        return WeightsReport(
            False,
            "",
            f"{error.filename} cannot be read ({error.strerror}); change that, or choose the "
            "weights `random`.",
        )
    if path is not None:
        return WeightsReport(True, str(path), "")
    return WeightsReport(False, "", _what_to_do(row, size))


def keras_file(row: Backbone, size: int) -> str:
    """Return Keras' own name of the weights file for pictures of `size` pixels."""
    return row.weights_file.format(size=_nearest(row.weights_sizes, size))


def _nearest(sizes: tuple[int, ...], size: int) -> int:
    return min(sizes, key=lambda s: (abs(s - size), -s), default=size)


def _in_folder(row: Backbone, size: int) -> Path | None:
    folder = settings().weights
    if folder is None:
        return None
    if not folder.is_dir():
        raise TransferLabError(
            f"TL_WEIGHTS_DIR is {folder}, which is not a folder; correct it or unset it."
        )
    sized = {
        int(found[1]): path
        for path in folder.iterdir()
        if (found := re.fullmatch(rf"{row.name}_(\d+)_notop\.weights\.h5", path.name))
    }
    names = [f"{row.name}_{size}_notop.weights.h5", f"{row.name}_notop.weights.h5"]
    if sized:
        names.append(sized[_nearest(tuple(sized), size)].name)
    by_distance = sorted(row.weights_sizes, key=lambda s: (abs(s - size), -s)) or [size]
    names += [row.weights_file.format(size=s) for s in by_distance]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _in_keras_cache(row: Backbone, size: int) -> Path | None:
    path = settings().keras_home / "models" / keras_file(row, size)
    if not path.is_file():
        return None
    if row.weights_hash is not None:
        algorithm = "md5" if len(row.weights_hash) == 32 else "sha256"
        got = file_hash(path, algorithm)
        if got != row.weights_hash:
            raise TransferLabError(
                f"The weights file {path} is damaged or incomplete: its {algorithm} hash is "
                f"{got}, expected {row.weights_hash}. Delete it to have it downloaded again, or "
                f"choose the weights `random`."
            )
    return path


def _download(row: Backbone, size: int, progress: Progress | None) -> Path:
    import keras

    name = keras_file(row, size)
    if progress is not None:
        progress.note(f"Downloading the ImageNet weights of {row.title} ({name}).")
    shape_size = _nearest(row.weights_sizes, max(size, row.smallest_size))
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_NETWORK_TIMEOUT)
    try:
        getattr(keras.applications, row.constructor)(
            weights="imagenet", include_top=False, input_shape=(shape_size, shape_size, 3)
        )
    except Exception as error:  # Keras raises a bare one when offline.
        raise TransferLabError(
            f"The ImageNet weights of {row.title} could not be downloaded ({error}). "
            f"{_what_to_do(row, size)}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    path = _in_keras_cache(row, size)
    if path is None:
        raise TransferLabError(
            f"Keras downloaded {name}, but not to {settings().keras_home / 'models'}; "
            f"make that folder writable, or set KERAS_HOME to one that is."
        )
    return path


def _what_to_do(row: Backbone, size: int) -> str:
    folder = settings().weights or settings().keras_home / "models"
    hint = "" if settings().weights else " (or into a folder that TL_WEIGHTS_DIR names)"
    return (
        f"Put {keras_file(row, size)} into {folder}{hint}, or choose the weights `random`, "
        f"which know nothing of pictures."
    )
