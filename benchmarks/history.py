"""How long a list of many stored runs takes.

    python benchmarks/history.py [--runs 1000]

Copies a recorded run, of 100 classes, as often and prints, for a process that has read none of them
and for one that has, the seconds until the list of runs and every row of a table of them are there.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("recipe.json", "status.json", "outcome.json", "evaluation.json", "metrics.jsonl")


def main() -> None:
    """Read the arguments, make the runs, and time the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    count = parser.parse_args().runs
    template = next(iter(sorted((ROOT / "artifacts" / "recorded").iterdir())), None)
    if template is None:
        sys.exit("There is no recorded run to copy.")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TL_ARTIFACTS_DIR"] = folder
        for number in range(count):
            place = Path(folder) / "runs" / f"{template.name}-{number:04}"
            place.mkdir(parents=True)
            for name in DOCUMENTS:
                shutil.copy(template / name, place)

        from tl_core.runs.store import list_runs
        from tl_core.runs.summary import summary

        for what in ("first look", "next look"):
            started, busy = time.perf_counter(), time.process_time()
            rows = [summary(run) for run in list_runs()]
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
            print(f"{what}: {len(rows)} runs in {seconds:.2f} s, {busy:.2f} s of one core")


if __name__ == "__main__":
    main()
