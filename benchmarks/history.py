"""How long a list of many stored runs takes.

    python benchmarks/history.py [--runs 1000] [--page]

Copies a recorded run, of 100 classes, as often and prints, for a process that has read none of them
and for one that has, the seconds until the list of runs and every row of a table of them are there;
then, with `--page`, the median seconds in which a warm server and Chromium open the page of them.

Ends with status 1 if a list took half a second or more.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

_MOST_SECONDS = 0.5
DOCUMENTS = ("recipe.json", "status.json", "outcome.json", "evaluation.json", "metrics.jsonl")


def main() -> None:
    """Read the arguments, make the runs, and time the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    template = next(iter(sorted((ROOT / "artifacts" / "recorded").iterdir())), None)
    if template is None:
        sys.exit("There is no recorded run to copy.")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TL_ARTIFACTS_DIR"] = folder
        for number in range(arguments.runs):
            place = Path(folder) / "runs" / f"{template.name}-{number:04}"
            place.mkdir(parents=True)
            for name in DOCUMENTS:
                shutil.copy(template / name, place)

        from tl_core.runs.store import list_runs
        from tl_core.runs.summary import summary

        slow = []
        for what in ("first look", "next look"):
            started, busy = time.perf_counter(), time.process_time()
            rows = [summary(run) for run in list_runs()]
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
            print(f"{what}: {len(rows)} runs in {seconds:.2f} s, {busy:.2f} s of one core")
            if seconds >= _MOST_SECONDS:
                slow.append(what)
        if arguments.page:
            opened = _page_seconds(Path(folder))
            print(f"the page: open in {opened:.2f} s")
    if slow:
        sys.exit(f"Not as promised: half a second or more for the {' and the '.join(slow)}.")


def _page_seconds(artifacts: Path) -> float:
    from scripts.browser_app import browsing, serving

    times = []
    with serving(artifacts, artifacts / "server.log") as address, browsing() as browser:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        for _ in range(7):
            page.goto("about:blank")
            started = time.perf_counter()
            page.goto(f"{address}/Runs", wait_until="commit")
            page.get_by_text("Stored runs").first.wait_for()
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
            times.append(time.perf_counter() - started)
    # The first two find a cold server.
    return statistics.median(times[2:])


if __name__ == "__main__":
    main()
