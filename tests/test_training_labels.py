"""How many labels are needed: subsets that nest, and accuracy that grows with them."""

import json
from dataclasses import replace
from itertools import pairwise
from time import sleep

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from tl_core.backbones.table import backbone
from tl_core.backbones.weights import find_weights
from tl_core.cli.commands import app
from tl_core.data import open_dataset
from tl_core.errors import Stopped
from tl_core.features.extract import extract
from tl_core.figures.labels import LabelCurve, label_curves
from tl_core.progress import Progress
from tl_core.training import label_study as study
from tl_core.training.batches import Examples
from tl_core.training.head import build_head
from tl_core.training.label_study import first_of_each_class, label_study
from tl_core.training.loop import Loop
from tl_core.training.presets import preset_choices
from tl_core.training.recipe import make_recipe


def test_each_class_gives_as_many_and_the_subsets_of_a_seed_nest() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 400)
    rows = np.arange(0, 400, 2)
    few, more, other = (
        first_of_each_class(labels, rows, count, seed) for count, seed in ((3, 7), (10, 7), (3, 8))
    )
    assert np.bincount(labels[few]).tolist() == [3] * 5
    assert np.bincount(labels[more]).tolist() == [10] * 5
    assert set(few) < set(more) <= set(rows)
    assert set(few) != set(other)


@pytest.mark.parametrize("count", [1, 25])
def test_counts_may_use_up_a_class(count: int) -> None:
    labels = np.repeat(np.arange(4), 25)
    chosen = first_of_each_class(labels, np.arange(100), count, 0)
    assert np.bincount(labels[chosen]).tolist() == [count] * 4


def test_the_curve_shows_means_and_extremes() -> None:
    curve = LabelCurve("VGG16", "vgg16", (1, 10), ((0.1, 0.3), (0.5, 0.7)))
    trace = label_curves([curve]).data[0]
    assert trace.y == pytest.approx((20, 60))
    assert trace.error_y.array == pytest.approx((10, 10))
    assert trace.error_y.arrayminus == pytest.approx((10, 10))


@pytest.mark.real
def test_few_labels_serve_as_well_as_in_logistic_regression() -> None:
    """With the rate that suits 45,000 images, ten points were lost at five labels a class."""
    recipe = make_recipe(**preset_choices("frozen", "mobilenet_v2"))
    whole = open_dataset("cifar100")
    of_class = [whole.train[whole.labels[whole.train] == label][:5] for label in range(100)]
    data = replace(
        whole,
        train=np.concatenate(of_class),
        validation=whole.validation[:100],
        test=whole.test[:2000],
    )
    (point,) = label_study(recipe, data, Progress(), counts=(5,), seeds=2)

    row = backbone("mobilenet_v2")
    weights = find_weights(row, "imagenet", recipe.size)

    def features(indices: np.ndarray) -> np.ndarray:
        pooled = recipe.pooled_layers
        return np.asarray(
            extract(data, indices, row, weights, recipe.size, pooled=pooled).values, np.float32
        )

    known = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    known.fit(features(data.train), data.labels[data.train])
    reference = known.score(features(data.test), data.labels[data.test])
    assert np.mean(point.accuracies) > reference - 0.03


class Stopping(Progress):
    def begin(self, phase: str, total: int, unit: str) -> None:
        self.phase = phase

    def advance(self, done: int, **_: float) -> None:
        if self.phase == "head":
            raise Stopped("A stop was asked for.")


def small(head: str = "linear") -> tuple:
    recipe = make_recipe(
        backbone="mobilenet_v2",
        weights="random",
        input_size=32,
        head=head,
        dropout=0.2,
        dataset="demo",
    )
    whole = open_dataset("demo")
    few = first_of_each_class(whole.labels, whole.train, 6, 0)
    return recipe, replace(whole, train=few, test=whole.test[:200])


def test_heads_trained_beside_each_other_are_those_trained_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, data = small(head="mlp")
    monkeypatch.setattr(study, "_STEPS", ((None, 60),))

    def slowly(*choices: object, **named: object) -> object:
        sleep(0.05)
        return build_head(*choices, **named)

    # Another head's seed would have the time to come between this one's and its first weights.
    monkeypatch.setattr(study, "build_head", slowly)
    beside = label_study(recipe, data, Progress(), counts=(1, 4), seeds=3)
    monkeypatch.setattr(study, "_AT_ONCE", 1)
    assert label_study(recipe, data, Progress(), counts=(1, 4), seeds=3) == beside
    assert len({accuracy for point in beside for accuracy in point.accuracies}) > 2


def test_a_stop_leaves_the_other_heads_untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, data = small()
    finished = []
    answers = Loop.probabilities

    def counting(self: Loop, examples: Examples, view: int = 0) -> np.ndarray:
        finished.append(1)
        return answers(self, examples, view)

    monkeypatch.setattr(Loop, "probabilities", counting)
    with pytest.raises(Stopped):
        label_study(recipe, data, Stopping(), counts=(4,), seeds=12)
    # Those that were all but trained by then may end.
    assert 1 <= len(finished) <= 4


@pytest.mark.real
def test_more_labels_give_more_accuracy() -> None:
    arguments = ["labels", "mobilenet_v2", "--dataset", "demo", "--seeds", "2", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    means = [np.mean(point["top1"]) for point in found["points"]]
    assert [point["per_class"] for point in found["points"]] == [1, 2, 5, 10, 25, 50]
    assert found["demo"] and found["test_images"] == 2000
    assert all(later > earlier for earlier, later in pairwise(means))
    assert means[-1] > 0.6
