"""What `evaluation.json` holds: every figure of one run on its test set, with its uncertainty."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Share = Annotated[float, Field(ge=0, le=1)]


class Document(BaseModel):
    """The base of everything evaluation hands out: plain values, frozen, ready for JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Proportion(Document):
    """A share of `n` test images with its 95 % Wilson interval; all shares in 0..1."""

    value: float
    low: float
    high: float
    n: int


class ClassResult(Document):
    """One class: `accuracy` is the share of its images answered right (its recall)."""

    name: str
    superclass: str | None
    support: int
    accuracy: float
    precision: float
    f1: float


class SuperclassResult(Document):
    """One superclass: share of its images whose fine class was right, and whose superclass was."""

    name: str
    support: int
    accuracy: float
    superclass_accuracy: float


class LabelPoint(Document):
    """Test top-1 (0..1) with `per_class` labelled images of each class, one value a seed."""

    per_class: Annotated[int, Field(ge=1)]
    accuracies: Annotated[tuple[_Share, ...], Field(min_length=1)]


class Cost(Document):
    """What the answer cost.

    `seconds` by phase of the run; the others of the whole saved model, warm: `ms_per_image` one
    image at a time, median and 95th percentile, `images_per_second` in batches, median and what 95
    of 100 batches reach (None where that was not measured yet); bytes for sizes.
    """

    seconds: dict[str, float]
    images_per_second: float
    images_per_second_p5: float | None = None
    ms_per_image: float
    ms_per_image_p95: float
    parameters: int
    trained_parameters: int
    model_bytes: int
    peak_memory_bytes: int


class Figures(Document):
    """The figures of one run on its whole test set, which a list of runs shows."""

    version: Literal[1] = 1
    top1: Proportion
    top5: Proportion
    loss: float
    macro_precision: float
    macro_recall: float
    macro_f1: float


class Evaluation(Figures):
    """Every figure of one run on its test set."""

    classes: tuple[ClassResult, ...]
    superclasses: tuple[SuperclassResult, ...]
    confusion: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _square(self) -> Self:
        sides = {len(self.classes), len(self.confusion), *(len(row) for row in self.confusion)}
        if len(sides) > 1:
            raise ValueError("the confusion matrix does not fit the classes")
        return self
