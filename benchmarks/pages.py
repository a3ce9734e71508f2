"""How long a page takes to open, and a widget to answer, with 30 stored runs.

    python benchmarks/pages.py [--runs 30] [--repeats 10] [--json]

A real server and a real headless Chromium. The runs are made up (100 classes, 10,000 test images
each), since only their number and size count here. A page is open when its script has ended and
its first figure, if it has one, is drawn; a widget has answered when the script has ended again.
Each is done twice before it is timed, so the server is warm; medians and 95th percentiles. Half a
second lies between an answer and the next click, so that no figure of the last one is still drawn.
Taking a run away is the exception: no two of these comparisons were made before.
The last two lines of Compare are of two recorded runs, whose test pictures are shown where
CIFAR-100 is here.
Beside the time stands the processor time of server and browser together, which is the same on a
machine that others use too. Run it in a checkout that nobody edits meanwhile.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.sync_api import Error as PlaywrightError  # noqa: E402
from playwright.sync_api import Page  # noqa: E402
from run_folders import write_run  # noqa: E402

from scripts.browser_app import artifacts_at, browsing, serving  # noqa: E402
from tl_core.backbones import BACKBONES  # noqa: E402
from tl_core.runs.recorded import recorded_runs  # noqa: E402

PAGES = {
    "Home": ("/", None),
    "Train": ("/Train?view=New+run", None),
    "Compare": ("/Compare", ".tl-chart .barlayer"),
    "Predict": ("/Predict", None),
}
_STATE = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
_ENDED = f"{_STATE} === 'notRunning'"
# From the click to the end of the run of the script that it starts.
_CLICKED = """async target => {
  const app = document.querySelector("[data-testid=stApp]")
  const ended = new Promise((resolve, reject) => {
    let ran = false
    new MutationObserver(() => {
      const running = app.dataset.testScriptState !== "notRunning"
      if (ran && !running) resolve(performance.now())
      ran ||= running
    }).observe(app, { attributes: true })
    setTimeout(() => reject(new Error("the click changed nothing")), 60_000)
  })
  const started = performance.now()
  target.click()
  return (await ended - started) / 1000
}"""

Once = Callable[[], float]


@dataclass(frozen=True)
class Timed:
    """Seconds of each repeat, and of the processor per repeat."""

    times: tuple[float, ...]
    processor: float

    def summary(self) -> dict[str, float]:
        """Return the figures that are printed, in milliseconds."""
        return {
            "median": round(1000 * float(np.median(self.times))),
            "p95": round(1000 * float(np.percentile(self.times, 95))),
            "processor": round(1000 * self.processor),
        }


def main() -> None:
    """Time every page and the widgets people use most."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        with artifacts_at(artifacts):
            _write(arguments.runs)
        with serving(artifacts, Path(folder) / "log") as address, browsing() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            try:
                found = {
                    name: _open(page, address + at, mark, arguments.repeats)
                    for name, (at, mark) in PAGES.items()
                }
                found |= _widgets(page, address, arguments.repeats)
            except PlaywrightError as error:
                said = (Path(folder) / "log").read_text(encoding="utf-8")[-2000:]
                raise SystemExit(f"{error}\n{page.inner_text('body')}\n{said}") from error
    figures = {name: timed.summary() for name, timed in found.items()}
    if arguments.json:
        print(json.dumps({"runs": arguments.runs, "milliseconds": figures}, indent=1))
        return
    print(f"{f'{arguments.runs} runs, milliseconds':<30}{'median':>8}{'p95':>8}{'processor':>11}")
    for name, figure in figures.items():
        print(f"{name:<30}{figure['median']:>8}{figure['p95']:>8}{figure['processor']:>11}")


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


def _open(page: Page, address: str, mark: str | None, repeats: int) -> Timed:
    def once() -> float:
        page.goto("about:blank")
        started = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_function(_ENDED)
        if mark:
            page.locator(mark).first.wait_for()
        return time.perf_counter() - started

    return _timed(once, repeats)


def _widgets(page: Page, address: str, repeats: int) -> dict[str, Timed]:
    def click(one: str, other: str, role: str) -> Once:
        names = [one, other]

        def once() -> float:
            _settle(page)
            target = page.get_by_role(role, name=names[0], exact=True)
            names.reverse()
            return float(target.evaluate(_CLICKED))

        return once

    def open_failures() -> float:
        page.get_by_role("tab", name="Cost", exact=True).click()
        _settle(page)
        return float(page.get_by_role("tab", name="Failures", exact=True).evaluate(_CLICKED))

    def take_a_run_away() -> float:
        _settle(page)
        return float(
            page.get_by_test_id("stMultiSelect").get_by_role("button").first.evaluate(_CLICKED)
        )

    page.goto(f"{address}/Compare?tab=Cost")
    page.locator(".tl-chart .scatterlayer").first.wait_for()
    found = {"Compare: another cost": _timed(click("Parameters", "Training", "radio"), repeats)}
    found["Compare: another section"] = _timed(click("Confidence", "Cost", "tab"), repeats)
    found["Compare: Failures opened"] = _timed(open_failures, repeats)
    parts = click("Confusions", "Classes", "radio")
    found["Compare: another part of it"] = _timed(parts, repeats)
    page.get_by_role("radio", name="Pictures", exact=True).click()
    kinds = click("Confident mistakes", "Hardest", "radio")
    found["Compare: other test pictures"] = _timed(kinds, repeats)
    page.get_by_role("tab", name="Cost", exact=True).click()
    found["Compare: a run taken away"] = _timed(take_a_run_away, repeats=4, warm=0)
    recorded = "&".join(f"runs={run.id}" for run in recorded_runs()[:2])
    for part in ("Confusions", "Pictures"):
        page.goto(f"{address}/Compare?tab=Cost&part={part}&{recorded}")
        page.locator(".tl-chart .scatterlayer").first.wait_for()
        real = _timed(open_failures, repeats)
        pictures = page.locator("[data-testid=stImage] img").count()
        found[f"Failures: {part}, {pictures} images"] = real
    page.goto(f"{address}/Train?view=New+run")
    page.get_by_role("checkbox", name="VGG16", exact=True).wait_for()
    found["Train: another preset"] = _timed(click("Quick look", "Fine-tuned", "radio"), repeats)
    return found


def _settle(page: Page) -> None:
    page.wait_for_function(_ENDED)
    page.wait_for_timeout(500)


def _timed(once: Once, repeats: int, warm: int = 2) -> Timed:
    for _ in range(warm):
        once()
    before = _processor()
    times = tuple(once() for _ in range(repeats))
    return Timed(times, (_processor() - before) / repeats)


def _processor() -> float:
    """Return the processor seconds that server and browser have used so far."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        # One that has just ended is not asked.
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system
    return total


if __name__ == "__main__":
    main()
