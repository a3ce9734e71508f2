"""What this machine has learnt about its engines: how fast each is, which was wrong."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tl_core.features.engines import Plan
from tl_core.features.network import Network
from tl_core.files import recalled, write_text
from tl_core.processor import machine
from tl_core.settings import settings

_log = logging.getLogger(__name__)

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


def libraries(plan: Plan) -> dict[str, str]:
    """Return the versions that a plan's features depend on."""
    names: tuple[str, ...] = ("keras", "tensorflow")
    if plan.engine == "openvino":
        names = ("openvino", "nncf") if plan.precision == "int8" else ("openvino",)
    return {name: version(name) for name in names}


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
    try:
        write_text(_path(), json.dumps(known, indent=1, sort_keys=True))
    except OSError as error:
        _log.warning("What was learnt of the engines could not be remembered: %s", error)
