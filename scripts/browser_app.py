"""The app as its users meet it: a real server, and a real browser in front of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from tl_core.runs import queue
from tl_core.runs.store import list_runs

ROOT = Path(__file__).resolve().parents[1]

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera that shows green, and is never asked for.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def chromium_path() -> str | None:
    """Return where Chromium or Chrome lies on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def serving(
    artifacts: Path,
    log: Path,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run the app on a free port with these artifacts, and yield its address.

    `options` go to Streamlit, `environment` is added to this process' own.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = ["--server.headless", "true", "--server.port", str(port), *options]
    environment = {**os.environ, "TL_ARTIFACTS_DIR": str(artifacts), **(environment or {})}
    with log.open("wb") as lines:
        server = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=environment, stdout=lines, stderr=lines
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)
            with artifacts_at(artifacts):
                _stop_runs()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def browsing() -> Iterator[Browser]:
    """Yield a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Complaints(list[str]):
    """What a page wrote to its console as an error, failed to load, or asked of other machines."""

    def listen(self, page: Page) -> Page:
        """Listen to `page` from now on, and return it."""
        page.on("console", lambda said: self._console(said.type, said.text, said.location["url"]))
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("request", lambda request: self._request(request.url))
        return page

    def _console(self, kind: str, text: str, url: str) -> None:
        # On a deep link Streamlit's own script looks for the server's address below the page's.
        searching = url.endswith(("/_stcore/health", "/_stcore/host-config"))
        if kind == "error" and not searching:
            self.append(f"{text} ({url})")

    def _request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.append(f"asked another machine: {url}")


@contextmanager
def artifacts_at(folder: Path) -> Iterator[None]:
    """Let this process read and write the runs in `folder`."""
    before = os.environ.get("TL_ARTIFACTS_DIR")
    os.environ["TL_ARTIFACTS_DIR"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("TL_ARTIFACTS_DIR")
        if before is not None:
            os.environ["TL_ARTIFACTS_DIR"] = before


def _stop_runs() -> None:
    """Stop what still trains: runs outlive the server that started them."""
    for run in list_runs():
        if run.active:
            queue.stop(run)
    for _ in range(100):
        if not any(run.active for run in list_runs()):
            return
        time.sleep(0.1)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The app did not start: {log.read_text(encoding='utf-8')}")
