"""What `tl compare --json` prints: everything that a comparison shows, as one document."""

from typing import Literal

from tl_core.compare.differences import Difference
from tl_core.evaluation.calibration import Believable
from tl_core.evaluation.classes import ClassRow
from tl_core.evaluation.comparable import LeftOut
from tl_core.evaluation.confusion import ConfusedPair
from tl_core.evaluation.coverage import CoveragePoint
from tl_core.evaluation.document import Document, Proportion
from tl_core.evaluation.mistakes import Exhibit
from tl_core.evaluation.reference import Reference
from tl_core.evaluation.seeds import SeedGroup
from tl_core.evaluation.significance import Pair, Verdict
from tl_core.evaluation.together import Agreement, Together
from tl_core.runs.analysis import EpochPoint
from tl_core.runs.labels import LabelStudy


class Data(Document):
    """What all runs were tested on; `coarse_of_class` and `coarse_names` may be missing."""

    name: str
    title: str
    is_demo: bool
    test_images: int
    class_names: tuple[str, ...]
    coarse_names: tuple[str, ...]
    coarse_of_class: tuple[int, ...] | None


class Costs(Document):
    """One way to count what a run costs: each run's, and the places of those nothing beats."""

    title: str
    unit: str
    values: tuple[float, ...]
    front: tuple[int, ...]


class SuperclassTable(Document):
    """Accuracies (0..1) superclasses×runs; None where a superclass has no test image.

    `supports` are the test images of each superclass, `low` and `high` the bounds of the 95 %
    Wilson intervals.
    """

    names: tuple[str, ...]
    supports: tuple[int, ...]
    accuracies: tuple[tuple[float | None, ...], ...]
    low: tuple[tuple[float, ...], ...]
    high: tuple[tuple[float, ...], ...]


class ShownPair(ConfusedPair):
    """A confused pair with the places in the test set of some of its images, surest first."""

    positions: tuple[int, ...]


class ComparedRun(Document):
    """One run: shares in 0..1, `minutes` from start to saved model, `megabytes` of the model.

    `saved_model_agreement` is the share of pictures for which the saved model, which computes in
    float32, gives the answer that was measured.
    `seconds` is what each phase took and `estimated_seconds` what it was thought to take, empty
    where that is not known. `parameters` are those of the whole model. `confusion` is
    classes×classes with the truth in the rows, `superclass_confusion` the same by superclass.
    `labels` is the study that was made of the run, if one was. `val_interval` bounds the 95 %
    interval of `val_accuracy`, which is a little too high where validation chose the epoch.
    `seeds` are the runs of the same recipe that this one stands for. The exhibits show every run's
    answer, in the order of the runs.
    """

    run: str
    title: str
    recorded: bool
    backbone: str
    preset: str | None
    weights: Literal["imagenet", "random"]
    seed: int
    top1: Proportion
    top5: Proportion
    loss: float
    macro_f1: float
    val_accuracy: float
    val_interval: tuple[float, float]
    best_epoch: int
    epochs: int
    training_images: int
    cached_features: bool
    saved_model_agreement: float
    minutes: float
    seconds: dict[str, float]
    estimated_seconds: dict[str, float]
    ms_per_image: float
    ms_per_image_p95: float
    images_per_second: float
    images_per_second_p5: float | None
    parameters: int
    megabytes: float
    machine: dict[str, str]
    seeds: SeedGroup
    curve: tuple[EpochPoint, ...]
    labels: LabelStudy | None
    believable: Believable
    coverage: tuple[CoveragePoint, ...]
    confusion: tuple[tuple[int, ...], ...]
    superclass_confusion: tuple[tuple[int, ...], ...] | None
    most_confused: tuple[ShownPair, ...]
    most_confused_superclasses: tuple[ConfusedPair, ...]
    only_right: tuple[Exhibit, ...]
    confident_mistakes: tuple[Exhibit, ...]

    @property
    def has_top5(self) -> bool:
        """Whether there are more than five classes: else every answer is among the best five."""
        return len(self.confusion) > 5


class Comparison(Document):
    """Runs on one test set beside each other, the most accurate first.

    Numbers of runs (`Pair.first` and so on) are places in `runs`. `verdicts` is on the row's run
    beside the column's. `caveats` are sentences that the figures must not be shown without.
    `together` is None for a single run.
    """

    version: Literal[1] = 1
    verdict: str
    caveats: tuple[str, ...]
    data: Data
    runs: tuple[ComparedRun, ...]
    differences: tuple[Difference, ...]
    left_out: tuple[LeftOut, ...]
    pairs: tuple[Pair, ...]
    verdicts: tuple[tuple[Verdict | None, ...], ...]
    costs: dict[str, Costs]
    references: tuple[Reference, ...]
    superclasses: SuperclassTable | None
    classes: tuple[ClassRow, ...]
    hardest: tuple[Exhibit, ...]
    agreement: tuple[Agreement, ...]
    together: Together | None

    @property
    def widest_class_interval(self) -> float:
        """How far apart the bounds of a class's accuracy are at most, in 0..1."""
        widths = [
            high - low
            for row in self.classes
            for low, high in zip(row.low, row.high, strict=True)
            if row.support
        ]
        return max(widths, default=1.0)
