"""The data of a recipe."""

from tl_core.data import Dataset, open_dataset
from tl_core.data.sources import FOLDER
from tl_core.progress import Progress
from tl_core.training.recipe import Recipe


def open_data(recipe: Recipe, progress: Progress) -> Dataset:
    """Return the recipe's data set, with the recipe's split.

    A folder's pictures are read at the size that the network sees; others have a size of their own.

    Raises:
        TransferLabError: the data set is missing or damaged.
        Stopped: `progress` asked for it.
    """
    return open_dataset(
        recipe.dataset,
        seed=recipe.seed,
        limit=recipe.limit,
        resolution=recipe.size if recipe.dataset.startswith(FOLDER) else None,
        progress=progress,
    )
