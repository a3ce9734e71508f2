"""How fast this machine was at each kind of work, remembered from its own runs."""

import json
import logging
from pathlib import Path

from tl_core import files
from tl_core.backbones.build import pooled_names
from tl_core.backbones.table import backbone
from tl_core.settings import settings
from tl_core.training.recipe import Recipe

_FASTEST = 1e12

_log = logging.getLogger(__name__)


def features_key(recipe: Recipe) -> str:
    """Name the rate of frozen features, in images a second."""
    return f"features/{recipe.backbone}/{recipe.size}/{recipe.engine}/{recipe.precision}"


def head_key(recipe: Recipe, images: int) -> str:
    """Name the rate of head training on so many images, in images a second.

    A step of few images takes nearly as long as one of many, so the rates of steps that differ by
    more than a factor of two are kept apart.
    """
    parts = len(pooled_names(backbone(recipe.backbone), recipe.pooled_layers))
    step = recipe.head_batch(images).bit_length()
    return f"head/{recipe.backbone}/{parts}/{recipe.head}/{recipe.hidden_units}/{step}"


def fine_tune_key(recipe: Recipe) -> str:
    """Name the rate of fine-tuning, in images a second."""
    return f"fine-tune/{recipe.backbone}/{recipe.size}/{recipe.fine_tune_blocks}"


def remember(key: str, images: int, seconds: float) -> None:
    """Keep the rate of `images` in `seconds` under `key`, if there were enough to be telling."""
    if images < 500 or seconds <= 0:
        return
    known = recall()
    known[key] = images / seconds
    try:
        files.write_text(_path(), json.dumps(known, indent=1, sort_keys=True))
    except OSError as error:
        _log.warning("The rate of %s could not be remembered: %s", key, error)


def recall() -> dict[str, float]:
    """Return every remembered rate, images a second by key; none where nothing is readable."""
    known = files.recalled(_path())
    # A rate above any machine's is damage, and a whole number of 400 digits is no float at all.
    return {
        key: float(rate)
        for key, rate in known.items()
        if isinstance(rate, int | float) and 0 < rate < _FASTEST
    }


def _path() -> Path:
    return settings().cache / "rates.json"
