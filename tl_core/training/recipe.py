"""Every choice of a run, checked before anything is computed."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tl_core.backbones.build import Pooled
from tl_core.backbones.table import BACKBONES
from tl_core.errors import TransferLabError
from tl_core.features.views import View
from tl_core.training.refusals import refusal

# The head's highest learning rate where a step has the most images that are taken by themselves.
_RATE = 4e-3
_MOST_BATCH = 1024


class Recipe(BaseModel):
    """Every choice of a run; the description of a field is what the app and `tl` show for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    backbone: str = Field(description="The pretrained network to start from.")
    preset: str | None = Field(None, description="The preset the other values started from.")
    dataset: str = Field(
        "cifar100", description="`cifar100`, `demo`, or `folder:<path>` with a folder per class."
    )
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Use only this many labelled images (training and validation together), "
        "each class in proportion; the test set stays whole.",
    )
    weights: Literal["imagenet", "random"] = Field(
        "imagenet", description="Pretrained ImageNet weights, or random ones (a baseline)."
    )
    input_size: Annotated[int, Field(ge=32, le=512)] | None = Field(
        None, description="Side in pixels of the picture the network sees; empty: the backbone's."
    )
    pooled_layers: Pooled = Field(
        "several",
        description="What the head sees: the network's last layer, layers from early to late, or "
        "of these also how far each varies over the picture.",
    )
    head: Literal["linear", "mlp"] = Field(
        "linear", description="One dense layer, or a hidden layer before it."
    )
    hidden_units: Annotated[int, Field(ge=8, le=8192)] | None = Field(
        None, description="Units of the hidden layer (`mlp` only; empty: 512)."
    )
    batch_norm: bool = Field(
        False, description="Batch normalisation after the hidden layer (`mlp` only)."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="Share of the head's inputs switched off at each training step; a linear "
        "head is served as well by its weight decay, in less time.",
    )
    augmentation: tuple[View, ...] = Field(
        (),
        description="Changed copies of the training images: mirrored, shifted crop, "
        "colour. Each adds one pass through the backbone.",
    )
    test_views: bool = Field(
        False,
        description="Average the answers for a picture and its mirror image; doubles the cost "
        "of an answer.",
    )
    epochs: Annotated[int, Field(ge=0, le=1000)] = Field(
        10, description="Epochs of training the head on frozen features."
    )
    batch_size: Annotated[int, Field(ge=1, le=8192)] | None = Field(
        None,
        description="Images a training step of the head; empty: a fortieth of the training "
        "images, between 16 and 1024.",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", description="The optimiser.")
    learning_rate: Annotated[float, Field(gt=0, le=10)] | None = Field(
        None,
        description="Highest learning rate of the head; empty: 0.004 for steps of 1024 images, "
        "with the square root of the images where they are fewer.",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="Keep the learning rate, or let it fall to zero along a cosine."
    )
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Epochs over which the learning rate rises from zero."
    )
    weight_decay: Annotated[float, Field(ge=0, le=10)] = Field(
        2.0, description="Decoupled weight decay of the head (AdamW and SGD)."
    )
    sweep: bool = Field(
        False,
        description="Train the head with weight decays of 0.1, 0.5, 2, 8 and its own first, and "
        "keep the one that is best on validation.",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the target spread over all classes."
    )
    early_stopping: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Stop after so many epochs without a better one on validation; 0: never. "
        "The best epoch is kept in any case; of the head, with fewer than 400 validation images, "
        "the last one, unless the rate is constant or training may stop early.",
    )
    fine_tune_blocks: Annotated[int, Field(ge=0)] = Field(
        0, description="How many of the backbone's last blocks are trained too."
    )
    fine_tune_epochs: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Epochs of fine-tuning."
    )
    fine_tune_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        1e-4, description="Highest learning rate while fine-tuning."
    )
    fine_tune_batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        64, description="Images a training step of fine-tuning."
    )
    fine_tune_weight_decay: Annotated[float, Field(ge=0, le=10)] = Field(
        0.05, description="Decoupled weight decay while fine-tuning (AdamW and SGD)."
    )
    fine_tune_mixup: Annotated[float, Field(ge=0, le=2)] = Field(
        0.0,
        description="Mix pairs of images while fine-tuning: alpha of mixup; 0: none. The training "
        "accuracy shown is then that on mixed images.",
    )
    fine_tune_shift: Annotated[int, Field(ge=0, le=4)] = Field(
        0,
        description="Shift the activations by up to so many cells while fine-tuning, as a "
        "shifted crop of the picture would.",
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        "auto",
        description="Arithmetic of the frozen backbone; `auto` takes the fastest that is right.",
    )
    engine: Literal["auto", "keras", "openvino"] = Field(
        "auto", description="What runs the frozen backbone; `auto` takes the faster that is right."
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0, description="Seed of the split, the head's first weights and the order of the images."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        problem = _problem(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def size(self) -> int:
        """Side in pixels of the network's input."""
        return self.input_size or BACKBONES[self.backbone].default_size

    @property
    def answer_views(self) -> tuple[View | None, ...]:
        """The views whose answers are averaged; None is the picture as it is."""
        return (None, "flip") if self.test_views else (None,)

    @property
    def training_views(self) -> tuple[View | None, ...]:
        """The views that are trained on."""
        return (None, *self.augmentation)

    @property
    def validation_views(self) -> tuple[View | None, ...]:
        """The views that answers are averaged over and nothing is trained on."""
        return tuple(view for view in self.answer_views if view not in self.training_views)

    def head_batch(self, images: int) -> int:
        """Return the images a training step of the head, `images` being there to train on."""
        automatic = min(max(images // 40, 16), _MOST_BATCH)
        return min(self.batch_size or automatic, images)

    def head_rate(self, images: int) -> float:
        """Return the head's highest learning rate, `images` being there to train on.

        Adam's steps are as long from few images as from many, but noisier. Source: S. Malladi et
        al., "On the SDEs and scaling rules for adaptive gradient algorithms", NeurIPS 2022.
        """
        return self.learning_rate or _RATE * (self.head_batch(images) / _MOST_BATCH) ** 0.5

    def resolved(self, images: int) -> Self:
        """Return the recipe with the numbers that it leaves to the `images` trained on, to read."""
        return self.model_copy(
            update={
                "input_size": self.size,
                "batch_size": self.head_batch(images),
                "learning_rate": float(f"{self.head_rate(images):.3g}"),
            }
        )

    def passes(self, train: int, validation: int, test: int) -> int:
        """Return how many pictures pass the frozen backbone in all."""
        return (
            (train + validation) * len(self.training_views)
            + validation * len(self.validation_views)
            + test * len(self.answer_views)
        )


def make_recipe(**choices: object) -> Recipe:
    """Return the recipe with these choices.

    Raises:
        TransferLabError: a choice is unknown, has an impossible value, or contradicts another.
    """
    try:
        return Recipe.model_validate(choices)
    except ValidationError as error:
        raise TransferLabError(" ".join(refusal(one) for one in error.errors())) from error


def _problem(recipe: Recipe) -> str | None:
    if recipe.backbone not in BACKBONES:
        return f"There is no backbone {recipe.backbone!r}; choose one of {', '.join(BACKBONES)}."
    row = BACKBONES[recipe.backbone]
    if recipe.input_size is not None and recipe.input_size < row.smallest_size:
        return (
            f"{row.title} needs pictures of at least {row.smallest_size} pixels; "
            f"input_size is {recipe.input_size}."
        )
    if recipe.head == "linear" and recipe.hidden_units is not None:
        return "hidden_units belongs to the head 'mlp'; choose head 'mlp' or leave it out."
    if recipe.head == "linear" and recipe.batch_norm:
        return "batch_norm belongs to the head 'mlp'; choose head 'mlp' or leave it out."
    if recipe.precision == "int8" and recipe.engine == "keras":
        return "Keras has no int8 here; choose engine 'openvino' or 'auto', or another precision."
    if len(set(recipe.augmentation)) != len(recipe.augmentation):
        return "augmentation names the same change twice; name each at most once."
    if recipe.fine_tune_blocks > len(row.blocks):
        return (
            f"{row.title} has {len(row.blocks)} blocks to fine-tune; "
            f"fine_tune_blocks is {recipe.fine_tune_blocks}."
        )
    if (recipe.fine_tune_blocks == 0) != (recipe.fine_tune_epochs == 0):
        return (
            "fine_tune_blocks and fine_tune_epochs go together; "
            "set both above 0 to fine-tune, or both to 0."
        )
    if recipe.epochs == 0 and recipe.fine_tune_epochs == 0:
        return "epochs is 0 and nothing is fine-tuned, so nothing would be trained; raise epochs."
    if recipe.sweep and (recipe.optimizer == "adam" or recipe.epochs == 0):
        return "sweep chooses the head's weight decay; train a head, with 'adamw' or 'sgd'."
    if recipe.warmup_epochs and recipe.warmup_epochs >= max(recipe.epochs, 1):
        return (
            f"warmup_epochs ({recipe.warmup_epochs:g}) must be less than epochs ({recipe.epochs})."
        )
    decayed = recipe.weight_decay or (recipe.fine_tune_epochs and recipe.fine_tune_weight_decay)
    if recipe.optimizer == "adam" and decayed:
        return (
            "Adam has no decoupled weight decay; choose 'adamw', or set weight_decay and "
            "fine_tune_weight_decay to 0."
        )
    return None
