"""Makes docs/*.png: every page, light and dark, wide and narrow.

    python scripts/screenshots.py [--runs FOLDER]

Without --runs it first trains the three main backbones with random weights on the demo data, which
takes some minutes; with it, the runs of that artifacts folder are shown (a copy of them), and
one demo run is trained for the picture of the live view. TL_DATA_DIR must hold the data of the runs
for their test pictures to be seen. Run it in a checkout that nobody edits meanwhile.
"""

import argparse
import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from browser_app import ROOT, browsing, serving
from PIL import Image
from playwright.sync_api import Browser, Page

_MOST_BYTES = 300_000
_NARROW = 400
_WIDTHS = {"": 1280, "-narrow": _NARROW}
# The sections of Compare beside its first, and what each has to show before its picture is taken.
_SECTIONS = {
    "Cost": ".tl-chart .scatterlayer",
    "Curves": ".tl-chart .scatterlayer",
    "Failures": "[data-testid=stDataFrame]",
    "Confusions": "[data-testid=stImage]",
    "Pictures": "[data-testid=stImage]",
    "Confidence": ".tl-chart .scatterlayer",
    "Together": "[data-testid=stMetric]",
    "Report": "[data-testid=stDownloadButton]",
}
_PARTS_OF_FAILURES = ("Confusions", "Pictures")
_NETWORKS = ("MobileNetV2", "ResNet50", "VGG16")
_FIELDS = {"Limit": "3000", "Input size": "32", "Epochs": "40", "Learning rate": "0.003"}
_CURVES_DRAWN = "document.querySelector('.tl-chart')?.data?.some(trace => trace.y.length > 2)"
_RUNNING_SECONDS = 600
_PATIENCE = 300_000


def main() -> None:
    """Read the arguments and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, help="an artifacts folder whose runs are shown")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        artifacts = Path(folder) / "artifacts"
        if arguments.runs:
            shutil.copytree(arguments.runs / "runs", artifacts / "runs")
        with serving(artifacts, Path(folder) / "server.log") as address:
            if not arguments.runs:
                _train_and_shoot(browser, address, arguments.out, _NETWORKS)
            for scheme in ("light", "dark"):
                for suffix, width in _WIDTHS.items():
                    with _page(browser, scheme, width) as page:
                        _shoot_pages(page, address, arguments.out, f"{scheme}{suffix}")
            # Last, so that no page before shows the run that is trained for this picture alone.
            if arguments.runs:
                _train_and_shoot(browser, address, arguments.out, _NETWORKS[:1])


def _train_and_shoot(browser: Browser, address: str, out: Path, networks: Sequence[str]) -> None:
    """Start demo runs, picture the live view while they train, and wait for their end."""
    with _page(browser, "light", 1280) as page, _page(browser, "dark", 1280) as dark:
        page.goto(f"{address}/Train")
        page.get_by_text("Demo data").click()
        page.get_by_text("Random (a baseline)").click()
        for name in networks[1:]:
            page.get_by_role("checkbox", name=name, exact=True).check(force=True)
        page.get_by_text("Every choice of the recipe").click()
        for field, value in _FIELDS.items():
            page.get_by_label(field, exact=True).fill(value)
            page.get_by_label(field, exact=True).press("Enter")
        page.get_by_role("button", name=re.compile("^Train")).click()
        dark.goto(f"{address}/Train?view=Live")
        for tab in (page, dark):
            tab.wait_for_function(_CURVES_DRAWN)
        for scheme, tab in (("light", page), ("dark", dark)):
            _save(tab, out / f"live-{scheme}.png")
        page.get_by_role("button", name="Stop").first.wait_for(
            state="detached", timeout=1000 * _RUNNING_SECONDS
        )


def _shoot_pages(page: Page, address: str, out: Path, suffix: str) -> None:
    page.goto(address)
    page.get_by_role("heading", name="On this machine").wait_for()
    _save(page, out / f"home-{suffix}.png")
    page.goto(f"{address}/Train?view=New+run")
    page.get_by_role("button", name="Train", exact=True).wait_for()
    _save(page, out / f"train-{suffix}.png")
    page.goto(f"{address}/Compare")
    page.locator(".tl-chart .barlayer").first.wait_for()
    _save(page, out / f"compare-{suffix}.png")
    if page.viewport_size["width"] > _NARROW:
        for section in _SECTIONS:
            role = "radio" if section in _PARTS_OF_FAILURES else "tab"
            page.get_by_role(role, name=section, exact=True).click()
            page.locator(_SECTIONS[section]).first.wait_for()
            _save(page, out / f"compare-{section.lower()}-{suffix}.png")
    page.goto(f"{address}/Predict?from=Test+set")
    page.get_by_label("How many", exact=True).fill("2")
    page.get_by_role("button", name="Draw at random").click()
    page.locator(".tl-chart .barlayer").first.wait_for()
    page.get_by_text("Show where they look").click()
    page.get_by_text("Looked at for").last.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    _save(page, out / f"predict-{suffix}.png")


@contextmanager
def _page(browser: Browser, scheme: str, width: int) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    context.set_default_timeout(_PATIENCE)
    yield context.new_page()
    context.close()


def _save(page: Page, path: Path) -> None:
    """Write what the page shows, as tall as it is, in all its colours if they fit the size."""
    # What was clicked last would be pictured as it looks under the mouse.
    page.mouse.move(1, 1)
    # Figures settle their width only after they are drawn.
    time.sleep(1.5)
    width = page.viewport_size["width"]
    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(tall, 700), 2400)})
    time.sleep(1)
    picture = Image.open(io.BytesIO(page.screenshot()))
    page.set_viewport_size({"width": width, "height": 900})
    picture = picture.convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > _MOST_BYTES:
        # Fewer colours; small dots may lose theirs, so only where nothing else fits.
        picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes, more than {_MOST_BYTES:,}.")
    print(f"{path.name}: {size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
