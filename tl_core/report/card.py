"""A run's model card: what it is, what it was made of, how good it is, and where it ends."""

import re
from collections.abc import Iterable

import numpy as np

from tl_core.backbones.table import BACKBONES
from tl_core.errors import TransferLabError
from tl_core.evaluation.calibration import FEWEST_TO_SCALE_BY
from tl_core.evaluation.confusion import most_confused
from tl_core.evaluation.document import ClassResult, Evaluation
from tl_core.runs.analysis import Analysis, analysis
from tl_core.runs.cost import in_batches
from tl_core.runs.documents import Outcome
from tl_core.runs.names import provenance, run_title
from tl_core.runs.store import Run
from tl_core.training.recipe import Recipe
from tl_core.wording import percent, with_interval

_SHOWN = 5


def model_card(run: Run) -> str:
    """Return the model card of a finished run in Markdown.

    Raises:
        TransferLabError: the run has no results, or its answers are damaged.
    """
    outcome, evaluation = run.outcome, run.evaluation
    if outcome is None or evaluation is None:
        state = run.problem or f"it is {run.status.said}"
        raise TransferLabError(f"Run {run.id} has no results to make a card of: {state}.")
    found = analysis(run)
    parts = [
        f"# {_plain(run_title(run))}",
        *_warnings(run, outcome),
        _what_it_is(run, outcome, evaluation),
        _data(outcome),
        _weights(run, outcome),
        _recipe(run.recipe.resolved(outcome.dataset.train)),
        _figures(outcome, evaluation),
        _calibration(found),
        _cost(outcome),
        _limits(run, outcome, evaluation),
        _made(run, outcome),
        _classes(outcome),
    ]
    return "\n\n".join(parts) + "\n"


def _warnings(run: Run, outcome: Outcome) -> list[str]:
    found = []
    if outcome.dataset.is_demo:
        found.append(
            "> **Demo data.** It was trained and tested on pictures made by code. The figures show "
            "how the product works and prove nothing about photographs."
        )
    if outcome.weights.kind == "random":
        found.append(
            "> **Random weights.** The backbone was not pretrained: this is a baseline, not a "
            "network to use."
        )
    if run.recorded:
        found.append("> **Recorded.** This run was made elsewhere; its model is not here.")
    return found


def _what_it_is(run: Run, outcome: Outcome, evaluation: Evaluation) -> str:
    row, data, recipe = BACKBONES[run.recipe.backbone], outcome.dataset, run.recipe
    start = (
        "pretrained on ImageNet" if outcome.weights.kind == "imagenet" else "with random weights"
    )
    blocks = recipe.fine_tune_blocks
    tuned = f", its last {'block' if blocks == 1 else f'{blocks} blocks'} fine-tuned"
    made = f"{row.title} {start}{tuned if blocks else ''}"
    side = data.resolution
    return (
        f"{made}, with a {recipe.head} head for the {len(data.class_names)} classes of "
        f"{_plain(data.title)}. It names {with_interval(evaluation.top1)} of "
        f"{evaluation.top1.n:,} test images right.\n\n"
        f"It takes raw RGB pictures, uint8 N×{side}×{side}×3, and gives a probability for each "
        "class:\n\n"
        "```python\n"
        'model = keras.saving.load_model("model.keras", compile=False)\n'
        'names = json.load(open("outcome.json"))["dataset"]["class_names"]\n'
        "probabilities = model.predict(pictures)\n"
        "answers = [names[number] for number in probabilities.argmax(1)]\n"
        "```\n\n"
        "Both files lie in the run's folder; the classes in their order stand at the end."
    )


def _data(outcome: Outcome) -> str:
    data = outcome.dataset
    return "## Data\n\n" + _table(
        [
            ("Data set", data.title),
            ("Classes", f"{len(data.class_names)}: {_few(data.class_names)}"),
            ("Training images", f"{data.train:,}"),
            ("Validation images", f"{data.validation:,}; not trained on"),
            ("Test images", f"{data.test:,}; used once, they chose nothing"),
            ("Pictures", f"{data.resolution}×{data.resolution} pixels"),
            ("Passed over", f"{len(data.skipped):,} files that could not be read"),
            ("Fingerprint", data.fingerprint),
            ("Fingerprint of the test set", data.test_fingerprint),
        ]
    )


def _weights(run: Run, outcome: Outcome) -> str:
    row, weights = BACKBONES[run.recipe.backbone], outcome.weights
    return "## Weights\n\n" + _table(
        [
            ("Backbone", f"{row.title} ({row.year})"),
            ("Started from", weights.kind),
            ("File", weights.file or "none"),
            ("sha256", weights.sha256 or "none"),
            ("Bytes", "none" if weights.bytes is None else f"{weights.bytes:,}"),
            ("Licence of the weights", row.licence if weights.kind == "imagenet" else "none"),
            ("Paper", row.paper),
        ]
    )


def _recipe(recipe: Recipe) -> str:
    chosen = recipe.model_dump(mode="json", exclude={"version", "dataset"})
    rows = [(name.replace("_", " "), _value(value)) for name, value in chosen.items()]
    return "## Recipe\n\n" + _table(rows)


def _figures(outcome: Outcome, evaluation: Evaluation) -> str:
    ordered = sorted((row for row in evaluation.classes if row.support), key=lambda r: r.accuracy)
    parts = [
        "## Figures\n\nOn the test set, with 95 % Wilson intervals.\n\n"
        + _table(
            [
                ("Top-1 accuracy", with_interval(evaluation.top1)),
                *([("Top-5 accuracy", with_interval(evaluation.top5))] if len(ordered) > 5 else []),
                ("Macro F1", percent(evaluation.macro_f1)),
                ("Log loss", f"{evaluation.loss:.3f} nats"),
                (
                    "Validation accuracy",
                    f"{percent(outcome.val_accuracy)} of {outcome.dataset.validation:,} images",
                ),
                ("Epoch kept", f"{outcome.best_epoch} of {outcome.epochs}"),
            ]
        ),
        "Hardest classes: " + _listed(_of_its_images(row) for row in ordered[:_SHOWN]),
        "Easiest classes: " + _listed(_of_its_images(row) for row in ordered[: -_SHOWN - 1 : -1]),
    ]
    confused = _confused(evaluation)
    return "\n\n".join(parts + ([f"Most confused: {confused}"] if confused else []))


def _of_its_images(row: ClassResult) -> str:
    return f"{row.name} {100 * row.accuracy:.0f} % of {row.support:,}"


def _confused(evaluation: Evaluation) -> str:
    names = [row.name for row in evaluation.classes]
    pairs = most_confused(np.array(evaluation.confusion, dtype=np.int64), _SHOWN)
    return _listed(f"{names[p.label]} called {names[p.answer]} ({p.count}×)" for p in pairs)


def _calibration(found: Analysis) -> str:
    before, after = found.believable.before, found.believable.after
    temperature = found.believable.temperature
    rows = (
        ("Expected calibration error, 15 equal bins", "ece", percent),
        ("The same, adaptive bins", "adaptive_ece", percent),
        ("Brier score", "brier", "{:.3f}".format),
        ("Log loss (nats)", "loss", "{:.3f}".format),
    )
    body = "".join(
        f"| {name} | {shown(getattr(before, attribute))} | "
        f"{shown(getattr(after, attribute)) if after else '–'} |\n"
        for name, attribute, shown in rows
    )
    scaled = (
        "No temperature was fitted: its answers to the validation set are not stored, are fewer "
        f"than {FEWEST_TO_SCALE_BY}, or are all right."
        if temperature is None
        else f"Temperature fitted on the validation images: {temperature:.2f} (above 1: it is too "
        "sure as it is). The saved model is not scaled."
    )
    return f"## Calibration\n\n|  | as it is | scaled |\n|---|---|---|\n{body}\n{scaled}"


def _cost(outcome: Outcome) -> str:
    cost = outcome.cost
    return "## Cost\n\n" + _table(
        [
            (
                "One picture, warm",
                f"{cost.ms_per_image:.1f} ms, 95 % under {cost.ms_per_image_p95:.1f} ms",
            ),
            ("In batches", in_batches(cost.images_per_second, cost.images_per_second_p5)),
            (
                "Training, from start to saved model",
                f"{sum(cost.seconds.values()) / 60:.1f} minutes",
            ),
            ("Parameters", f"{cost.parameters:,}, {cost.trained_parameters:,} of them trained"),
            ("File", f"{cost.model_bytes / 1e6:.1f} MB"),
            ("Memory while training", f"{cost.peak_memory_bytes / 1e6:,.0f} MB at most"),
        ]
    )


def _limits(run: Run, outcome: Outcome, evaluation: Evaluation) -> str:
    data = outcome.dataset
    limits = [
        f"It knows {len(data.class_names)} classes and answers with one of them whatever it sees.",
        f"It was tested on {data.test:,} images of {_plain(data.title)} alone. Other cameras, "
        "places or sizes of picture may be harder, and nothing here says by how much.",
        "The intervals tell how far chance in the choice of test images may reach. They leave out "
        f"what another seed would change: this is the one with seed {run.recipe.seed}.",
    ]
    unseen = sum(row.support == 0 for row in evaluation.classes)
    if unseen:
        limits.append(f"{unseen} classes have no test image, so nothing is known about them.")
    if data.resolution < 64:
        limits.append(
            f"It was trained on pictures of {data.resolution}×{data.resolution} pixels; larger "
            "ones are made that small first and lose what makes them clear."
        )
    if outcome.saved_model_agreement < 1:
        limits.append(
            f"The saved model gives the recorded answer on "
            f"{percent(outcome.saved_model_agreement)} of the checked pictures: the frozen "
            "backbone was computed in another engine or precision."
        )
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _made(run: Run, outcome: Outcome) -> str:
    rows = [
        ("Run", run.id),
        ("Made on", provenance(run)),
        ("Engine", f"{outcome.engine}, {outcome.precision}"),
        *((f"Version of {name}", version) for name, version in outcome.versions.items()),
        *(("Note", note) for note in outcome.notes),
    ]
    return "## How it was made\n\n" + _table(rows)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"| {_plain(name)} | {_plain(value)} |\n" for name, value in rows)
    return f"|  |  |\n|---|---|\n{body}".rstrip("\n")


def _value(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _classes(outcome: Outcome) -> str:
    names = outcome.dataset.class_names
    numbered = ", ".join(f"{number} {_plain(name)}" for number, name in enumerate(names))
    return f"## Classes\n\nIn the order of the model's probabilities: {numbered}."


def _few(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _listed(items: Iterable[str]) -> str:
    return ", ".join(map(_plain, items))


def _plain(text: str) -> str:
    """Return `text` so that Markdown shows it as it stands, on one line."""
    one_line = " ".join(text.split()).replace("&", "&amp;")
    return re.sub(r"([\\`*_{}\[\]<>#|~$!])", r"\\\1", one_line)
