"""A picture from the camera: Chromium's own made-up one, of green with a moving pie in it."""

from pathlib import Path

import pytest
from hostile_files import colour_run
from playwright.sync_api import Browser, expect

from scripts.browser_app import Complaints, serving

pytestmark = pytest.mark.browser


def test_the_camera_s_picture_is_answered_and_the_first_answer_shows_what_it_waits_for(
    browser: Browser, own_folders: Path, tmp_path: Path
) -> None:
    colour_run()
    complaints = Complaints()
    with serving(own_folders, tmp_path / "log") as address:
        page = complaints.listen(browser.new_page())
        page.set_default_timeout(60_000)
        page.goto(f"{address}/Predict")
        page.get_by_role("radio", name="Camera").click()
        page.wait_for_function("document.querySelector('video')?.readyState === 4")
        page.get_by_role("button", name="Take Photo").click()
        loading = page.get_by_text("Loading MobileNetV2")
        expect(loading).to_be_visible(timeout=60_000)
        expect(page.locator(".tl-chart .barlayer .point").first).to_be_visible(timeout=60_000)
        expect(loading).to_have_count(0)
        expect(page.get_by_role("figure", name="answers green, calibrated")).to_be_visible()
        page.close()
    assert not complaints
