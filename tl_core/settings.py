"""Where data, weights and artifacts live on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from tl_core.errors import TransferLabError

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """The folders and limits in force, read from the environment."""

    artifacts: Path
    recorded: Path
    data: Path | None
    weights: Path | None
    keras_home: Path
    workers: int
    cache_bytes: int
    memory_bytes: int | None

    @property
    def runs(self) -> Path:
        """Folder with one folder per run."""
        return self.artifacts / "runs"

    @property
    def cache(self) -> Path:
        """Folder of everything that can be computed again."""
        return self.artifacts / "cache"


def settings() -> Settings:
    """Return the settings that the environment gives now.

    Reads `TL_ARTIFACTS_DIR` (default: `artifacts/` of this checkout, or of the working folder when
    the package was installed elsewhere), `TL_RECORDED_DIR` (default: `artifacts/recorded/` of the
    same, as recorded runs come with the checkout wherever runs made here lie), `TL_DATA_DIR`,
    `TL_WEIGHTS_DIR`, `KERAS_HOME`, `TL_WORKERS` (runs trained at the same time, default 1),
    `TL_CACHE_LIMIT_GB` (what cached features may take on disk, default 20) and `TL_MEMORY_LIMIT`
    (gigabytes of memory that a run may hold, default none).

    Raises:
        TransferLabError: `TL_WORKERS` is not a whole number of at least 1, or
            `TL_CACHE_LIMIT_GB` or `TL_MEMORY_LIMIT` is not a number above 0.
    """
    home = CHECKOUT if (CHECKOUT / "app.py").exists() else Path.cwd()
    workers = os.environ.get("TL_WORKERS", "1")
    if not workers.isdigit() or int(workers) < 1:
        raise TransferLabError(
            f"TL_WORKERS is {workers!r}; set it to a whole number of at least 1, or unset it."
        )
    return Settings(
        artifacts=_path("TL_ARTIFACTS_DIR") or home / "artifacts",
        recorded=_path("TL_RECORDED_DIR") or home / "artifacts" / "recorded",
        data=_path("TL_DATA_DIR"),
        weights=_path("TL_WEIGHTS_DIR"),
        keras_home=_path("KERAS_HOME") or Path.home() / ".keras",
        workers=int(workers),
        cache_bytes=_gigabytes("TL_CACHE_LIMIT_GB", "20"),
        memory_bytes=_gigabytes("TL_MEMORY_LIMIT") if os.environ.get("TL_MEMORY_LIMIT") else None,
    )


def _path(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def _gigabytes(variable: str, default: str = "") -> int:
    value = os.environ.get(variable, "") or default
    try:
        size = float(value)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise TransferLabError(
            f"{variable} is {value!r}; set it to a number of gigabytes above 0, or unset it."
        )
    return int(size * 1e9)
