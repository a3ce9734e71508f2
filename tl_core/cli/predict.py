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
from tl_core.evaluation.ranking import top_answers
from tl_core.inference.predictor import Predictor
from tl_core.runs.store import Run


@dataclass(frozen=True)
class _Answer:
    image: Path
    run: Run
    classes: list[tuple[str, float]]
    milliseconds: float


@app.command()
def predict(
    images: Images,
    run: RunsToAsk = None,
    top: Annotated[int, typer.Option(min=1, help="Answers to show.")] = 5,
    fit: HowToFit = "crop",
    as_json: Json = False,
) -> None:
    """Ask trained models what is in pictures."""
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
            err().print(printable(f"{path}: {error}"))
    if as_json:
        print_json({"answers": [_plain(a) for a in answers], "unreadable": failed})
    elif answers:
        print_table(
            ("image", "run", *(f"{place}." for place in range(1, top + 1)), "ms"),
            [_row(answer, top) for answer in answers],
        )
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
        best = top_answers(prediction.probabilities, top)[0]
        chances = [float(prediction.probabilities[0, number]) for number in best]
        names = [data.class_names[number] for number in best]
        yield _Answer(path, run, list(zip(names, chances, strict=True)), prediction.ms_per_image)


def _row(answer: _Answer, top: int) -> tuple[object, ...]:
    cells = [f"{name} {share(chance)}" for name, chance in answer.classes]
    cells += [""] * (top - len(cells))
    return answer.image, answer.run.id, *cells, f"{answer.milliseconds:.1f}"


def _plain(answer: _Answer) -> dict[str, Any]:
    return {
        "image": str(answer.image),
        "run": answer.run.id,
        "backbone": answer.run.recipe.backbone,
        "demo": answer.run.recipe.dataset == "demo",
        "top": [{"class": name, "probability": chance} for name, chance in answer.classes],
        "ms": answer.milliseconds,
    }
