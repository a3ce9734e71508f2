"""Real pictures and real pretrained weights: the figures the README rests on, in small."""

from dataclasses import replace

import pytest

from tl_core.data import open_dataset
from tl_core.progress import Progress
from tl_core.training.recipe import make_recipe
from tl_core.training.train import train

pytestmark = pytest.mark.real


# One engine: trying them all out takes longer than so few images do.
SMALL = {
    "limit": 2000,
    "input_size": 64,
    "epochs": 10,
    "engine": "openvino",
    "precision": "float32",
}


def accuracy(**choices: object) -> float:
    recipe = make_recipe(**SMALL | choices)
    dataset = open_dataset("cifar100", seed=recipe.seed, limit=recipe.limit)
    dataset = replace(dataset, test=dataset.test[::10])
    trained = train(recipe, dataset, Progress())
    answers = trained.answer(dataset.test, "test").argmax(1)
    return float((answers == dataset.labels[dataset.test]).mean())


def test_pretrained_weights_beat_random_ones_by_far() -> None:
    pretrained = accuracy(backbone="mobilenet_v2")
    assert pretrained > 0.4
    assert pretrained > 3 * accuracy(backbone="mobilenet_v2", weights="random")


def test_vgg16_learns_from_its_real_weights() -> None:
    assert accuracy(backbone="vgg16", input_size=32, limit=1000) > 0.2
