"""What machine and which libraries a figure was measured with."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil

from tl_core import processor

LIBRARIES = ("transfer-lab", "keras", "tensorflow", "openvino", "numpy", "scikit-learn")


def machine() -> dict[str, str]:
    """Return processor, usable cores, memory and operating system in words, and their `kind`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        # Processors of one name differ twofold in speed.
        "kind": processor.machine(),
        "cores": f"{usable} of {os.cpu_count()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide about figures."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
