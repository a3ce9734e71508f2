"""Real workers killed with SIGKILL at seeded moments of every phase, resumed, and compared.

Twenty kills over all phases; `TL_FAULT_STOPS=6 pytest -s tests/test_runs_faults.py` asks for stops
too and prints where each one struck.
"""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from fake_worker import tidied

from tl_core.progress import PHASES, Phase
from tl_core.runs import queue
from tl_core.runs.documents import State
from tl_core.runs.store import Run, get_run
from tl_core.runs.summary import summary
from tl_core.training.recipe import make_recipe

KILLS = int(os.environ.get("TL_FAULT_KILLS", "20"))
STOPS = int(os.environ.get("TL_FAULT_STOPS", "0"))
PATIENCE = 600

# Several shards of features, several epochs of both kinds, and dropout.
RECIPE = make_recipe(
    backbone="mobilenet_v2",
    dataset="demo",
    weights="random",
    limit=1300,
    input_size=32,
    epochs=4,
    batch_size=64,
    fine_tune_blocks=1,
    fine_tune_epochs=8,
    engine="keras",
    precision="float32",
)

# The longest pause between the beginning of a phase and the kill, unless half of it is shorter.
SECONDS: dict[Phase, float] = {
    "data": 1.0,
    "features": 2.0,
    "head": 1.5,
    "fine-tune": 2.0,
    "test": 1.5,
    "save": 1.0,
}


def look(run: Run, phase: Phase) -> Run:
    """Wait until the run is in `phase` or past it, with what there is to lose, and return it then.

    A kill before the first epoch of fine-tuning would ask nothing of what is restored.
    """
    deadline = time.monotonic() + PATIENCE
    epochs = RECIPE.epochs + 1 if phase == "fine-tune" else 0
    while time.monotonic() < deadline:
        run = get_run(run.id)
        now = run.status.phase
        there = now and PHASES.index(now) >= PHASES.index(phase) and len(curve(run)) >= epochs
        if run.status.state == "running" and there:
            return run
        assert run.active, f"{run.status.state}: {run.status.message}\n{run.log()[-3000:]}"
        time.sleep(0.01)
    pytest.fail(f"{run.id} did not come to {phase}: {run.status}")


def wait_for(run: Run, state: State, seconds: float) -> Run:
    deadline = time.monotonic() + seconds
    while get_run(run.id).status.state != state:
        assert time.monotonic() < deadline, get_run(run.id).status
        queue.refresh()
        time.sleep(0.05)
    return get_run(run.id)


def strike(run: Run, phase: Phase, longest: float, rng: np.random.Generator) -> tuple[str, float]:
    """Kill the worker, and half of the time the dispatcher too; return when in the run it was."""
    run = _at_a_moment_of(run, phase, longest, rng)
    pid = run.status.pid
    assert pid is not None, run.status
    if rng.random() < 0.5:
        for process in queue._started:
            process.kill()
            process.wait()
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    struck = wait_for(run, "interrupted", 5)
    return struck.status.phase or "start", time.monotonic() - killed


def ask_to_stop(
    run: Run, phase: Phase, longest: float, rng: np.random.Generator
) -> tuple[str, float]:
    """Stop the run as a user does; return when in the run it was and how long it took."""
    run = _at_a_moment_of(run, phase, longest, rng)
    asked = time.monotonic()
    queue.stop(run)
    stopped = wait_for(run, "stopped", 5)
    return stopped.status.phase or "start", time.monotonic() - asked


def _at_a_moment_of(run: Run, phase: Phase, longest: float, rng: np.random.Generator) -> Run:
    run = look(run, phase)
    time.sleep(rng.uniform(0, longest))
    run = get_run(run.id)
    assert run.status.state == "running", run.status
    return run


def curve(run: Run) -> list[dict]:
    timing = {"time", "images_per_second", "share", "seconds_left"}
    lines = [line for line in run.metrics() if line.kind == "epoch"]
    return [line.model_dump(exclude=timing) for line in lines]


def files(run: Run) -> set[str]:
    return {path.name for path in tidied(run.folder).iterdir()}


def test_a_run_killed_in_every_phase_ends_as_one_that_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(tmp_path / "unbroken"))
    request.addfinalizer(_end_all)
    unbroken = wait_for(queue.submit(RECIPE), "finished", PATIENCE)
    assert unbroken.outcome is not None
    took = dict(unbroken.outcome.cost.seconds)
    # Kills in fine-tuning wait for its first epoch, before which most of its time may pass.
    times = [line.time for line in unbroken.metrics() if line.kind == "epoch"]
    took["fine-tune"] = times[-1] - times[RECIPE.epochs]
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(tmp_path / "broken"))
    rng = np.random.default_rng(KILLS)
    # What is done is not done again, so that each phase can only be met before the next.
    planned = sorted(
        (
            (PHASES[number % len(PHASES)], act)
            for act, count in ((strike, KILLS), (ask_to_stop, STOPS))
            for number in range(count)
        ),
        key=lambda one: PHASES.index(one[0]),
    )
    run = queue.submit(RECIPE)
    moments = []
    for phase, act in planned:
        longest = min(SECONDS[phase], took[phase] / 2)
        struck, seconds = act(run, phase, longest, rng)
        moments.append(struck)
        kept = len(curve(get_run(run.id)))
        print(f"{act.__name__} in {struck}, {kept} epochs: {seconds:.1f} s", flush=True)
        queue.resume(get_run(run.id))
    ended = wait_for(run, "finished", PATIENCE)
    assert set(moments) >= {"data", "features", "fine-tune"} and len(set(moments)) >= 5
    print(dict(Counter(moments)))

    for name in ("probabilities", "labels", "validation_probabilities", "validation_labels"):
        with (
            np.load(ended.folder / "predictions.npz") as own,
            np.load(unbroken.folder / "predictions.npz") as other,
        ):
            assert np.array_equal(own[name], other[name]), name
    assert curve(ended) == curve(unbroken)
    assert [line["epoch"] for line in curve(ended)] == list(range(1, 13))
    lines = ended.metrics()
    for field in ("time", "step", "epoch"):
        values = [getattr(line, field) for line in lines]
        assert values == sorted(values), field
    assert ended.evaluation == unbroken.evaluation
    figures, expected = summary(ended), summary(unbroken)
    assert list(figures) == list(expected)
    assert list(figures["seconds"]) == list(expected["seconds"])
    for name in ("test", "validation", "epochs", "best_epoch", "engine", "cached_features"):
        assert figures[name] == expected[name], name
    assert figures["saved_model_agreement"] == expected["saved_model_agreement"]
    assert files(ended) == files(unbroken)


def _end_all() -> None:
    for process in psutil.Process().children(recursive=True):
        process.kill()
    for started in queue._started:
        started.wait(5)
