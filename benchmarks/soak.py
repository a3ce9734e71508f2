"""Minutes of real runs that are stopped, killed, resumed and deleted: what is lost, what is left.

    python benchmarks/soak.py [--minutes 10] [--seed 0] [--json]

Real workers train on the demo data (MobileNetV2 with random weights at 32 pixels, two recipes)
in an artifacts folder of their own. At seeded moments a run is stopped by its command, its worker
is killed with SIGKILL, a run that ended too early is resumed, and one that has ended is deleted.
In the end all that is left is resumed and must finish with the figures of its recipe. Printed:
what was done, the slowest stop, how long a killed worker took to be noticed, the dispatcher's
memory, and files, processes and locks that should not be there. Ends with status 1 if a run was
lost or came out differently, anything was left over, or a stop or a death took over five seconds.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tl_core.errors import TransferLabError  # noqa: E402
from tl_core.runs import bin as waste  # noqa: E402
from tl_core.runs import queue  # noqa: E402
from tl_core.runs.locks import dispatcher_lock, is_held, queue_lock, worker_lock  # noqa: E402
from tl_core.runs.store import Run, get_run, list_runs  # noqa: E402
from tl_core.training.recipe import make_recipe  # noqa: E402

WAITING = 3
NOTHING = (
    "runs lost",
    "different results of a recipe",
    "curves with a gap or a double point",
    "leftover processes",
    "leftover locks",
    "leftover files",
)
SLOWEST = ("slowest stop, s", "slowest to be seen as interrupted, s")
SMALL = {
    "backbone": "mobilenet_v2",
    "dataset": "demo",
    "weights": "random",
    "limit": 1300,
    "input_size": 32,
    "epochs": 4,
    "batch_size": 64,
    "engine": "keras",
    "precision": "float32",
}
RECIPES = (
    make_recipe(**SMALL),
    make_recipe(**SMALL, fine_tune_blocks=1, fine_tune_epochs=2),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["TL_ARTIFACTS_DIR"] = folder
        figures = soak(options.minutes, np.random.default_rng(options.seed))
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:42}{value}")
    if broken := broken_promises(figures):
        sys.exit(f"Not as promised: {', '.join(broken)}.")


def broken_promises(figures: dict[str, float]) -> list[str]:
    """Return the figures that are not what the README promises."""
    most = dict.fromkeys(NOTHING, 0.0) | dict.fromkeys(SLOWEST, 5.0)
    return [f"{name} {figures[name]:g}" for name in most if figures[name] > most[name]]


def soak(minutes: float, rng: np.random.Generator) -> dict[str, float]:
    done: Counter[str] = Counter()
    slowest: dict[str, float] = {"stop": 0.0, "kill": 0.0}
    submitted = 0
    memory: list[int] = []
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() < ends:
        while sum(run.active for run in list_runs()) < WAITING:
            queue.submit(RECIPES[submitted % len(RECIPES)])
            submitted += 1
            done["submitted"] += 1
        queue.refresh()
        memory += dispatcher_memory()[:1]
        time.sleep(rng.uniform(1, 15))
        act = str(rng.choice(["stop", "kill", "kill", "resume", "resume", "delete"]))
        try:
            seconds = ACTS[act](rng)
        except TransferLabError as error:
            # It ended in the moment before.
            assert "there is nothing to" in str(error) or "is at work" in str(error), error
            continue
        if seconds is not None:
            done[act] += 1
            slowest[act] = max(slowest.get(act, 0.0), seconds)
    resumed = finish()
    kept = list_runs()
    return {
        "minutes": minutes,
        **{name: done[name] for name in ("submitted", "stop", "kill", "resume", "delete")},
        "resumed at the end": resumed,
        "runs finished and kept": sum(run.status.state == "finished" for run in kept),
        "runs lost": submitted - done["delete"] - len(kept),
        "different results of a recipe": different_results(kept),
        "curves with a gap or a double point": sum(map(is_broken, kept)),
        "slowest stop, s": round(slowest["stop"], 2),
        "slowest to be seen as interrupted, s": round(slowest["kill"], 2),
        # At its very first look it may not have started to work.
        "dispatcher's memory at first, MB": round(float(np.median(memory[:10])) / 1e6, 1),
        "dispatcher's memory in the end, MB": round(float(np.median(memory[-10:])) / 1e6, 1),
        **left_over(kept),
    }


def stop(rng: np.random.Generator) -> float | None:
    run = any_run(rng, "running")
    if run is None:
        return None
    started = time.monotonic()
    queue.stop(run)
    return seconds_until(run, {"stopped", "finished"}, started)


def kill(rng: np.random.Generator) -> float | None:
    run = any_run(rng, "running")
    if run is None or run.status.pid is None:
        return None
    started = time.monotonic()
    os.kill(run.status.pid, signal.SIGKILL)
    return seconds_until(run, {"interrupted"}, started)


def resume(rng: np.random.Generator) -> float | None:
    run = any_run(rng, *queue.RESUMABLE)
    if run is None:
        return None
    started = time.monotonic()
    queue.resume(run)
    return time.monotonic() - started


def delete(rng: np.random.Generator) -> float | None:
    run = any_run(rng, "finished", *queue.RESUMABLE)
    if run is None:
        return None
    started = time.monotonic()
    waste.delete(run)
    return time.monotonic() - started


ACTS = {"stop": stop, "kill": kill, "resume": resume, "delete": delete}


def any_run(rng: np.random.Generator, *states: str) -> Run | None:
    found = [run for run in list_runs() if run.status.state in states]
    return found[rng.integers(len(found))] if found else None


def seconds_until(run: Run, states: set[str], started: float) -> float:
    while get_run(run.id).status.state not in states:
        queue.refresh()
        time.sleep(0.05)
        assert time.monotonic() - started < 60, get_run(run.id).status
    return time.monotonic() - started


def finish() -> int:
    """Resume what ended too early, wait until all is finished, and return how many that were."""
    resumed = 0
    while left := [run for run in list_runs() if run.status.state != "finished"]:
        for run in left:
            assert run.status.state != "failed", f"{run.status.message}\n{run.log()}"
            if run.status.state in queue.RESUMABLE:
                queue.resume(run)
                resumed += 1
        queue.refresh()
        time.sleep(1)
    return resumed


def different_results(runs: list[Run]) -> int:
    results: dict[str, set[str]] = {}
    for run in runs:
        answers = b"".join(array.tobytes() for array in run.predictions())
        results.setdefault(run.recipe.model_dump_json(), set()).add(
            hashlib.sha256(answers).hexdigest()
        )
    return sum(len(found) - 1 for found in results.values())


def is_broken(run: Run) -> bool:
    epochs = [line.epoch for line in run.metrics() if line.kind == "epoch"]
    steps = [line.step for line in run.metrics()]
    wanted = run.recipe.epochs + run.recipe.fine_tune_epochs
    return epochs != list(range(1, wanted + 1)) or steps != sorted(steps)


def dispatcher_memory() -> list[int]:
    return [
        process.memory_info().rss
        for process in psutil.Process().children()
        if "tl_core.runs.dispatcher" in process.cmdline()
    ]


def left_over(runs: list[Run]) -> dict[str, int]:
    deadline = time.monotonic() + 30
    while (processes := living()) and time.monotonic() < deadline:
        time.sleep(0.1)
    with queue_lock():
        held = [run for run in runs if is_held(worker_lock(run.folder))]
        locks = len(held) + is_held(dispatcher_lock())
    artifacts = Path(os.environ["TL_ARTIFACTS_DIR"])
    passing = (".writing-*", ".reserve", "checkpoint.npz", ".building-*", ".deleting-*")
    files = {path for name in passing for path in artifacts.rglob(name) if ".bin" not in path.parts}
    return {
        "leftover processes": len(processes),
        "leftover locks": locks,
        "leftover files": len(files),
    }


def living() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE
    ]


if __name__ == "__main__":
    main()
