"""Every page asks at its top who is there, also where it is reached without `app.py`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import psutil
import pytest
from app_pages import ROOT, open_page, texts
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from pages.parts import door
from scripts.browser_app import serving
from tl_core.door.asgi import COOKIE
from tl_core.door.passwords import PASSWORD
from tl_core.runs import bin
from tl_core.runs.store import get_run

PAGES = [None, "1_Train", "2_Compare", "3_Predict", "4_Runs"]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    door._rules.cache_clear(), door._logins.cache_clear()
    yield
    door._rules.cache_clear(), door._logins.cache_clear()


def _shows_nothing_but(page: AppTest, sentence: str) -> None:
    assert sentence in texts(page)
    for kind in ("button", "checkbox", "file_uploader", "multiselect", "page_link"):
        assert not page.get(kind), kind
    assert not page.title


@pytest.mark.parametrize("name", PAGES)
def test_without_a_login_in_force_elsewhere_no_page_runs(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = door.st.get_option
    monkeypatch.setattr(
        door.st, "get_option", lambda key: "0.0.0.0" if key == "server.address" else before(key)
    )
    _shows_nothing_but(open_page(name), "would listen on 0.0.0.0 without a login")
    monkeypatch.setenv("TL_OPEN", "1")
    assert open_page(name).title


@pytest.mark.parametrize("name", PAGES)
def test_without_the_password_no_page_runs(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "correct horse")
    cookies = {COOKIE: "forged"}
    monkeypatch.setattr(door.st, "context", SimpleNamespace(cookies=cookies))
    _shows_nothing_but(open_page(name), "You are not logged in")
    assert PASSWORD not in os.environ, "a process that trains would inherit it"
    logins = door._logins()
    assert logins is not None
    cookies[COOKIE] = logins.enter("here", "correct horse")
    assert open_page(name).title


def test_after_the_log_out_a_click_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    write_run("20261122-0741-vgg16-frozen-aaaa")
    bin.delete(get_run("aaaa"))
    monkeypatch.setenv(PASSWORD, "correct horse")
    cookies = {COOKIE: "forged"}
    monkeypatch.setattr(door.st, "context", SimpleNamespace(cookies=cookies))
    open_page("4_Runs")
    cookies[COOKIE] = door._logins().enter("here", "correct horse")
    page = open_page("4_Runs")
    cookies[COOKIE] = "forged"
    page.button(key="empty_bin").click().run()
    assert "You are not logged in" in texts(page)
    assert len(bin.binned()) == 1
    cookies[COOKIE] = door._logins().enter("here", "correct horse")
    open_page("4_Runs").button(key="empty_bin").click().run()
    assert not bin.binned()


class _User(dict[str, object]):
    @property
    def is_logged_in(self) -> bool:
        return bool(self)


@pytest.mark.parametrize("name", PAGES)
def test_a_provider_vouches_for_those_named_only(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_provider", lambda: True)
    monkeypatch.setenv("TL_USERS", "ann@lab.org")
    monkeypatch.setattr(door.st, "user", _User())
    page = open_page(name)
    assert [button.label for button in page.button] == ["Log in"]
    assert not page.get("page_link")
    monkeypatch.setattr(door.st, "user", _User(email="eve@lab.org", email_verified=True))
    page = open_page(name)
    assert "not among those" in texts(page)
    assert [button.label for button in page.button] == ["Log out"]
    door._admitted.clear()
    monkeypatch.setattr(door.st, "user", _User(email="ann@lab.org", email_verified=True))
    assert open_page(name).title
    assert door._admitted, "its session may send files"


def test_a_provider_that_cannot_be_asked_is_said_when_the_server_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "_provider", lambda: True)
    monkeypatch.setenv("TL_USERS", "ann@lab.org")
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(SystemExit, match=r"does not start: .* needs Authlib; install it"):
        door.middleware()


def test_the_server_does_not_start_for_others_without_a_login() -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TL_")}
    ways: tuple[tuple[list[str], dict[str, str]], ...] = (
        (["--server.address", "0.0.0.0"], {}),
        ([], {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}),
    )
    started = [
        subprocess.Popen(
            [*command, "--server.port", "0", *options],
            cwd=ROOT,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for options, more in ways
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [1, 1]
    assert all("Transfer Lab does not start: " in text for text in said), said
    assert not any("Traceback" in text for text in said)
    assert all("listen on 0.0.0.0 without a login" in text for text in said)


def test_told_nothing_it_listens_to_this_machine_alone(own_folders: Path, tmp_path: Path) -> None:
    with serving(own_folders, tmp_path / "server.log") as address:
        port = urlsplit(address).port
        servers = psutil.Process().children(recursive=True)
        found = [
            listener.laddr
            for server in servers
            for listener in server.net_connections("inet")
            if listener.status == psutil.CONN_LISTEN
        ]
    assert [(at.ip, at.port) for at in found] == [("127.0.0.1", port)]
