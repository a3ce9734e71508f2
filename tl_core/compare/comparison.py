"""Comparing runs: the sentence first, then every figure behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tl_core.compare.differences import differences
from tl_core.compare.document import (
    ComparedRun,
    Comparison,
    Costs,
    Data,
    ShownPair,
    SuperclassTable,
)
from tl_core.compare.selection import candidate
from tl_core.compare.words import caveats, verdict
from tl_core.errors import TransferLabError
from tl_core.evaluation.classes import class_table, superclass_accuracies
from tl_core.evaluation.comparable import Candidate, LeftOut, comparable
from tl_core.evaluation.confusion import (
    ConfusedPair,
    by_superclass,
    most_confused,
    most_confused_superclasses,
)
from tl_core.evaluation.document import Evaluation
from tl_core.evaluation.intervals import wilson_bounds
from tl_core.evaluation.mistakes import Gallery, Told, told
from tl_core.evaluation.pareto import COSTS, pareto_front
from tl_core.evaluation.ranking import checked_probabilities
from tl_core.evaluation.reference import notebook
from tl_core.evaluation.seeds import SeedGroup, seed_groups
from tl_core.evaluation.significance import compare_pairs, verdict_matrix
from tl_core.evaluation.together import agreements, together
from tl_core.runs.analysis import analysis
from tl_core.runs.documents import Outcome
from tl_core.runs.labels import stored_study
from tl_core.runs.names import run_title
from tl_core.runs.store import PREDICTIONS, Run

_PICTURES_OF_A_PAIR = 6

# The notebook was tested on these pictures: beside others its figures mean nothing.
_NOTEBOOKS_DATA = "cifar100"


@dataclass(frozen=True)
class _Tested:
    """A run with everything that is stored of it."""

    run: Run
    outcome: Outcome
    evaluation: Evaluation
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    told: Told


def compare(runs: Sequence[Run]) -> Comparison:
    """Return everything there is to say about these runs beside each other.

    Runs that cannot be compared with the others are left out, each with the reason. Of several
    seeds of one recipe the lowest stands for all.

    Raises:
        TransferLabError: none of the runs can be compared.
    """
    tested, left_out = _select(list(dict.fromkeys(runs)))
    if not tested:
        reasons = " ".join(f"{found.run}: {found.why}" for found in left_out)
        raise TransferLabError(
            f"There is nothing to compare. {reasons or 'Choose at least one finished run.'}"
        )
    groups = _seeds(tested)
    left_out += [
        LeftOut(
            run=repeat,
            why=f"It repeats {group.representative} with the same recipe and seed.",
        )
        for group in groups.values()
        for repeat in group.repeats
    ]
    rivals = sorted(
        (found for found in tested if found.run.id in groups),
        key=lambda found: -found.evaluation.top1.value,
    )
    return _compared(rivals, [groups[found.run.id] for found in rivals], left_out)


def _compared(
    rivals: list[_Tested], groups: list[SeedGroup], left_out: list[LeftOut]
) -> Comparison:
    labels = rivals[0].labels
    probabilities = [found.probabilities for found in rivals]
    gallery = Gallery([found.told for found in rivals], labels)
    right = gallery.answers == labels
    pairs = compare_pairs(right)
    evaluations = [found.evaluation for found in rivals]
    data = rivals[0].outcome.dataset
    compared = tuple(
        _run(found, place, group, gallery)
        for place, (found, group) in enumerate(zip(rivals, groups, strict=True))
    )
    marks = [notebook(found.run.recipe.backbone) for found in rivals]
    return Comparison(
        verdict=verdict(compared, right, pairs),
        caveats=caveats(compared, data.is_demo),
        data=Data(
            name=data.name,
            title=data.title,
            is_demo=data.is_demo,
            test_images=len(labels),
            class_names=data.class_names,
            coarse_names=data.coarse_names,
            coarse_of_class=data.coarse_of_class,
        ),
        runs=compared,
        differences=differences([(found.run.recipe, found.outcome) for found in rivals]),
        left_out=tuple(left_out),
        pairs=pairs,
        verdicts=tuple(tuple(row) for row in verdict_matrix(pairs, len(rivals))),
        costs=_costs(rivals),
        references=tuple(
            mark for mark in dict.fromkeys(marks) if mark and data.name == _NOTEBOOKS_DATA
        ),
        superclasses=_superclasses(evaluations),
        classes=class_table(evaluations),
        hardest=gallery.hardest(),
        agreement=agreements(gallery.answers),
        together=together(probabilities, labels) if len(rivals) > 1 else None,
    )


def _select(runs: Sequence[Run]) -> tuple[list[_Tested], list[LeftOut]]:
    """Return the runs that can be compared with what is stored of them, and those left out."""
    tested: dict[str, _Tested] = {}
    candidates = []
    for run in runs:
        found = candidate(run)
        if found.obstacle is None:
            try:
                tested[run.id] = _read(run)
            except TransferLabError as error:
                found = Candidate(run.id, str(error))
        candidates.append(found)
    kept, left_out = comparable(candidates)
    chosen = [tested[found.run] for found in kept]
    for other in chosen[1:]:
        if not np.array_equal(other.labels, chosen[0].labels):
            raise TransferLabError(
                f"Runs {chosen[0].run.id} and {other.run.id} say that they were tested on the "
                "same images, but their stored labels differ; one of them is damaged, so train it "
                "again."
            )
    return chosen, list(left_out)


def _read(run: Run) -> _Tested:
    outcome, evaluation = run.outcome, run.evaluation
    assert outcome is not None
    assert evaluation is not None
    path = run.folder / PREDICTIONS
    answers = _answers(run, path.stat().st_mtime_ns if path.exists() else 0)
    _check(outcome, evaluation, classes=answers[0].shape[1])
    return _Tested(run, outcome, evaluation, *answers)


# Who takes a run away, or adds one, compares the others again. Each may hold 8 MB.
@lru_cache(maxsize=12)
def _answers(run: Run, changed: int) -> tuple[NDArray[np.float64], NDArray[np.int64], Told]:
    """Return the run's probabilities and labels for the test set, `changed` at that time."""
    probabilities, labels = run.predictions()
    # Checked again by each figure that is made of them, which takes less time in this precision.
    checked = checked_probabilities(probabilities)
    for array in (checked, labels):
        array.flags.writeable = False
    return checked, labels, told(checked, labels)


def _check(outcome: Outcome, evaluation: Evaluation, classes: int) -> None:
    """Raise TransferLabError where what is stored of a run does not fit together."""
    names = outcome.dataset.class_names
    coarse = tuple(found.name for found in evaluation.superclasses)
    fits = (
        tuple(found.name for found in evaluation.classes) == names
        and coarse == (outcome.dataset.coarse_names if coarse else ())
        and {len(row) for row in evaluation.confusion} == {len(evaluation.confusion)}
        and len(evaluation.confusion) == len(names) == classes
    )
    if not fits:
        raise TransferLabError(
            "Its stored classes, figures and answers do not fit together; train it again."
        )


def _seeds(tested: Sequence[_Tested]) -> dict[str, SeedGroup]:
    """Return the seed groups by their representative; recorded runs are groups of their own."""
    return {
        group.representative: group
        for recorded in (False, True)
        for group in seed_groups(
            [
                (
                    found.run.id,
                    found.run.recipe,
                    f"{found.outcome.dataset.fingerprint} {found.outcome.weights.sha256}",
                    found.evaluation.top1.value,
                )
                for found in tested
                if found.run.recorded is recorded
            ]
        )
    }


def _run(found: _Tested, place: int, group: SeedGroup, gallery: Gallery) -> ComparedRun:
    run, outcome, evaluation = found.run, found.outcome, found.evaluation
    recipe, cost, data = run.recipe, outcome.cost, outcome.dataset
    stored = analysis(run)
    matrix = np.array(evaluation.confusion, dtype=np.int64)
    coarse = None
    confused: tuple[ConfusedPair, ...] = ()
    if data.coarse_of_class is not None:
        superclasses = len(data.coarse_names)
        coarse = by_superclass(matrix, data.coarse_of_class, superclasses).tolist()
        confused = most_confused_superclasses(matrix, data.coarse_of_class, superclasses)
    val_low, val_high = wilson_bounds(outcome.val_accuracy, data.validation)
    return ComparedRun(
        run=run.id,
        title=run_title(run),
        recorded=run.recorded,
        backbone=recipe.backbone,
        preset=recipe.preset,
        weights=outcome.weights.kind,
        seed=recipe.seed,
        top1=evaluation.top1,
        top5=evaluation.top5,
        loss=evaluation.loss,
        macro_f1=evaluation.macro_f1,
        val_accuracy=outcome.val_accuracy,
        val_interval=(float(val_low), float(val_high)),
        best_epoch=outcome.best_epoch,
        epochs=outcome.epochs,
        training_images=data.train,
        cached_features=outcome.cached_features,
        saved_model_agreement=outcome.saved_model_agreement,
        minutes=sum(cost.seconds.values()) / 60,
        seconds=cost.seconds,
        estimated_seconds=outcome.estimated_seconds,
        ms_per_image=cost.ms_per_image,
        ms_per_image_p95=cost.ms_per_image_p95,
        images_per_second=cost.images_per_second,
        images_per_second_p5=cost.images_per_second_p5,
        parameters=cost.parameters,
        megabytes=cost.model_bytes / 1e6,
        machine=outcome.machine,
        seeds=group,
        curve=stored.curve,
        labels=stored_study(run),
        believable=stored.believable,
        coverage=stored.coverage,
        confusion=evaluation.confusion,
        superclass_confusion=coarse,
        most_confused=tuple(
            ShownPair(
                **dict(pair),
                positions=gallery.of_pair(place, pair.label, pair.answer, _PICTURES_OF_A_PAIR),
            )
            for pair in most_confused(matrix)
        ),
        most_confused_superclasses=confused,
        only_right=gallery.only_right(place),
        confident_mistakes=gallery.confident_mistakes(place),
    )


def _costs(rivals: Sequence[_Tested]) -> dict[str, Costs]:
    accuracies = [found.evaluation.top1.value for found in rivals]
    values = {
        name: tuple(kind.of(found.outcome.cost) for found in rivals) for name, kind in COSTS.items()
    }
    return {
        name: Costs(
            title=kind.title,
            unit=kind.unit,
            values=values[name],
            front=tuple(pareto_front(values[name], accuracies)),
        )
        for name, kind in COSTS.items()
    }


def _superclasses(evaluations: Sequence[Evaluation]) -> SuperclassTable | None:
    names, shares = superclass_accuracies(evaluations)
    if not names:
        return None
    low, high = wilson_bounds(shares, [[row.support] for row in evaluations[0].superclasses])
    return SuperclassTable(
        names=names,
        low=tuple(map(tuple, low.tolist())),
        high=tuple(map(tuple, high.tolist())),
        supports=tuple(row.support for row in evaluations[0].superclasses),
        accuracies=tuple(
            tuple(None if np.isnan(share) else float(share) for share in row) for row in shares
        ),
    )
