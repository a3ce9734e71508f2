"""Seconds and peak memory of a frozen run over more and more pictures.

    python benchmarks/growth.py [--images 5000 10000 20000 40000] [--folder] [--json]

Each run is a process of its own with an empty cache: MobileNetV2 with random weights at 32 pixels
(growth is not a matter of accuracy), one epoch. By default the pictures are CIFAR-100's
(`TL_DATA_DIR`), a part of them by `--limit`; with `--folder` they are PNG files of 64 pixels made
by code, in 100 classes, in a temporary folder: a folder data set is read file by file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES = 100


def make_folder(path: Path, images: int) -> None:
    """Write `images` pictures of noise in one colour a class."""
    from PIL import Image

    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (CLASSES, 3))
    for number in range(images):
        folder = path / f"class_{number % CLASSES:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(-30, 30, (64, 64, 3)) + colours[number % CLASSES]
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(
            folder / f"{number}.png", compress_level=1
        )


def run(dataset: str, limit: int | None) -> dict:
    """Train in a process of its own with an empty cache; return what it printed."""
    with tempfile.TemporaryDirectory() as artifacts:
        command = [sys.executable, "-m", "tl_core", "train", "mobilenet_v2", "--json"]
        command += ["--dataset", dataset, "--weights", "random", "--input-size", "32"]
        command += ["--epochs", "1"] + (["--limit", str(limit)] if limit else [])
        started = time.perf_counter()
        done = subprocess.run(
            command,
            env=os.environ | {"TL_ARTIFACTS_DIR": artifacts},
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout) | {"wall": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", nargs="+", type=int, default=[5000, 10_000, 20_000, 40_000])
    parser.add_argument("--folder", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for images in options.images:
        with tempfile.TemporaryDirectory() as folder:
            dataset, limit = "cifar100", images
            if options.folder:
                make_folder(Path(folder), images)
                dataset, limit = f"folder:{folder}", None
            done = run(dataset, limit)
        rows.append(
            {
                "images": images,
                "seconds": round(done["wall"], 1),
                "features_seconds": round(done["seconds"]["features"], 1),
                "peak_memory_mb": round(done["cost"]["peak_memory_bytes"] / 1e6),
            }
        )
    if options.json:
        print(json.dumps({"folder": options.folder, "rows": rows}))
        return
    print(f"{'images':>8}{'seconds':>10}{'features s':>12}{'peak MB':>10}")
    for row in rows:
        print(
            f"{row['images']:>8}{row['seconds']:>10}{row['features_seconds']:>12}"
            f"{row['peak_memory_mb']:>10}"
        )


if __name__ == "__main__":
    main()
