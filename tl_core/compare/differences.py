"""In what the runs of a comparison differ: what was chosen, and what they were trained on."""

from collections.abc import Sequence

from tl_core.evaluation.document import Document
from tl_core.runs.documents import Outcome
from tl_core.training.recipe import Recipe
from tl_core.training.unused import unused_fields

# Said by the training images, by what computed the features, or by the run's title.
_ELSEWHERE = {"version", "backbone", "preset", "dataset", "limit", "engine", "precision"}

_UNUSED = "–"


class Difference(Document):
    """One thing that the runs do not share: its name, and each run's in their order."""

    name: str
    values: tuple[str, ...]


def differences(runs: Sequence[tuple[Recipe, Outcome]]) -> tuple[Difference, ...]:
    """Return in what the runs differ, most of all what they were trained on; nothing for one."""
    made_of = [_made_of(recipe, outcome) for recipe, outcome in runs]
    return tuple(
        Difference(name=name, values=tuple(one[name] for one in made_of))
        for name in made_of[0]
        if len({one[name] for one in made_of}) > 1
    )


def _made_of(recipe: Recipe, outcome: Outcome) -> dict[str, str]:
    images = outcome.dataset.train
    unused = unused_fields(recipe)
    chosen = recipe.resolved(images).model_dump(exclude=_ELSEWHERE)
    return {
        "training images": f"{images:,}",
        "features": f"{outcome.engine}, {outcome.precision}",
        **{
            name.replace("_", " "): _UNUSED if name in unused else _said(value)
            for name, value in chosen.items()
        },
    }


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "automatic" if value is None else str(value)
