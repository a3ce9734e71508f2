"""How commands print: tables and words for people, JSON for programs."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tl_core.evaluation.document import Proportion
from tl_core.wording import percent, with_interval

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]

NOTHING = "–"


def out() -> Console:
    """Return the console of results; elsewhere than on a terminal a row is always one line."""
    return Console(width=None if sys.stdout.isatty() else 1000, highlight=False, markup=False)


def err() -> Console:
    """Return the console of progress and complaints."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print `value` as one JSON document."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # A file's name may hold bytes that are no text; escaped, they are JSON all the same.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey or cannot show escaped, lines aside."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: its first column holds names and is never cut, numbers stand on the right."""
    content = [[_cell(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        figures = number and content and all(_is_figure(row[number]) for row in content)
        table.add_column(
            column, justify="right" if figures else "left", no_wrap=number == 0, overflow="fold"
        )
    for row in content:
        table.add_row(*(Text(cell) for cell in row))
    out().print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts:
        table.add_row(Text(name, style="bold"), Text(_cell(value)))
    out().print(table)


def share(value: float | None) -> str:
    """Return a share in 0..1 as a percentage."""
    return NOTHING if value is None else percent(value)


def proportion(value: Proportion | None) -> str:
    """Return a share with its 95 % interval."""
    return NOTHING if value is None else with_interval(value)


def duration(seconds: float | None) -> str:
    """Return seconds as a person would say them."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def moment(seconds: float) -> str:
    """Return a Unix time as a date and time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def size(count: float | None) -> str:
    """Return bytes in MB or GB."""
    if count is None:
        return NOTHING
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _cell(value: object) -> str:
    return NOTHING if value is None or value == "" else printable(str(value))


def _is_figure(cell: str) -> bool:
    return cell == NOTHING or cell[0].isdigit()
