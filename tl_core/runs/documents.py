"""The documents of a run folder, as they are stored."""

import unicodedata
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tl_core.evaluation.document import Cost, Figures
from tl_core.progress import Phase

State = Literal["queued", "running", "stopping", "stopped", "interrupted", "failed", "finished"]

Finite = Annotated[float, Field(allow_inf_nan=False)]
# Unix seconds up to the year 9998: beyond it no calendar goes.
Moment = Annotated[float, Field(ge=0, lt=253_000_000_000, allow_inf_nan=False)]

ACTIVE: frozenset[State] = frozenset({"queued", "running", "stopping"})

STATE_WORDS: dict[State, str] = {
    "queued": "waiting",
    "running": "training",
    "stopping": "stopping",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "failed",
    "finished": "finished",
}


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Status(_Document):
    """`status.json`: where a run stands. Times are Unix seconds; `share` runs from 0 to 1.

    `place` orders the runs that wait, the lowest first: a number given out with the queue locked,
    since a clock can be set back. A `held` run waits until it is released. `seconds` is what each
    phase took by a clock that nobody sets, training up to its last epoch: what a break undid is
    not in it. `notes` is what the run's user should know. `pid_created` was written by earlier
    versions.
    """

    version: Literal[1] = 1
    state: State
    created: Moment
    place: int = 0
    held: bool = False
    started: Moment | None = None
    ended: Moment | None = None
    phase: Phase | None = None
    share: Finite = 0.0
    seconds_left: Finite | None = None
    message: str | None = None
    code: str | None = None
    seconds: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    pid: int | None = None
    pid_created: float | None = None

    @property
    def said(self) -> str:
        """The state as people are told it, in pages and on the command line."""
        return STATE_WORDS[self.state]


class Headline(Figures):
    """The beginning of `evaluation.json`; the classes and the confusion matrix are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _without_controls(text: str) -> str:
    """Return `text` if nothing in it steers a terminal or turns the direction of writing."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise ValueError("has characters that cannot be shown")
        if character in _TURNING:
            raise ValueError("has characters that turn the direction of writing")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text or text != text.strip():
        raise ValueError("is not one line of text without spaces around it")
    return text


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PLAIN, _LINE = AfterValidator(_without_controls), AfterValidator(_one_line)
_Name = Annotated[str, Field(min_length=1, max_length=60), _PLAIN, _LINE]
_Tag = Annotated[str, Field(min_length=1, max_length=30), _PLAIN, _LINE]
_Note = Annotated[str, Field(max_length=4000), _PLAIN]


class About(_Document):
    """`about.json`: what people call a run and say of it; text that is shown as it stands."""

    version: Literal[1] = 1
    name: _Name | None = None
    tags: Annotated[tuple[_Tag, ...], Field(max_length=20)] = ()
    note: _Note = ""


class Imported(_Document):
    """`imported.json`: the run was made elsewhere; when it came and which version sent it."""

    version: Literal[1] = 1
    at: float
    by: str


class MetricsLine(_Document):
    """One line of `metrics.jsonl`.

    `kind` is `step` while training goes on and `epoch` at the end of each epoch; `time` is seconds
    since the run started, without breaks; `epoch` counts through head and fine-tuning alike and
    has a fraction on a `step` line. Accuracies in 0..1. `share` and `seconds_left` are of the
    whole run.
    """

    kind: Literal["step", "epoch"]
    phase: Phase
    time: float
    step: int
    epoch: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    top5: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    val_top5: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    share: float = 0.0
    seconds_left: float | None = None


class WeightsInfo(_Document):
    """Which weights a run started from; `file`, `sha256` and `bytes` are None for random ones."""

    kind: Literal["imagenet", "random"]
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None


class DatasetInfo(_Document):
    """The data of a run, enough to show its results without opening the data again."""

    name: str
    title: str
    is_demo: bool
    fingerprint: str
    test_fingerprint: str
    resolution: int
    class_names: tuple[str, ...]
    coarse_names: tuple[str, ...] = ()
    coarse_of_class: tuple[int, ...] | None = None
    train: int
    validation: int
    test: int
    skipped: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _superclasses_fit(self) -> Self:
        of_class = self.coarse_of_class
        if of_class is not None and (
            len(of_class) != len(self.class_names)
            or any(not 0 <= place < len(self.coarse_names) for place in of_class)
        ):
            raise ValueError("the superclasses do not fit the classes")
        return self


class Outcome(_Document):
    """`outcome.json`: what a finished run was made of and what it cost.

    `estimated_seconds` is what each phase in `cost.seconds` was thought to take before it began,
    with nothing cached; empty where a run was made before estimates were kept.
    """

    version: Literal[1] = 1
    dataset: DatasetInfo
    weights: WeightsInfo
    engine: str
    precision: str
    feature_size: int
    cached_features: bool
    best_epoch: int
    epochs: int
    val_accuracy: float
    val_loss: float
    cost: Cost
    estimated_seconds: dict[str, float] = {}
    saved_model_agreement: float
    notes: tuple[str, ...] = ()
    machine: dict[str, str]
    versions: dict[str, str]
