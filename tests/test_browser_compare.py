"""Compare in a real browser: choose, change the axis, open a cell, share the link."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from run_folders import write_run

from scripts.browser_app import Complaints, serving

pytestmark = pytest.mark.browser

_CELL = re.compile("kind 1.*kind 2")
_OPENED = "Pictures of kind 1 that VGG16 · Frozen backbone · 0000 calls kind 2, class by class"


@pytest.fixture
def address(own_folders: Path, tmp_path: Path) -> Iterator[str]:
    for number, backbone in enumerate(("vgg16", "mobilenet_v2", "resnet50")):
        name = f"20261122-074{number}-{backbone}-frozen-000{number}"
        write_run(name, backbone=backbone, skill=4.0 - number, seed=number, superclasses=4)
    with serving(own_folders, tmp_path / "server.log") as address:
        yield address


def test_runs_axis_and_cell_are_in_the_link(browser: Browser, address: str, tmp_path: Path) -> None:
    complaints = Complaints()
    page = complaints.listen(browser.new_page())
    page.goto(f"{address}/Compare")
    expect(page.locator(".tl-chart .barlayer .point")).to_have_count(3)
    _leave_one_out(page)
    _change_the_axis(page)
    _rests(page)
    link = page.url
    _open_a_cell(page)
    _come_back(page)
    tab = complaints.listen(browser.new_page())
    tab.goto(page.url)
    _sees_the_same(tab)
    tab.goto(link)
    _sees_the_axis(tab)
    assert not complaints
    assert "default value" not in (tmp_path / "server.log").read_text()
    page.close()
    tab.close()


def _leave_one_out(page: Page) -> None:
    chosen = page.get_by_test_id("stMultiSelect")
    chosen.get_by_text("ResNet50").locator("xpath=..").get_by_role("button").click()
    expect(page.locator(".tl-chart .barlayer .point")).to_have_count(2)


def _change_the_axis(page: Page) -> None:
    page.get_by_role("tab", name="Cost").click()
    page.get_by_role("radio", name="Parameters").click()
    _sees_the_axis(page)


def _sees_the_axis(page: Page) -> None:
    expect(page.locator(".tl-chart .xtitle")).to_have_text("parameters (million)")


def _come_back(page: Page) -> None:
    """What was chosen in a section is still chosen after a look into another one."""
    _rests(page)
    page.get_by_role("tab", name="Cost").click()
    _sees_the_axis(page)
    _rests(page)
    page.get_by_role("tab", name="Failures").click()
    _sees_the_same(page)
    _rests(page)


def _rests(page: Page) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def _open_a_cell(page: Page) -> None:
    page.get_by_role("tab", name="Failures").click()
    page.get_by_role("radio", name="Confusions").click()
    matrix = page.locator(".tl-chart[aria-label^='Which superclass']")
    matrix.scroll_into_view_if_needed()
    # Of 4 × 4 cells: the second row, the third column. What is drawn above moves it meanwhile.
    hovered = matrix.locator(".hoverlayer .hovertext")
    for _ in range(50):
        box = matrix.locator(".nsewdrag").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 5 / 8, box["y"] + box["height"] * 3 / 8)
        page.wait_for_timeout(200)
        if hovered.count() and _CELL.search(hovered.first.text_content() or ""):
            break
    page.mouse.down()
    page.mouse.up()
    _sees_the_same(page)


def _sees_the_same(page: Page) -> None:
    pair = page.locator(".tl-chart[aria-label*='class by class']")
    expect(pair).to_have_attribute("aria-label", _OPENED)
    expect(page.get_by_test_id("stMultiSelect").get_by_text("ResNet50")).to_have_count(0)
