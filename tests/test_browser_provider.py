"""The login by OpenID Connect: a real server, a real browser, and a provider that speaks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from scripts import browser_app

pytestmark = pytest.mark.browser

_PEOPLE = (
    User(sub="ann", claims={"email": "Ann@Lab.org", "email_verified": True}),
    User(sub="bob", claims={"email": "bob@friends.org"}),
    User(sub="eve", claims={"email": "eve@evil.org", "email_verified": True}),
    User(sub="mallory", claims={"email": "ann@lab.org", "email_verified": False}),
)
_SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{own}/oauth2callback"
cookie_secret = "as long as it is not told to anybody"
client_id = "transfer-lab"
client_secret = "nothing"
server_metadata_url = "http://127.0.0.1:{provider}/.well-known/openid-configuration"
"""


@pytest.fixture
def address(own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    own = browser_app.free_port()
    monkeypatch.setattr(browser_app, "free_port", lambda: own)
    secrets = tmp_path / "secrets.toml"
    options = ("--server.address", "0.0.0.0", "--secrets.files", str(secrets))
    with run_server_in_thread(user_claims=_PEOPLE) as provider:
        secrets.write_text(_SECRETS.format(own=own, provider=provider.server_port))
        users = {"TL_USERS": "ann@lab.org, @friends.org"}
        log = tmp_path / "server.log"
        with browser_app.serving(own_folders, log, options, users) as address:
            yield address


@contextmanager
def _came_back(browser: Browser, address: str, name: str) -> Iterator[Page]:
    """Log in as the provider's user of this name, in a browser that knows nobody."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/Runs")
    button = page.get_by_role("button", name="Log in")
    expect(button).to_be_visible()
    expect(page.get_by_role("link", name="Train")).to_have_count(0)
    button.click()
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"{address}/**")
    yield page
    context.close()


def test_the_provider_lets_in_whom_it_vouches_for_and_nobody_else(
    browser: Browser, address: str
) -> None:
    for name in ("ann", "bob"):
        with _came_back(browser, address, name) as page:
            expect(page.get_by_role("link", name="Train")).to_be_visible()
            page.goto(f"{address}/Runs")
            expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
            page.get_by_role("button", name="Log out").click()
            page.get_by_role("button", name="End session").click()
            page.wait_for_url(f"{address}/**")
            expect(page.get_by_role("button", name="Log in")).to_be_visible()
    for name in ("eve", "mallory"):
        with _came_back(browser, address, name) as page:
            expect(page.get_by_text("not among those that may come in")).to_be_visible()
            page.goto(f"{address}/Train")
            expect(page.get_by_text("not among those that may come in")).to_be_visible()
            expect(page.get_by_role("link", name="Train")).to_have_count(0)
