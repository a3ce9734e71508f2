"""`tl labels`: how accuracy grows with the number of labelled images."""

from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from tl_core.backbones.table import BACKBONES
from tl_core.cli.app import app
from tl_core.cli.follow import watching
from tl_core.cli.output import Json, err, out, print_json, print_table, share
from tl_core.cli.quiet import start_tensorflow
from tl_core.data import Dataset
from tl_core.errors import TransferLabError
from tl_core.evaluation.document import LabelPoint
from tl_core.files import write_text
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.labels import LabelStudy, keep_study
from tl_core.runs.store import Run, get_run
from tl_core.training.data import open_data
from tl_core.training.presets import preset_choices
from tl_core.training.recipe import Recipe, make_recipe


@app.command()
def labels(
    target: Annotated[
        str, typer.Argument(metavar="RUN|BACKBONE", help="A run, or a backbone's `frozen` recipe.")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Another data set than the run's. [cifar100]")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="`imagenet` or `random`.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Subsets drawn at each count.")] = 3,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw the curve into this HTML file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how many labelled images are needed: accuracy with 1, 2, 5 … images of each class.

    The backbone stays frozen, and every head sees the same cached features. Asked of a run as it
    is, the answer is kept with it and shown where it is compared.
    """
    from tl_core.training.label_study import label_study

    run = None if target in BACKBONES else get_run(target)
    recipe = _recipe(target, run, dataset, weights)
    start_tensorflow()
    with watching() as progress:
        data = open_data(recipe, progress)
        points = label_study(recipe, data, progress, seeds=seeds)
    if run is not None and recipe == run.recipe:
        kept = _keep(run, data, points)
        err().print(kept or f"The study is kept with run {run.id}; Compare shows it under Curves.")
    if figure is not None:
        from tl_core.figures.labels import LabelCurve, label_curves

        curve = LabelCurve(
            BACKBONES[recipe.backbone].title,
            recipe.backbone,
            tuple(point.per_class for point in points),
            tuple(point.accuracies for point in points),
        )
        write_text(figure, label_curves([curve]).to_html(include_plotlyjs=True))
        err().print(f"The curve is in {figure}")
    if as_json:
        print_json(
            {
                "backbone": recipe.backbone,
                "dataset": recipe.dataset,
                "demo": data.is_demo,
                "test_images": len(data.test),
                "points": [
                    {"per_class": point.per_class, "top1": list(point.accuracies)}
                    for point in points
                ],
            }
        )
        return
    if data.is_demo:
        out().print("Demo data: these figures say nothing about real pictures.")
    print_table(
        ("labelled of each class", "top-1, mean", "lowest", "highest", "deviation over seeds"),
        [
            (
                point.per_class,
                share(mean(point.accuracies)),
                share(min(point.accuracies)),
                share(max(point.accuracies)),
                share(stdev(point.accuracies)) if seeds > 1 else None,
            )
            for point in points
        ],
    )


def _keep(run: Run, data: Dataset, points: tuple[LabelPoint, ...]) -> str | None:
    """Keep the study with `run`; returns a sentence where it does not belong to its results."""
    outcome = run.outcome
    if outcome is None:
        return f"Run {run.id} is {run.status.said}, so the study is not kept with it."
    info = dataset_info(data)
    then = outcome.dataset
    if (info.fingerprint, info.test_fingerprint) != (then.fingerprint, then.test_fingerprint):
        return (
            f"{then.title} has other images here now than run {run.id} was trained and tested on, "
            "so the study is not kept with it."
        )
    keep_study(run, LabelStudy(test_images=len(data.test), points=points))
    return None


def _recipe(target: str, run: Run | None, dataset: str | None, weights: str | None) -> Recipe:
    if run is None:
        choices = preset_choices("frozen", target)
    else:
        if run.problem:
            raise TransferLabError(f"Run {run.id} cannot be read: {run.problem}")
        choices = run.recipe.model_dump(exclude_unset=True)
    changed = {"dataset": dataset, "weights": weights}
    return make_recipe(**choices | {name: value for name, value in changed.items() if value})
