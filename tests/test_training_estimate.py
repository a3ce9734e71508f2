"""What a run is expected to take on a machine that has not run it yet, and on one that has."""

from pathlib import Path

import pytest

from tl_core import processor
from tl_core.training import rates
from tl_core.training.estimate import estimate
from tl_core.training.recipe import make_recipe

RECIPE = make_recipe(backbone="mobilenet_v2", test_views=True)


@pytest.fixture(autouse=True)
def nothing_remembered(own_folders: Path) -> None:
    """Every test begins on a machine that has run nothing."""


def test_a_processor_that_multiplies_no_bfloat16_is_expected_to_be_slower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def features(known: bool) -> float:
        monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: known)
        return estimate(RECIPE, 50_000, 10_000).phases["features"]

    assert features(False) == pytest.approx(3 * features(True))


def test_its_own_rates_are_taken_once_there_are_any() -> None:
    assert not estimate(RECIPE, 50_000, 10_000).measured
    rates.remember(rates.features_key(RECIPE), 1000, 2)
    rates.remember(rates.head_key(RECIPE, 45_000), 100_000, 2)
    found = estimate(RECIPE, 50_000, 10_000)
    assert found.measured
    # All labelled images, mirror images of the tenth that validates, and two views of the test set.
    assert found.phases["features"] == pytest.approx(55_000 / 500)
    assert found.phases["test"] == pytest.approx(20_000 / 500)
    assert found.phases["head"] == pytest.approx(10 * 50_000 / 50_000)


def test_a_head_on_few_images_does_not_say_how_fast_one_on_many_is() -> None:
    many = estimate(RECIPE, 50_000, 10_000).phases["head"]
    rates.remember(rates.head_key(RECIPE, 90), 20_000, 8)
    assert estimate(RECIPE, 50_000, 10_000).phases["head"] == many
    assert estimate(RECIPE, 100, 100).phases["head"] == pytest.approx(10 * 100 / 2_500)
    # Nothing of its own: as many steps take as long, whatever they hold.
    small = make_recipe(backbone="vgg16", epochs=200)
    assert estimate(small, 100, 100).phases["head"] > 3
