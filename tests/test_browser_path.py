"""From one click to three answers, with nothing on the machine, in a real browser."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import serious_violations
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from scripts.browser_app import Complaints, serving

pytestmark = pytest.mark.browser

_TRAINED = 240_000
_PICTURES = {"red square.png": "red", "green square.jpg": "green", "blue square.webp": "blue"}
_QUICK_LOOK_IS_FILLED_IN = """() => {
  const boxes = [...document.querySelectorAll("input[aria-label*='Pooled layers']")]
  const app = document.querySelector("[data-testid=stApp]")
  return app.dataset.testScriptState === "notRunning" && boxes.map(b => b.value).join() === "last"
}"""
_POINTS = "chart => chart.data.reduce((sum, trace) => sum + trace.y.length, 0)"


@pytest.fixture
def address(own_folders: Path, tmp_path: Path) -> Iterator[str]:
    with serving(own_folders, tmp_path / "server.log") as address:
        yield address


@pytest.mark.parametrize("name", ["Train", "Compare", "Predict"])
def test_a_deep_link_works_on_a_server_just_started(
    browser: Browser, address: str, name: str
) -> None:
    complaints = Complaints()
    page = complaints.listen(browser.new_page())
    page.goto(f"{address}/{name}")
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Home")).to_be_visible()
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("button", name="Try it on the demo data")).to_be_visible()
    assert not complaints
    page.close()


def _stop_buttons(page: Page) -> Locator:
    # Streamlit shows a button of this name in its own header while a script runs.
    return page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True)


def test_from_a_click_to_three_answers(browser: Browser, address: str, tmp_path: Path) -> None:
    complaints = Complaints()
    page = complaints.listen(browser.new_page())
    _click_the_demo(page, address)
    _curves_move_and_keep_their_zoom(page)
    _a_second_tab_shows_the_same(browser, page, complaints)
    _train_another(page)
    _compare_three(page)
    _the_link_shows_the_same(browser, page, complaints)
    _drop_three_pictures(page, tmp_path)
    _look_where_they_look(page)
    assert not complaints
    page.close()


def _click_the_demo(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Try it on the demo data").click()
    expect(_stop_buttons(page)).to_have_count(2)
    assert "/Train" in page.url


def _curves_move_and_keep_their_zoom(page: Page) -> None:
    loss = page.locator(".tl-chart").first
    page.wait_for_function(
        "() => document.querySelector('.tl-chart')?.data?.some(t => t.y.length > 1)",
        timeout=_TRAINED,
    )
    box = page.locator(".tl-chart .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=5)
    page.mouse.up()
    zoomed = loss.evaluate("chart => chart._fullLayout.yaxis.range")
    page.evaluate("window.firstChart = document.querySelector('.tl-chart')")
    before = loss.evaluate(_POINTS)
    deadline = time.monotonic() + 60
    while loss.evaluate(_POINTS) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert loss.evaluate(_POINTS) > before
    assert loss.evaluate("chart => chart._fullLayout.yaxis.range") == pytest.approx(zoomed)
    assert page.evaluate("window.firstChart === document.querySelector('.tl-chart')")


def _a_second_tab_shows_the_same(browser: Browser, page: Page, complaints: Complaints) -> None:
    tab = complaints.listen(browser.new_page())
    tab.goto(page.url.split("?")[0])
    expect(tab.get_by_text("MobileNetV2 · Frozen backbone").first).to_be_visible()
    expect(tab.locator(".tl-chart").first).to_be_visible()
    tab.close()
    _wait_for_the_end(page, finished=2)


def _train_another(page: Page) -> None:
    page.get_by_role("radio", name="New run").click()
    page.get_by_text("Every choice of the recipe").click()
    for name, ticked in (("MobileNetV2", False), ("ResNet50", True)):
        box = page.get_by_role("checkbox", name=name, exact=True)
        # By its label, which has to stand still first: the opened choices move what is above.
        page.locator("label", has=box).click()
        expect(box).to_be_checked(checked=ticked)
    page.get_by_role("radio", name="Quick look").click()
    # What the preset fills in has come when it stands there alone: until then the boxes of the
    # one before are there too. The choices stay open, whatever is ticked above them meanwhile.
    page.wait_for_function(_QUICK_LOOK_IS_FILLED_IN)
    for field, value in (("Limit", "500"), ("Input size", "32"), ("Epochs", "1")):
        box = page.get_by_label(field, exact=True)
        box.fill(value)
        box.press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(_stop_buttons(page)).to_be_visible()
    _wait_for_the_end(page, finished=3)


def _wait_for_the_end(page: Page, finished: int) -> None:
    # The page is drawn anew while runs follow each other, and may lack a button for a moment.
    expect(page.get_by_text("Top-1")).to_have_count(finished, timeout=_TRAINED)
    expect(_stop_buttons(page)).to_have_count(0)


def _compare_three(page: Page) -> None:
    page.get_by_role("link", name="Compare").first.click()
    expect(page.locator(".tl-chart .barlayer .point")).to_have_count(3)
    expect(page.get_by_text("demo data").first).to_be_visible()
    page.get_by_role("tab", name="Curves").click()
    expect(page.locator(".tl-chart .scatterlayer").nth(1)).to_be_visible()


def _the_link_shows_the_same(browser: Browser, page: Page, complaints: Complaints) -> None:
    tab = complaints.listen(browser.new_page())
    tab.goto(page.url)
    expect(tab.get_by_role("tab", name="Curves")).to_have_attribute("aria-selected", "true")
    for name in ("MobileNetV2", "ResNet50", "VGG16"):
        expect(tab.locator("text=" + name).first).to_be_visible()
    tab.close()


def _drop_three_pictures(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Predict").first.click()
    files = []
    for name, colour in _PICTURES.items():
        Image.new("RGB", (300, 200), colour).save(folder / name)
        files.append([name, list((folder / name).read_bytes())])
    data = page.evaluate_handle(
        """files => {
          const data = new DataTransfer()
          for (const [name, bytes] of files)
            data.items.add(new File([new Uint8Array(bytes)], name))
          return data
        }""",
        files,
    )
    zone = page.get_by_test_id("stFileUploaderDropzone")
    for event in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(event, {"dataTransfer": data})
    expect(page.locator(".tl-chart")).to_have_count(9, timeout=_TRAINED)
    for name in ("MobileNetV2", "ResNet50", "VGG16"):
        answer = page.locator(f".tl-chart[aria-label^='{name}']")
        expect(answer.locator(".barlayer .point")).to_have_count(15, timeout=_TRAINED)
    for name in _PICTURES:
        expect(page.get_by_role("img", name=f"{name} as the network sees it")).to_be_visible()


def _look_where_they_look(page: Page) -> None:
    page.get_by_text("Show where they look").click()
    expect(page.get_by_text("Looked at for")).to_have_count(9, timeout=_TRAINED)
    expect(page.get_by_role("slider").first).to_be_visible()
    # A colour that speaks for nothing in the last layer has a sentence instead of a picture.
    said = page.get_by_text("Nothing in the last layer")
    maps = page.get_by_role("img", name="Where ")
    expect(maps.or_(said)).to_have_count(9, timeout=_TRAINED)
    assert maps.count() > 0
    before = maps.first.get_attribute("src")
    page.get_by_role("slider").first.press("Home")
    expect(maps.first).not_to_have_attribute("src", before)
    paper = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    papers = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert serious_violations(page) == []
        papers.add(page.evaluate(paper))
    assert len(papers) == 2
