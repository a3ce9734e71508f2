"""How many images a source holds, told without opening it."""

from dataclasses import dataclass
from pathlib import Path

from tl_core.data.cifar_files import COUNTS
from tl_core.data.demo import TEST_PER_CLASS, TRAIN_PER_CLASS
from tl_core.data.demo_shapes import SHAPES, TEXTURES
from tl_core.data.folder_scan import scan
from tl_core.data.sources import FOLDER
from tl_core.data.splits import TEST_SHARE, check_limit
from tl_core.errors import TransferLabError


@dataclass(frozen=True)
class ImageCounts:
    """Images for training and validation together, those of the test set, and their classes.

    `passed_over` are links in a folder that lead nowhere, and pictures of kinds that are not read.
    """

    labelled: int
    test: int
    classes: int
    passed_over: int = 0

    def check_limit(self, limit: int | None) -> None:
        """Refuse a recipe's limit that cannot be kept; None takes all.

        Raises:
            TransferLabError: `limit` is less than two for each class, or more than there are.
        """
        if limit is not None:
            check_limit(limit, self.classes, self.labelled)


def image_counts(name: str) -> ImageCounts:
    """Return how many images `name` (as `open_dataset` takes it) holds.

    A folder's files are counted by name: pictures that cannot be read are among them, and a test
    set that is to be held out counts with its share.

    Raises:
        TransferLabError: there is no such data, or the folder holds no class folders.
    """
    if name.startswith(FOLDER) and name != FOLDER:
        found = scan(Path(name.removeprefix(FOLDER)))
        pictures = len(found.pictures)
        given = sum(picture.split == "test" for picture in found.pictures)
        classes = len(found.class_names)
        test = given or max(classes, round(TEST_SHARE * pictures))
        return ImageCounts(pictures - test, test, classes, len(found.skipped))
    classes = len(SHAPES) * len(TEXTURES)
    known = {
        "cifar100": ImageCounts(COUNTS["train"], COUNTS["test"], 100),
        "demo": ImageCounts(classes * TRAIN_PER_CLASS, classes * TEST_PER_CLASS, classes),
    }
    if name not in known:
        raise TransferLabError(
            f"There is no dataset {name!r}; choose {', '.join(known)} or {FOLDER}<path>."
        )
    return known[name]
