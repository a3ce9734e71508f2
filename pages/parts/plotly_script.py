"""Plotly's script, served from the installed package at an address that browsers keep.

Inside a component it would be sent, read and compiled again with every page: nearly 5 MB.
"""

from importlib.metadata import version
from importlib.resources import as_file, files

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

_FILE = files("plotly") / "package_data" / "plotly.min.js"
# The version is in the name, so that a browser may keep it for good.
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def address() -> str:
    """Return where the script lies on this server."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{f'/{base}' if base else ''}/plotly-{version('plotly')}.min.js"


def route() -> Route:
    """Return what answers there."""
    return Route(address(), _answer)


def _answer(request: Request) -> FileResponse:
    with as_file(_FILE) as path:
        return FileResponse(path, media_type="text/javascript", headers=_KEPT)
