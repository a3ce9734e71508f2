"""How fast Compare answers for many people at once while a run trains.

    python benchmarks/load.py [--sessions 20] [--seconds 60] [--json]

A real server, one real headless Chromium, and a page of its own context for each session. Each
changes the section of Compare every 8 to 24 seconds, as people do who read; a rerun lasts from the
click until the page's script has ended. Beside them a run of the demo data trains with random
weights in its worker process. Two times are taken of each rerun: the server's, from what the page
sends to the last that it gets for it, and that of the page, with all 20 pages drawn on the
processors that serve and train, which no server's visitors do.

Ends with status 1 if the server's median is a second or more, or the run does not end right: with
the figures of the same recipe trained alone afterwards. All of it takes some seven minutes.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.async_api import Browser, Page, WebSocket, async_playwright  # noqa: E402
from run_folders import write_run  # noqa: E402

from scripts.browser_app import _ARGUMENTS, artifacts_at, chromium_path, serving  # noqa: E402
from tl_core.runs import queue  # noqa: E402
from tl_core.runs.store import Run, get_run  # noqa: E402
from tl_core.training.recipe import make_recipe  # noqa: E402

_SECTIONS = ("Cost", "Verdict", "Confidence", "Curves")
_ENDED = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
_THINKING = (8.0, 24.0)
_PATIENCE = 180_000
_MOST_SECONDS = 1.0


def main() -> None:
    """Measure, and print what the reruns took and how the run ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        with artifacts_at(artifacts), serving(artifacts, Path(folder) / "log") as address:
            found = measure(address, arguments.sessions, arguments.seconds)
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        print(
            f"{found['sessions']} sessions, {found['reruns']} reruns while a run trained: the "
            f"server's median {found['median']:.2f} s, 95th percentile {found['p95']:.2f} s; the "
            f"page's median {found['page_median']:.2f} s; the run {found['run']}"
        )
    if broken := broken_promises(found):
        sys.exit(f"Not as promised: {'; '.join(broken)}.")


def broken_promises(found: dict[str, float | str]) -> list[str]:
    """Return which of the promises these figures break: a fast page, and a run that ends right."""
    said = {
        "the server's median was a second or more": not float(found["median"]) < _MOST_SECONDS,
        "the run had ended before the sessions did": found["training_all_the_time"] != "True",
        f"the run {found['run']}": found["run"] != "finished",
        "the run's figures are not those of one alone": found["figures_as_alone"] != "True",
    }
    return [sentence for sentence, holds in said.items() if holds]


def measure(address: str, sessions: int, seconds: float) -> dict[str, float | str]:
    """Return how long reruns took with so many sessions on the app at `address`."""
    for number, backbone in enumerate(("mobilenet_v2", "vgg16", "resnet50")):
        write_run(
            f"20261122-070{number}-{backbone}-frozen-000{number}",
            backbone=backbone,
            classes=100,
            superclasses=20,
            test=10_000,
            skill=3.0,
            seed=number,
        )
    recipe = make_recipe(
        backbone="mobilenet_v2",
        dataset="demo",
        weights="random",
        input_size=64,
        limit=3000,
        epochs=900,
        batch_size=16,
    )
    run = queue.submit(recipe)
    times = np.array(asyncio.run(_visit(address, sessions, seconds)))
    state = get_run(run.id).status.state
    trained_meanwhile = state == "running"
    ended, alone = _ended(run), _ended(queue.submit(recipe))
    return {
        "sessions": sessions,
        "reruns": len(times),
        "median": float(np.median(times[:, 0])),
        "p95": float(np.percentile(times[:, 0], 95)),
        "page_median": float(np.median(times[:, 1])),
        "training_all_the_time": str(trained_meanwhile),
        "run": ended.status.state,
        "figures_as_alone": str(ended.evaluation == alone.evaluation),
        "load": round(os.getloadavg()[0], 1),
    }


def _ended(run: Run) -> Run:
    for _ in range(3000):
        if not get_run(run.id).active:
            break
        time.sleep(0.2)
    return get_run(run.id)


async def _visit(address: str, sessions: int, seconds: float) -> list[tuple[float, float]]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=list(_ARGUMENTS)
        )
        pages = [await _open(browser, address) for _ in range(sessions)]
        end = time.monotonic() + seconds
        times = await asyncio.gather(
            *(_read(visit, random.Random(number), end) for number, visit in enumerate(pages))
        )
        await browser.close()
    return [took for page in times for took in page]


class _Visit:
    """A page, and when it last sent something to the server and got something from it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: float | None = None
        self.answered = 0.0
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda _: self._sent())
        socket.on("framereceived", lambda _: self._got())

    def _sent(self) -> None:
        self.asked = self.asked or time.monotonic()

    def _got(self) -> None:
        self.answered = time.monotonic()


async def _open(browser: Browser, address: str) -> _Visit:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    visit = _Visit(await context.new_page())
    visit.page.set_default_timeout(_PATIENCE)
    await visit.page.goto(f"{address}/Compare")
    await visit.page.locator(".tl-chart .barlayer").first.wait_for()
    return visit


async def _read(visit: _Visit, rng: random.Random, end: float) -> list[tuple[float, float]]:
    times: list[tuple[float, float]] = []
    while True:
        await asyncio.sleep(rng.uniform(*_THINKING))
        if time.monotonic() > end:
            return times
        section = _SECTIONS[len(times) % len(_SECTIONS)]
        visit.asked = None
        took = await visit.page.get_by_role("tab", name=section).evaluate(
            f"""async tab => {{
              const tick = () => new Promise(done => setTimeout(done, 5))
              const started = performance.now()
              tab.click()
              const soon = started + 3000
              while ({_ENDED} && performance.now() < soon) await tick()
              while (!({_ENDED})) await tick()
              return (performance.now() - started) / 1000
            }}"""
        )
        assert visit.asked is not None, "the click asked the server for nothing"
        times.append((visit.answered - visit.asked, took))


if __name__ == "__main__":
    main()
