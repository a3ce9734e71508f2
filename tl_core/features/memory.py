"""What this machine has learnt about its engines: how fast each is, which was wrong."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tl_core.features.engines import Plan
from tl_core.features.network import Network
from tl_core.files import recalled, write_text
from tl_core.settings import settings

Section = Literal["paces", "wrong"]
Document = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Pace:
    """What a plan costs here: images/s, and the seconds it takes to make it ready."""

    rate: float
    setup: float = 0.0

    def seconds(self, images: int) -> float:
        """Return the seconds for so many images."""
        return self.setup + images / self.rate


def recall_paces(network: Network, engine: str, precision: str) -> dict[Plan, Pace]:
    """Return what was measured here for this backbone and size; nothing if nothing was."""
    known: Any = _read().get("paces", {}).get(_paces_key(network, engine, precision))
    try:
        return {Plan(entry["engine"], entry["precision"]): _pace(entry) for entry in known or ()}
    except (TypeError, KeyError, ValueError, OverflowError):
        # Measured again where it is damaged.
        return {}


def _pace(entry: Mapping[str, float]) -> Pace:
    pace = Pace(float(entry["rate"]), float(entry["setup"]))
    if not (0 < pace.rate < float("inf") and 0 <= pace.setup < float("inf")):
        raise ValueError(f"{pace} cannot be")
    return pace


def remember_paces(
    network: Network, engine: str, precision: str, paces: Mapping[Plan, Pace]
) -> None:
    """Keep what each plan cost, so that it is measured once."""
    entries = [asdict(plan) | asdict(pace) for plan, pace in paces.items()]
    _keep("paces", _paces_key(network, engine, precision), entries)


def recall_wrong(network: Network, plan: Plan) -> str | None:
    """Return why the plan must not be used for this network here, if it was found wrong."""
    known = _read().get("wrong", {}).get(_wrong_key(network, plan))
    return str(known) if known is not None else None


def remember_wrong(network: Network, plan: Plan, reason: str) -> None:
    """Keep that the plan gave wrong features for this network."""
    _keep("wrong", _wrong_key(network, plan), reason)


def has_gpu() -> bool:
    """Whether an NVIDIA device is there, told without loading a framework."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def libraries(plan: Plan) -> dict[str, str]:
    """Return the versions that a plan's features depend on."""
    names: tuple[str, ...] = ("keras", "tensorflow")
    if plan.engine == "openvino":
        names = ("openvino", "nncf") if plan.precision == "int8" else ("openvino",)
    return {name: version(name) for name in names}


@cache
def machine() -> str:
    """Return what tells this machine's speed from another's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores" + (", GPU" if has_gpu() else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    # A virtual machine may hide the model's name, but not what it can do.
    flags = [
        f for f in facts.get("flags", "").split() if f.startswith(("avx512_bf", "amx", "avx2"))
    ]
    parts = [facts.get(key, "") for key in ("model name", "cpu family", "model")]
    return " ".join([*parts, *sorted(flags)]).strip() or platform.machine()


def _paces_key(network: Network, engine: str, precision: str) -> str:
    asked = f"engine {engine}, precision {precision}"
    return " | ".join([machine(), network.row.name, f"{network.size} px", asked, _versions()])


def _wrong_key(network: Network, plan: Plan) -> str:
    part = f"{network.pooled}, {network.blocks} blocks"
    return " | ".join(
        [
            machine(),
            network.row.name,
            network.weights.identity,
            f"{network.size} px",
            part,
            f"{plan.engine} {plan.precision}",
            _versions(),
        ]
    )


@cache
def _versions() -> str:
    return " ".join(f"{name} {version(name)}" for name in ("tensorflow", "openvino", "nncf"))


def _path() -> Path:
    return settings().cache / "engines.json"


def _read() -> Document:
    return {name: part for name, part in recalled(_path()).items() if isinstance(part, dict)}


def _keep(section: Section, key: str, value: object) -> None:
    known = _read()
    known.setdefault(section, {})[key] = value
    write_text(_path(), json.dumps(known, indent=1, sort_keys=True))
