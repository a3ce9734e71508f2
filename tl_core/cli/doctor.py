"""`tl doctor`: what is installed and found on this machine, and why not."""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tl_core.backbones import BACKBONES
from tl_core.backbones.weights import report
from tl_core.cli.app import app
from tl_core.cli.output import Json, out, print_facts, print_json, size
from tl_core.processor import has_gpu
from tl_core.runs.bin import binned, total
from tl_core.runs.machine import machine, versions
from tl_core.settings import settings


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, what computes here, and where data and weights are or why not."""
    from tl_core.data import sources

    found: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(),
        "engines": _engines(),
        "folders": _folders(),
        "data": [asdict(source) for source in sources()],
        "weights": {row.name: asdict(report(row)) for row in BACKBONES.values()},
    }
    if as_json:
        print_json(found)
        return
    _section("Machine", found["machine"].items())
    _section("Versions", found["versions"].items())
    _section("Engines", found["engines"].items())
    _section("Folders", found["folders"].items())
    _section("Data", [(source["name"], _where(source)) for source in found["data"]])
    _section("Weights", [(name, _where(weights)) for name, weights in found["weights"].items()])


def _where(report: dict[str, Any]) -> str:
    return report["where"] if report["found"] else f"not found. {report['to_do']}"


def _section(title: str, facts: Any) -> None:
    out().print(f"\n{title}", style="bold underline")
    print_facts(facts)


def _engines() -> dict[str, str]:
    openvino = "installed" if versions()["openvino"] != "not installed" else "not installed"
    return {
        "graphics processor": "an NVIDIA device" if has_gpu() else "none; the processor computes",
        "openvino": f"{openvino}; taken for frozen features where it is faster and right",
        "keras": "always there; trains, and checks what the other answers",
    }


def _folders() -> dict[str, str]:
    at = settings()
    free = size(shutil.disk_usage(_nearest(at.artifacts)).free)
    writable = "writable" if os.access(_nearest(at.artifacts), os.W_OK) else "NOT writable"
    return {
        "runs and caches": f"{at.artifacts} ({writable}, {free} free)",
        "deleted runs": size(total(binned())) + " in the bin (`tl bin`)",
        "TL_DATA_DIR": str(at.data or "not set"),
        "TL_WEIGHTS_DIR": str(at.weights or "not set"),
        "Keras' cache": str(at.keras_home),
    }


def _nearest(path: Path) -> Path:
    """Return the folder itself or the nearest above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
