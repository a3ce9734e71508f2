"""Plotly's script, where a browser fetches it once and keeps it.

Sent with a page it would cross the websocket with each opening, 1.5 MB, and be read anew from its
text; what came from an address that never changes stays with the browser, already compiled.
"""

import gzip
from functools import cache

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tl_core.figures.script import plotly_script, plotly_version

# The version is in the name, so that a browser may keep the script for good.
_NAME = f"assets/plotly-{plotly_version()}.min.js"


def address() -> str:
    """Return the script's address on this server."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{_NAME}" if base else f"/{_NAME}"


def route() -> Route:
    """Return the route under which the server gives the script out."""
    return Route(address(), _send)


def _send(request: Request) -> Response:
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    content = plotly_script()
    if "gzip" in request.headers.get("accept-encoding", ""):
        # Streamlit would compress it too, but again each time, while everybody else waits.
        content, headers["Content-Encoding"] = _compressed(), "gzip"
    return Response(content, media_type="text/javascript", headers=headers)


@cache
def _compressed() -> bytes:
    return gzip.compress(plotly_script(), 6)
