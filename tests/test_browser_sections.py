"""Every page and section as people with other eyes meet it, and the report that leaves the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import serious_violations
from playwright.sync_api import Browser, Page, expect
from run_folders import write_run

from scripts.browser_app import Complaints, artifacts_at, serving

pytestmark = pytest.mark.browser

_PAPER = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
_RUNS = ("20261122-0740-vgg16-frozen-0000", "20261122-0741-mobilenet_v2-frozen-0001")

# Each place, and what it shows when it is there.
_PLACES = {
    "/": "text=On this machine",
    "/Train?view=New+run": "text=Every choice of the recipe",
    "/Train?view=Live": "text=Nothing trains at the moment",
    "/Compare?tab=Verdict": ".tl-chart .barlayer .point",
    "/Compare?tab=Cost": ".tl-chart .scatterlayer .point",
    "/Compare?tab=Curves": ".tl-chart .scatterlayer .point",
    "/Compare?tab=Failures": ".tl-chart .hm",
    "/Compare?tab=Failures&part=Confusions": ".tl-chart[aria-label*='class by class'] .hm",
    "/Compare?tab=Failures&part=Pictures": "text=test picture",
    "/Compare?tab=Confidence": ".tl-table td",
    "/Compare?tab=Together": "[data-testid=stMetric]",
    "/Compare?tab=Report": "text=Download the report",
    "/Predict": "text=No finished run has its model on this machine",
    "/Runs": "text=Stored runs",
    f"/Runs?run={_RUNS[0]}": "text=Export",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("sections")
    environment = pytest.MonkeyPatch()
    environment.setenv("TL_RECORDED_DIR", str(folder / "recorded"))
    with artifacts_at(folder / "artifacts"):
        for number, name in enumerate(_RUNS):
            backbone = name.split("-")[2]
            write_run(name, backbone=backbone, skill=4.0 - number, seed=number, superclasses=4)
        write_run("20261122-0745-resnet50-frozen-0005", backbone="resnet50", state="failed")
    with serving(folder / "artifacts", folder / "server.log") as address:
        yield address
    environment.undo()


def test_no_page_has_a_serious_violation_in_light_or_dark(browser: Browser, address: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    complaints = Complaints()
    page = complaints.listen(context.new_page())
    found, papers = [], set()
    for place, shown in _PLACES.items():
        page.emulate_media(color_scheme="light")
        page.goto(address + place)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            expect(page.locator(shown).first).to_be_visible()
            found += [f"{place}, {scheme}: {violation}" for violation in serious_violations(page)]
            papers.add((scheme, page.evaluate(_PAPER)))
    assert found == []
    assert len(papers) == 2
    assert not complaints
    context.close()


def test_the_report_is_downloaded_and_opens_offline(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(f"{address}/Compare?tab=Report")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    verdict = _verdict_on(page, address)
    offline = browser.new_context(offline=True)
    complaints = Complaints()
    report = complaints.listen(offline.new_page())
    report.goto(path.as_uri())
    expect(report.get_by_text(verdict)).to_be_visible()
    expect(report.locator(".chart .barlayer .point")).to_have_count(2)
    assert set(complaints) == {f"asked another machine: {path.as_uri()}"}
    offline.close()
    page.close()


def _verdict_on(page: Page, address: str) -> str:
    page.goto(f"{address}/Compare?tab=Verdict")
    verdict = page.get_by_role("heading", name="test images right")
    expect(verdict).to_be_visible()
    # The page keeps the parts of an address apart with a character that nobody sees.
    return verdict.inner_text().replace("\u2060", "").strip()
