"""How long a page takes to open, and a widget to answer, with 30 stored runs.

    python benchmarks/pages.py [--runs 30] [--json]

A real server and a real headless Chromium. The runs are made up (100 classes, 10,000 test images
each), since only their number and size count here. A page is open when its script has ended and
its first figure, if it has one, is drawn; a widget has answered when the script has ended again.
Each is done once before it is timed, so the server is warm; medians and 95th percentiles of ten.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.sync_api import Page  # noqa: E402
from run_folders import write_run  # noqa: E402

from scripts.browser_app import artifacts_at, browsing, serving  # noqa: E402
from tl_core.backbones import BACKBONES  # noqa: E402

REPEATS = 10
PAGES = {
    "Home": ("/", None),
    "Train": ("/Train?view=New+run", None),
    "Compare": ("/Compare", ".tl-chart .barlayer"),
    "Predict": ("/Predict", None),
}
_ENDED = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


def main() -> None:
    """Time every page and the widgets people use most."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        with artifacts_at(artifacts):
            _write(arguments.runs)
        with serving(artifacts, Path(folder) / "log") as address, browsing() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            found = {name: _open(page, address + at, mark) for name, (at, mark) in PAGES.items()}
            found |= _widgets(page, address)
    if arguments.json:
        print(json.dumps({"runs": arguments.runs, "seconds": found}, indent=1))
        return
    print(f"{arguments.runs} runs stored{'median':>20} ms{'95th percentile':>18} ms")
    for name, (median, high) in found.items():
        print(f"{name:<24}{1000 * median:>12.0f}{1000 * high:>21.0f}")


def _write(count: int) -> None:
    names = list(BACKBONES)
    for number in range(count):
        backbone = names[number % len(names)]
        write_run(
            f"20261122-{number:04d}-{backbone}-frozen-{number:04x}",
            backbone=backbone,
            dataset="cifar100",
            classes=100,
            superclasses=20,
            test=10_000,
            skill=3.0,
            seed=number,
            created=1.7e9 + number,
        )


def _open(page: Page, address: str, mark: str | None) -> tuple[float, float]:
    def once() -> float:
        page.goto("about:blank")
        started = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_function(_ENDED)
        if mark:
            page.locator(mark).first.wait_for()
        return time.perf_counter() - started

    return _timed(once)


def _widgets(page: Page, address: str) -> dict[str, tuple[float, float]]:
    def click(one: str, other: str, role: str) -> Callable[[], float]:
        names = [one, other]

        def once() -> float:
            target = page.get_by_role(role, name=names[0], exact=True)
            names.reverse()
            return float(
                target.evaluate(
                    f"""async target => {{
                      const tick = () => new Promise(requestAnimationFrame)
                      const started = performance.now()
                      target.click()
                      while ({_ENDED}) await tick()
                      while (!({_ENDED})) await tick()
                      return (performance.now() - started) / 1000
                    }}"""
                )
            )

        return once

    page.goto(f"{address}/Compare?tab=Cost")
    page.locator(".tl-chart .scatterlayer").first.wait_for()
    found = {"Compare: another cost": _timed(click("Parameters", "Training", "radio"))}
    found["Compare: another section"] = _timed(click("Confidence", "Cost", "tab"))
    page.goto(f"{address}/Train?view=New+run")
    page.get_by_role("checkbox", name="VGG16", exact=True).wait_for()
    found["Train: another preset"] = _timed(click("Quick look", "Fine-tuned", "radio"))
    return found


def _timed(once: Callable[[], float]) -> tuple[float, float]:
    once(), once()
    times = [once() for _ in range(REPEATS)]
    return float(np.median(times)), float(np.percentile(times, 95))


if __name__ == "__main__":
    main()
