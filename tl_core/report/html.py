"""The pieces of the page, with everything that came from a user escaped."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tl_core.backbones.table import BACKBONES
from tl_core.wording import percent

# Pictures larger than this are made smaller; up to it they are kept to the pixel.
_THUMBNAIL = 96


def text(value: object) -> str:
    """Return `value` as text of a page."""
    return html.escape(str(value))


def unbroken(shown: str) -> str:
    """Return text whose numbers stay on a line with their units."""
    return shown.replace(" ", "\u00a0")


def dot(backbone: str) -> str:
    """Return a mark in the backbone's colour; its name stands beside it."""
    return (
        f'<span class="dot" style="color:{BACKBONES[backbone].colour}" aria-hidden="true">●</span>'
    )


class Cell:
    """A table's cell: what is shown, as HTML, and what it is sorted by."""

    def __init__(self, shown: str, by: float | str) -> None:
        self.shown = shown
        self.by = by


def number(value: float | None, shown: str) -> Cell:
    """Return a cell that sorts by its number; without one, before all others."""
    return Cell(text(shown), -1e300 if value is None else value)


def share(value: float | None) -> Cell:
    """Return a cell with a share of 0..1 as a percentage."""
    return number(value, "–" if value is None else unbroken(percent(value)))


def word(value: str) -> Cell:
    """Return a cell with text."""
    return Cell(text(value), value.casefold())


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table that a click on a column's title sorts."""
    head = "".join(f'<th scope="col"><button>{text(name)}</button></th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">'
        f"<table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return names and values."""
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"


def picture(pixels: NDArray[np.uint8], alt: str) -> str:
    """Return a picture (uint8 H×W×3) that lies within the page."""
    image = Image.fromarray(pixels)
    small = max(image.size) <= _THUMBNAIL
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if small else "JPEG", **({} if small else {"quality": 85}))
    kind = "png" if small else "jpeg"
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/{kind};base64,{data}" alt="{text(alt)}" width="72" height="72">'


def _cell(cell: Cell) -> str:
    numeric = isinstance(cell.by, int | float)
    return f'<td data-by="{text(cell.by)}"{" class=number" if numeric else ""}>{cell.shown}</td>'
