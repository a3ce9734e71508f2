"""Where data, weights and artifacts live on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from tl_core.errors import TransferLabError

_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """The folders and limits in force, read from the environment."""

    artifacts: Path
    data: Path | None
    weights: Path | None
    keras_home: Path
    workers: int

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
    the package was installed elsewhere), `TL_DATA_DIR`, `TL_WEIGHTS_DIR`, `KERAS_HOME` and
    `TL_WORKERS` (runs trained at the same time, default 1).

    Raises:
        TransferLabError: `TL_WORKERS` is not a whole number of at least 1.
    """
    home = _CHECKOUT if (_CHECKOUT / "app.py").exists() else Path.cwd()
    workers = os.environ.get("TL_WORKERS", "1")
    if not workers.isdigit() or int(workers) < 1:
        raise TransferLabError(
            f"TL_WORKERS is {workers!r}; set it to a whole number of at least 1, or unset it."
        )
    return Settings(
        artifacts=_path("TL_ARTIFACTS_DIR") or home / "artifacts",
        data=_path("TL_DATA_DIR"),
        weights=_path("TL_WEIGHTS_DIR"),
        keras_home=_path("KERAS_HOME") or Path.home() / ".keras",
        workers=int(workers),
    )


def _path(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None
