"""How long a saved model takes for one picture, and what three of them hold in memory.

    TL_ARTIFACTS_DIR=… python benchmarks/predict.py [RUN …] [--pictures 200] [--json]

Without runs it takes the newest finished one of each backbone, at most three. A fresh process loads
them one after the other into one Predictor, as the page does: the first answer includes reading
the file (and, for the first model, TensorFlow); then every model answers single pictures of noise,
one at a time. Beside the milliseconds stands the processor time, which is the same on a machine
that others use too. Memory is what the whole process holds once all models have answered, and once
each has made a Grad-CAM map too.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tl_core.inference.predictor import Predictor  # noqa: E402
from tl_core.runs.names import run_title  # noqa: E402
from tl_core.runs.store import Run, get_run, list_runs  # noqa: E402

MODELS = 3


def main() -> None:
    """Time every model and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs = [get_run(name) for name in options.runs] or _newest()
    if not runs:
        raise SystemExit("There is no finished run with a model; train one first.")
    predictor = Predictor(MODELS)
    first = {run.id: _first_answer(predictor, run) for run in runs}
    rows = [_timed(predictor, run, options.pictures) | first[run.id] for run in runs]
    memory = psutil.Process().memory_info().rss / 1e6
    for run in runs:
        predictor.explain(run.model_path, _noise(run, 1)[0], 0)
    with_maps = psutil.Process().memory_info().rss / 1e6
    if options.json:
        held = {"memory_mb": round(memory), "memory_with_maps_mb": round(with_maps)}
        print(json.dumps({"rows": rows} | held, indent=1))
        return
    for row in rows:
        print(*(f"{key}: {value}" for key, value in row.items()), sep="\n  ")
    print(f"memory with {len(runs)} models: {memory:,.0f} MB, with their maps {with_maps:,.0f} MB")


def _newest() -> list[Run]:
    found: dict[str, Run] = {}
    for run in list_runs():
        if run.outcome is not None and run.model_path.exists():
            found.setdefault(run.recipe.backbone, run)
    return list(found.values())[:MODELS]


def _first_answer(predictor: Predictor, run: Run) -> dict[str, float]:
    started = time.perf_counter()
    predictor.predict(run.model_path, _noise(run, 1))
    return {"first_answer_s": round(time.perf_counter() - started, 1)}


def _timed(predictor: Predictor, run: Run, pictures: int) -> dict[str, object]:
    singles = _noise(run, pictures)
    before = time.process_time()
    times = [predictor.predict(run.model_path, picture[None]).ms_per_image for picture in singles]
    used = 1000 * (time.process_time() - before) / pictures
    return {
        "model": run_title(run),
        "pictures": pictures,
        "median_ms": round(float(np.median(times)), 1),
        "p95_ms": round(float(np.percentile(times, 95)), 1),
        "processor_ms": round(used, 1),
    }


def _noise(run: Run, count: int) -> "np.ndarray":
    assert run.outcome is not None
    side = run.outcome.dataset.resolution
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


if __name__ == "__main__":
    main()
