"""The hostile files through a real browser and server, in two batches; no script in a name runs."""

import csv
from pathlib import Path

import psutil
import pytest
from hostile_files import colour_run, hostile_files
from playwright.sync_api import Browser, Page, expect

from scripts.browser_app import Complaints, serving

pytestmark = pytest.mark.browser

_MOST_MEMORY = 1.5e9
_ANSWERED = 240_000


@pytest.fixture
def address(own_folders: Path, tmp_path: Path):
    colour_run()
    with serving(own_folders, tmp_path / "server.log") as address:
        yield address


def _peak_memory() -> float:
    servers = [p for p in psutil.Process().children() if "streamlit" in " ".join(p.cmdline())]
    (server,) = servers
    line = next(
        one
        for one in Path(f"/proc/{server.pid}/status").read_text().splitlines()
        if one.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def test_every_file_gets_its_answer_beside_its_name(browser: Browser, address: str) -> None:
    complaints = Complaints()
    for third in (0, 1, 2):
        files = [file for file in hostile_files()[third::3] if len(file.data) <= 20 * 2**20]
        context = browser.new_context(accept_downloads=True)
        page = complaints.listen(context.new_page())
        page.set_default_timeout(_ANSWERED)
        page.goto(f"{address}/Predict")
        page.get_by_test_id("stFileUploaderDropzone").wait_for()
        page.locator("input[type=file]").set_input_files(
            [{"name": file.name, "mimeType": "image/png", "buffer": file.data} for file in files]
        )
        refused = [file for file in files if file.refused]
        expect(page.get_by_test_id("stAlert")).to_have_count(len(refused), timeout=_ANSWERED)
        shown = page.get_by_test_id("stAlert").all_inner_texts()
        for file in refused:
            name = " ".join(file.name.split())
            said = [text.replace("\u2060", "") for text in shown]
            assert any(name in text and str(file.refused) in text for text in said), file.name
        assert _table(page) == {
            " ".join(file.name.split()): file.colour for file in files if file.colour
        }
        assert (
            page.locator("[data-testid=stMain] script, [data-testid=stMain] a[href^=java]").count()
            == 0
        )
        context.close()
    assert not complaints
    assert _peak_memory() < _MOST_MEMORY


def test_a_file_that_is_too_large_is_named_and_the_others_are_answered(
    browser: Browser, address: str
) -> None:
    (large,) = (file for file in hostile_files() if len(file.data) > 20 * 2**20)
    good = next(file for file in hostile_files() if file.colour)
    complaints = Complaints()
    page = complaints.listen(browser.new_page())
    page.set_default_timeout(_ANSWERED)
    sent = []
    page.on("request", lambda request: sent.append(int(request.headers.get("content-length", 0))))
    page.goto(f"{address}/Predict")
    page.get_by_test_id("stFileUploaderDropzone").wait_for()
    page.locator("input[type=file]").set_input_files(
        [
            {"name": file.name, "mimeType": "image/png", "buffer": file.data}
            for file in (large, good)
        ]
    )
    assert list(_table(page)) == [good.name]
    uploader = page.get_by_test_id("stFileUploader")
    expect(uploader).to_contain_text("AVIF; 20 MB each")
    expect(uploader).to_contain_text(large.name)
    expect(uploader.get_by_role("alert")).to_have_text("Error: File must be 20.0MB or smaller.")
    # It never left the browser.
    assert max(sent) < 2**20
    assert not complaints
    page.context.close()


def _table(page: Page) -> dict[str, str]:
    page.get_by_text("All answers as a table").click()
    with page.expect_download(timeout=_ANSWERED) as download:
        page.get_by_role("button", name="Download as CSV", exact=True).click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        return {" ".join(row["picture"].split()): row["answer 1"] for row in csv.DictReader(file)}
