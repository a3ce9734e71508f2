"""What this machine computes with, told without loading a framework."""

import os
import platform
from functools import cache
from pathlib import Path


def has_gpu() -> bool:
    """Whether an NVIDIA device is there."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def multiplies_bfloat16() -> bool:
    """Whether bfloat16 is multiplied here by instructions of its own.

    Elsewhere TensorFlow does it by conversion: its convolutions then train many times slower than
    in float32.
    """
    return has_gpu() or _has("avx512_bf16", "amx_bf16")


def has_network_instructions() -> bool:
    """Whether the processor has instructions made for networks, at which TensorFlow takes oneDNN.

    What it looks for is in its `tensorflow/core/util/port.cc`.
    """
    return _has("avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16")


@cache
def machine() -> str:
    """Return what tells this machine's speed from another's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores" + (", GPU" if has_gpu() else "")


def _processor() -> str:
    facts = _facts()
    # A virtual machine may hide the model's name, but not what it can do.
    flags = [flag for flag in _flags() if flag.startswith(("avx512_bf", "amx", "avx2"))]
    parts = [facts.get(key, "") for key in ("model name", "cpu family", "model")]
    return " ".join([*parts, *sorted(flags)]).strip() or platform.processor() or platform.machine()


def _has(*flags: str) -> bool:
    return not set(flags).isdisjoint(_flags())


def _flags() -> list[str]:
    return _facts().get("flags", "").split()


@cache
def _facts() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in facts.items()}
