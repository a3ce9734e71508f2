"""The login in a real browser, in front of a real server that listens on every address."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe import serious_violations
from playwright.sync_api import Browser, Page, expect

from scripts.browser_app import Complaints, serving

pytestmark = pytest.mark.browser

_WORD = "correct horse"
_STREAM = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_the_app_is_behind_its_password(
    browser: Browser, own_folders: Path, tmp_path: Path
) -> None:
    options = ("--server.address", "0.0.0.0")
    log = tmp_path / "server.log"
    with serving(own_folders, log, options, {"TL_PASSWORD": _WORD}) as address:
        _machines_are_refused(address)
        complaints = Complaints()
        context = browser.new_context()
        page = complaints.listen(context.new_page())
        page.goto(f"{address}/Compare")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert serious_violations(page, in_the_app=False) == []
        _log_in(page, "wrong horse")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        assert [said.split(" (http")[0][-18:] for said in complaints] == ["401 (Unauthorized)"]
        complaints.clear()
        _log_in(page, _WORD)
        expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
        page.get_by_role("link", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.goto(f"{address}/Train")
        expect(page.get_by_label("Password")).to_be_visible()
        assert not complaints
        context.close()
    assert _WORD not in log.read_text()


def _log_in(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def _machines_are_refused(address: str) -> None:
    for method, path, headers, status in (
        ("GET", "/_stcore/health", {}, 200),
        ("GET", "/_stcore/metrics", {}, 401),
        ("GET", "/_stcore/stream", _STREAM, 403),
        ("PUT", "/_stcore/upload_file/session/file", {}, 401),
        ("GET", "/media/anything", {}, 401),
    ):
        assert _status(address, method, path, headers) == status, path


def test_another_site_cannot_use_the_app_of_this_machine(own_folders: Path, tmp_path: Path) -> None:
    with serving(own_folders, tmp_path / "server.log") as address:
        port = urlsplit(address).port
        length = {"Content-Length": "0"}
        for method, path, headers, status in (
            ("GET", "/_stcore/stream", _STREAM, 101),
            ("GET", "/_stcore/stream", _STREAM | {"Origin": "https://evil.com"}, 403),
            ("GET", "/_stcore/stream", _STREAM | {"Host": "evil.com"}, 403),
            ("GET", "/", {"Host": f"evil.com:{port}"}, 403),
            ("PUT", "/_stcore/upload_file/session/file", length, 403),
        ):
            assert _status(address, method, path, headers) == status, (path, headers)


def _status(address: str, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request(method, path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status
