"""Opening the app's pages without a browser."""

import json
import re
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]


def open_page(name: str | None = None, **query_params: str | list[str]) -> AppTest:
    """Return the page after its first run; without a name, Home."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if name is not None:
        app.switch_page(f"pages/{name}.py")
    for key, value in query_params.items():
        app.query_params[key] = value
    return calm(app.run())


def calm(app: AppTest) -> AppTest:
    """Return the app, having made sure that nothing unexpected happened on it."""
    assert not app.exception, app.exception
    assert not any("unexpected" in error.value for error in app.error), app.error
    return app


def texts(app: AppTest) -> str:
    """Return everything the page says."""
    said = [*app.markdown, *app.caption, *app.error, *app.info, *app.title, *app.header]
    return seen("\n".join(str(element.value) for element in said))


def seen(text: str) -> str:
    """Return what a reader sees of text that was kept from being taken for Markdown."""
    return re.sub(r"\\(?=[^\w\s]|_)", "", text).replace("\u2060", "")


def tables(app: AppTest) -> list[list[dict[str, str]]]:
    """Return the rows of each of the page's tables of plain text, by their columns' names."""
    sent = _sent(app, "rows")
    return [[dict(zip(one["names"], row, strict=True)) for row in one["rows"]] for one in sent]


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Return what the page sent to each of its charts: a figure for each theme, and its name."""
    return _sent(app, "light")


def _sent(app: AppTest, name: str) -> list[dict[str, Any]]:
    sent = [
        json.loads(node.proto.mixed.json or node.proto.json or "{}")
        for node in app.get("bidi_component")
    ]
    return [data for data in sent if name in data]
