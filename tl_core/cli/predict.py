"""`tl predict`: what trained models see in pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import HowToFit, Images, RunsToAsk, files_in, runs_to_ask
from tl_core.cli.output import Json, err, print_json, print_table, printable, share
from tl_core.cli.quiet import start_tensorflow
from tl_core.data.images import Fit, read_image
from tl_core.errors import UnreadableImage
from tl_core.inference.answers import Answer, perhaps_none, read_answer
from tl_core.inference.predictor import Predictor
from tl_core.runs.analysis import temperature
from tl_core.runs.store import Run


@dataclass(frozen=True)
class _Answer:
    image: Path
    run: Run
    said: Answer
    milliseconds: float


@app.command()
def predict(
    images: Images,
    run: RunsToAsk = None,
    top: Annotated[int, typer.Option(min=1, help="Answers to show.")] = 5,
    fit: HowToFit = "crop",
    as_json: Json = False,
) -> None:
    """Ask trained models what is in pictures, and how far to believe them.

    'calibrated' is the probability of the best answer after temperature scaling on validation.
    """
    runs = runs_to_ask(run or [])
    start_tensorflow()
    predictor = Predictor(max_models=len(runs))
    failed: dict[str, str] = {}
    answers: list[_Answer] = []
    for path in files_in(images):
        try:
            answers += _ask(predictor, path, runs, top, fit)
        except UnreadableImage as error:
            failed[str(path)] = str(error)
            err().print(printable(str(error)))
    if as_json:
        print_json({"answers": [_plain(a) for a in answers], "unreadable": failed})
    elif answers:
        print_table(
            ("image", "run", "calibrated", *(f"{place}." for place in range(1, top + 1)), "ms"),
            [_row(answer, top) for answer in answers],
        )
        _print_doubts(answers)
        if any(run.recipe.dataset == "demo" for run in runs):
            err().print("Trained on demo data: the answers prove nothing about photographs.")
    if failed:
        raise typer.Exit(1)


def _ask(
    predictor: Predictor, path: Path, runs: list[Run], top: int, fit: Fit
) -> Iterator[_Answer]:
    for run in runs:
        assert run.outcome is not None
        data = run.outcome.dataset
        picture = read_image(path, data.resolution, fit)
        prediction = predictor.predict(run.model_path, picture[None])
        said = read_answer(prediction.probabilities[0], data.class_names, temperature(run), top)
        yield _Answer(path, run, said, prediction.ms_per_image)


def _print_doubts(answers: list[_Answer]) -> None:
    by_image: dict[Path, list[Answer]] = {}
    for answer in answers:
        by_image.setdefault(answer.image, []).append(answer.said)
    for image, said in by_image.items():
        if perhaps_none(said):
            err().print(printable(f"{image}: perhaps none of the classes; every model is unsure."))


def _row(answer: _Answer, top: int) -> tuple[object, ...]:
    said = answer.said
    best = zip(said.classes, said.probabilities, strict=True)
    cells = [f"{name} {share(chance)}" for name, chance in best]
    cells += [""] * (top - len(cells))
    sure = share(said.confidence if said.calibrated else None)
    return answer.image, answer.run.id, sure, *cells, f"{answer.milliseconds:.1f}"


def _plain(answer: _Answer) -> dict[str, Any]:
    said = answer.said
    return {
        "image": str(answer.image),
        "run": answer.run.id,
        "backbone": answer.run.recipe.backbone,
        "demo": answer.run.recipe.dataset == "demo",
        "top": [
            {"class": name, "probability": chance}
            for name, chance in zip(said.classes, said.probabilities, strict=True)
        ],
        "confidence": said.confidence,
        "calibrated": said.calibrated,
        "ms": answer.milliseconds,
    }
