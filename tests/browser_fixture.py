"""A browser for the tests of a module, or the reason why there is none."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Milliseconds; the first page of a server just started waits for imports.
_PATIENCE = 60_000


# Not for the whole session: while Playwright runs, other tests cannot start an event loop.
@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import expect

    from scripts.browser_app import browsing, chromium_path

    expect.set_options(timeout=_PATIENCE)
    if chromium_path() is None:
        reason = "needs Chromium on the path"
        if os.environ.get("TL_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with browsing() as browser:
        yield browser
