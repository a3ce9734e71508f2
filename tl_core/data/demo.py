"""The demo data: pictures made by code, so that everything works with no data and no network."""

import numpy as np
from numpy.typing import NDArray

from tl_core.data.demo_shapes import SHAPES, TEXTURES, Plane, Shape
from tl_core.data.stored import Stored, load, locked
from tl_core.progress import Progress
from tl_core.settings import settings

SIDE = 32
TRAIN_PER_CLASS, TEST_PER_CLASS = 60, 20

HUES = {
    "red": 0.0,
    "orange": 0.075,
    "yellow": 0.15,
    "lime": 0.25,
    "green": 0.37,
    "teal": 0.48,
    "blue": 0.6,
    "violet": 0.71,
    "purple": 0.8,
    "pink": 0.9,
}

# Rises when the pictures change, so that an older cache is left alone.
_VERSION = 1


def open_demo(progress: Progress) -> tuple[Stored, str]:
    """Return the demo data (8,000 pictures of 32×32, 100 classes in 20) and its fingerprint.

    A class is a texture and a colour on a shape, a superclass a shape. Hue, shade, place, size,
    turn, light, background, clutter and noise vary from picture to picture; the same pictures are
    drawn every time.

    Raises:
        TransferLabError: the cache cannot be written.
        Stopped: the user asked to stop.
    """
    folder = settings().cache / "datasets" / f"demo-{_VERSION}"
    found = load(folder)
    if found is None:
        with locked(folder.with_suffix(".lock"), progress):
            # Another process may have drawn it while this one waited for the lock.
            found = load(folder) or make_demo(progress).kept(folder)
    return found


def make_demo(progress: Progress) -> Stored:
    """Draw the demo data."""
    each = TRAIN_PER_CLASS + TEST_PER_CLASS
    hues, textures = list(HUES), list(TEXTURES)
    images, names, coarse = [], [], []
    progress.begin("data", len(SHAPES) * len(TEXTURES) * each, "images")
    for superclass, (shape_name, shape) in enumerate(SHAPES.items()):
        # Neighbours in hue share a shape, so that no class stands alone in any one respect.
        colours = [hues[(3 * superclass + step) % len(hues)] for step in range(len(textures))]
        rng = np.random.default_rng([_VERSION, superclass])
        for texture, colour in zip(textures, colours, strict=True):
            names.append(f"{texture} {colour} {shape_name}")
            coarse.append(superclass)
            images.append(_draw(shape, TEXTURES[texture], HUES[colour], each, rng))
            progress.advance(len(names) * each)
    pictures = np.stack(images)
    classes = np.arange(len(names))
    rng = np.random.default_rng(_VERSION)
    parts, labels = [], []
    for part in (pictures[:, :TRAIN_PER_CLASS], pictures[:, TRAIN_PER_CLASS:]):
        order = rng.permutation(part.shape[0] * part.shape[1])
        parts.append(part.reshape(-1, SIDE, SIDE, 3)[order])
        labels.append(np.repeat(classes, part.shape[1])[order])
    return Stored(
        images=np.concatenate(parts),
        labels=np.concatenate(labels),
        tests=len(labels[1]),
        class_names=tuple(names),
        coarse_of_class=np.array(coarse, np.int64),
        coarse_names=tuple(SHAPES),
    )


def _draw(
    shape: Shape, texture: Shape, hue: float, count: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return `count` pictures of one class, uint8 count×32×32×3."""

    def one(low: float, high: float) -> Plane:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / (SIDE / 2) - 1
    x, y = axis[None, None, :], axis[None, :, None]
    picture = _background(x, y, count, rng)

    size = one(0.5, 0.85)
    room = 1.05 - size
    across, down = _turned(x - room * one(-1, 1), y - room * one(-1, 1), one(-0.4, 0.4))
    edge = shape(across / size, down / size) * size
    cover = np.clip(0.5 - edge * (SIDE / 2), 0, 1)[..., None]

    wave = np.pi * SIDE / one(4.5, 6.5)
    u, v = (across, down) if texture is TEXTURES["ringed"] else _turned(across, down, one(-2, 2))
    tone = np.clip(0.5 + 0.8 * texture(u * wave, v * wave), 0, 1)[..., None]
    shift = rng.normal(0, 0.022, (count, 1, 1)).astype(np.float32)
    base = _rgb(hue + shift, one(0.6, 1), one(0.6, 1))
    light = (rng.random((count, 1, 1, 1)) < 0.5).astype(np.float32)
    other = base * 0.35 + light * 0.6
    fill = base + (other - base) * tone

    picture += (fill - picture) * cover
    picture *= (1 + one(-0.25, 0.25) * x + one(-0.25, 0.25) * y)[..., None]
    picture *= rng.uniform(0.85, 1.1, (count, 1, 1, 3)).astype(np.float32)
    noise = rng.standard_normal(picture.shape, np.float32)
    picture += noise * one(0.01, 0.07)[..., None]
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _background(x: Plane, y: Plane, count: int, rng: np.random.Generator) -> Plane:
    """Return slopes between two colours with three blots of others, float32 count×32×32×3."""

    def one(low: float, high: float) -> Plane:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    along, _ = _turned(x, y, one(-np.pi, np.pi))
    first = _rgb(one(0, 1), one(0, 0.7), one(0.1, 0.95))
    second = _rgb(one(0, 1), one(0, 0.7), one(0.1, 0.95))
    picture = first + (second - first) * np.clip(0.5 + along / 2, 0, 1)[..., None]
    for _ in range(3):
        distance = np.hypot(x - one(-1, 1), y - one(-1, 1)) - one(0.1, 0.35)
        cover = np.clip(0.5 - distance * (SIDE / 2), 0, 1)[..., None]
        picture += (_rgb(one(0, 1), one(0.4, 1), one(0.4, 1)) - picture) * cover
    return picture


def _turned(x: Plane, y: Plane, angle: Plane) -> tuple[Plane, Plane]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _rgb(hue: Plane, saturation: Plane, value: Plane) -> Plane:
    """Return count×1×1×3 in 0 to 1 of colours given as hue, saturation and value."""
    place = (np.array([5, 3, 1], np.float32) + hue[..., None] * 6) % 6
    drop: Plane = np.clip(np.minimum(place, 4 - place), 0, 1)
    return value[..., None] * (1 - saturation[..., None] * drop)
