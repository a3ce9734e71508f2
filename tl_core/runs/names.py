"""What people call a run."""

import time

from tl_core.backbones.table import BACKBONES
from tl_core.runs.store import Run
from tl_core.training.presets import PRESETS


def short(run: Run) -> str:
    """Return the part of a run's id that tells it from its siblings."""
    return run.id.rsplit("-", 1)[-1]


def preset_title(preset: str | None) -> str:
    """Return a preset's title; a recipe of one's own has none."""
    return PRESETS[preset].title if preset in PRESETS else "Own recipe"


def run_name(run: Run) -> str:
    """Return a run's name for people: the one they gave it, or else its backbone and preset.

    What tells it from its siblings follows. A given name is text, and holds any characters.

    Raises:
        TransferLabError: the recipe cannot be read.
    """
    recipe = run.recipe
    called = [BACKBONES[recipe.backbone].title, preset_title(recipe.preset)]
    return " · ".join([*([run.about.name] if run.about.name else called), short(run)])


def run_title(run: Run) -> str:
    """Return a run's name and whether it was recorded or imported, where no badge says so.

    Raises:
        TransferLabError: the recipe cannot be read.
    """
    marks = {"recorded": run.recorded, "imported": run.imported}
    return " · ".join([run_name(run), *(mark for mark, holds in marks.items() if holds)])


def provenance(run: Run) -> str:
    """Return on what machine and which day (of this machine's calendar) a run was finished.

    Raises:
        TransferLabError: the run cannot be read.
    """
    machine = run.outcome.machine if run.outcome else {}
    words = [machine.get("processor", "an unknown processor")]
    if "cores" in machine:
        words.append(f"{machine['cores']} cores")
    if run.status.ended is not None:
        words.append(time.strftime("%Y-%m-%d", time.localtime(run.status.ended)))
    return ", ".join(words)
