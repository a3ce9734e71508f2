"""The part of Plotly's script that is sent to browsers."""

import gzip
from importlib.resources import files

import pytest
from starlette.requests import Request
from starlette.responses import Response

from pages.parts import plotly_script as script_on_page
from pages.parts.plotly_script import address, route
from tl_core.figures.script import plotly_script, plotly_version, version_of


def test_it_is_of_the_version_that_the_figures_are_made_for() -> None:
    whole = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert plotly_version() == version_of(whole)
    assert len(plotly_script()) < len(whole) / 2


def _asked(accept: str) -> Response:
    scope = {
        "type": "http",
        "method": "GET",
        "path": address(),
        "headers": [(b"accept-encoding", accept.encode())],
    }
    return route().endpoint(Request(scope))


def test_a_browser_may_keep_it_and_gets_it_compressed() -> None:
    answer = _asked("gzip, br")
    assert gzip.decompress(answer.body) == plotly_script()
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert plotly_version() in address()
    plain = _asked("identity")
    assert "content-encoding" not in plain.headers
    assert plain.body == plotly_script()


def test_under_a_path_of_its_own_the_server_gives_it_out_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_root = address()
    monkeypatch.setattr(script_on_page.st, "get_option", {"server.baseUrlPath": "/lab/"}.get)
    assert address() == route().path == f"/lab{at_root}"
