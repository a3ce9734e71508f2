"""Changed copies of a picture, the same each time for the same picture and seed."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

View = Literal["flip", "crop", "colour"]

# A crop is shifted by up to this share of the side; colour by up to this share of its strength.
SHIFT = 1 / 8
JITTER = 0.3

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def is_drawn(view: View | None) -> bool:
    """Whether the view depends on a seed."""
    return view in ("crop", "colour")


def apply_view(
    pictures: NDArray[np.uint8], view: View | None, indices: NDArray[np.int64], seed: int
) -> NDArray[np.generic]:
    """Return `pictures` (uint8 N×H×W×3) as `view` shows them, values 0..255.

    `flip` mirrors left and right, `crop` shifts by up to an eighth of the side and fills by
    reflection, `colour` changes brightness, contrast and saturation by up to 30 % (ITU-R BT.601
    greys). A picture's draw depends on `seed` and its position in the data set, `indices`.
    """
    if view is None:
        return pictures
    if view == "flip":
        return pictures[:, :, ::-1]
    draws = np.array([np.random.default_rng((seed, int(i))).random(3) for i in indices])
    return _shifted(pictures, draws) if view == "crop" else _recoloured(pictures, draws)


def _shifted(pictures: NDArray[np.uint8], draws: NDArray[np.float64]) -> NDArray[np.uint8]:
    rows = _moved(pictures.shape[1], draws[:, 0])[:, :, None]
    columns = _moved(pictures.shape[2], draws[:, 1])[:, None, :]
    return pictures[np.arange(len(pictures))[:, None, None], rows, columns]


def _moved(side: int, draws: NDArray[np.float64]) -> NDArray[np.int64]:
    reach = max(int(side * SHIFT), 1)
    shift = np.floor(draws * (2 * reach + 1)).astype(np.int64) - reach
    positions = np.abs(np.arange(side) + shift[:, None])
    return np.asarray(side - 1 - np.abs(side - 1 - positions))


def _recoloured(pictures: NDArray[np.uint8], draws: NDArray[np.float64]) -> NDArray[np.float32]:
    strength = (1 + JITTER * (2 * draws - 1)).astype(np.float32)
    brightness, contrast, saturation = strength.T[:, :, None, None, None]
    colours = pictures * brightness
    mean = (colours @ _GREY).mean(axis=(1, 2), keepdims=True)[..., None]
    colours = mean + contrast * (colours - mean)
    grey = (colours @ _GREY)[..., None]
    return np.asarray(np.clip(grey + saturation * (colours - grey), 0, 255), np.float32)
