"""The shapes and textures that the demo pictures are drawn from, as functions of the plane."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]
Shape = Callable[[Plane, Plane], Plane]


def _both(first: Plane, second: Plane) -> Plane:
    common: Plane = np.maximum(first, second)
    return common


def _either(first: Plane, second: Plane) -> Plane:
    joined: Plane = np.minimum(first, second)
    return joined


def _box(x: Plane, y: Plane, half_width: float, half_height: float) -> Plane:
    return _both(np.abs(x) - half_width, np.abs(y) - half_height)


def _polygon(x: Plane, y: Plane, sides: int, apothem: float) -> Plane:
    angle = np.arctan2(x, y)
    step = 2 * np.pi / sides
    return np.hypot(x, y) * np.cos((angle + np.pi) % step - step / 2) - apothem


def _disc(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, y) - 0.82


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(np.hypot(x, y) - 0.66) - 0.22


def _square(x: Plane, y: Plane) -> Plane:
    return _box(x, y, 0.72, 0.72)


def _frame(x: Plane, y: Plane) -> Plane:
    return np.abs(_box(x, y, 0.6, 0.6)) - 0.2


def _diamond(x: Plane, y: Plane) -> Plane:
    return (np.abs(x) * 1.35 + np.abs(y) - 0.95) / 1.68


def _triangle(x: Plane, y: Plane) -> Plane:
    return _polygon(x, y - 0.2, 3, 0.5)


def _cross(x: Plane, y: Plane) -> Plane:
    return _either(_box(x, y, 0.27, 0.88), _box(x, y, 0.88, 0.27))


def _star(x: Plane, y: Plane) -> Plane:
    angle = np.arctan2(x, -y)
    fold = np.abs((angle + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    radius = np.hypot(x, y)
    return 0.375 * (radius * np.cos(fold) - 0.95) + 0.927 * radius * np.sin(fold)


def _crescent(x: Plane, y: Plane) -> Plane:
    return _both(np.hypot(x, y) - 0.85, 0.68 - np.hypot(x - 0.42, y))


def _heart(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, -y + 0.12 - 0.62 * np.sqrt(np.abs(x) + 0.02) + 0.25) - 0.72


def _hexagon(x: Plane, y: Plane) -> Plane:
    return _polygon(x, y, 6, 0.74)


def _arrow(x: Plane, y: Plane) -> Plane:
    head = _both(np.abs(x) * 1.0 - (y + 0.9) * 0.9, y + 0.05) / 1.3
    return _either(head, _box(x, y - 0.4, 0.24, 0.5))


def _dome(x: Plane, y: Plane) -> Plane:
    return _both(np.hypot(x, y - 0.35) - 0.92, y - 0.35)


def _bar(x: Plane, y: Plane) -> Plane:
    return _box(x, y, 0.95, 0.3)


def _oval(x: Plane, y: Plane) -> Plane:
    edge: Plane = 0.6 * (np.hypot(x, y / 0.5) - 0.95)
    return edge


def _corner(x: Plane, y: Plane) -> Plane:
    return _either(_box(x + 0.5, y, 0.27, 0.82), _box(x, y - 0.55, 0.77, 0.27))


def _tee(x: Plane, y: Plane) -> Plane:
    return _either(_box(x, y + 0.55, 0.82, 0.27), _box(x, y, 0.27, 0.82))


def _horseshoe(x: Plane, y: Plane) -> Plane:
    arch = _both(np.abs(np.hypot(x, y + 0.15) - 0.6) - 0.22, y + 0.15)
    return _either(arch, _box(np.abs(x) - 0.6, y - 0.3, 0.22, 0.5))


def _hourglass(x: Plane, y: Plane) -> Plane:
    return _both((np.abs(x) - np.abs(y) * 0.9 - 0.06) / 1.35, np.abs(y) - 0.82)


def _flower(x: Plane, y: Plane) -> Plane:
    petals: Plane = 0.58 + 0.27 * np.cos(5 * np.arctan2(x, -y))
    return np.hypot(x, y) - petals


# Each is negative inside, about the distance to the edge outside, and fits the unit circle.
SHAPES: dict[str, Shape] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "frame": _frame,
    "diamond": _diamond,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "crescent": _crescent,
    "heart": _heart,
    "hexagon": _hexagon,
    "arrow": _arrow,
    "dome": _dome,
    "bar": _bar,
    "oval": _oval,
    "corner": _corner,
    "tee": _tee,
    "horseshoe": _horseshoe,
    "hourglass": _hourglass,
    "flower": _flower,
}


def _plain(x: Plane, y: Plane) -> Plane:
    return np.full_like(x, -1)


def _striped(x: Plane, y: Plane) -> Plane:
    return np.sin(x)


def _checked(x: Plane, y: Plane) -> Plane:
    return np.sin(x) * np.sin(y) * 2


def _dotted(x: Plane, y: Plane) -> Plane:
    return (np.cos(x) + np.cos(y) - 0.9) * 1.5


def _ringed(x: Plane, y: Plane) -> Plane:
    return np.sin(np.hypot(x, y) * 1.1)


# Each is between dark (-1 and less) and light (1 and more), with a period of 2π.
TEXTURES: dict[str, Shape] = {
    "plain": _plain,
    "striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "ringed": _ringed,
}
