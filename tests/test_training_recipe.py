import pytest

from tl_core.backbones.table import BACKBONES
from tl_core.errors import TransferLabError
from tl_core.training.presets import PRESETS, preset_choices
from tl_core.training.recipe import Recipe, make_recipe


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"backbone": "resnet5"}, "no backbone 'resnet5'"),
        ({"colour": 3}, "no field 'colour'"),
        ({"epochs": "many"}, "^epochs is 'many'; it must be a whole number.$"),
        ({"epochs": 2.5}, "^epochs is 2.5; it must be a whole number.$"),
        ({"epochs": -1}, "^epochs is -1; it must be at least 0.$"),
        ({"batch_size": 9000}, "^batch_size is 9000; it must be at most 8192.$"),
        ({"dropout": 1.0}, "^dropout is 1.0; it must be less than 1.$"),
        ({"learning_rate": 0}, "^learning_rate is 0; it must be more than 0.$"),
        ({"learning_rate": "fast"}, "^learning_rate is 'fast'; it must be a number.$"),
        ({"test_views": "perhaps"}, "^test_views is 'perhaps'; it must be true or false.$"),
        ({"epochs": -1, "seed": -1}, "^epochs is -1; .* seed is -1; it must be at least 0.$"),
        ({"input_size": 16}, "input_size is 16"),
        ({"hidden_units": 64}, "hidden_units belongs to the head 'mlp'"),
        ({"batch_norm": True}, "batch_norm belongs to the head 'mlp'"),
        ({"augmentation": ("flip", "flip")}, "twice"),
        ({"fine_tune_blocks": 99, "fine_tune_epochs": 1}, "blocks to fine-tune"),
        ({"fine_tune_blocks": 1}, "go together"),
        ({"fine_tune_epochs": 1}, "go together"),
        ({"epochs": 0}, "nothing would be trained"),
        ({"warmup_epochs": 15}, "must be less than epochs"),
        ({"optimizer": "adam"}, "no decoupled weight decay"),
        ({"precision": "int8", "engine": "keras"}, "no int8"),
        ({"sweep": True, "optimizer": "adam", "weight_decay": 0.0}, "sweep chooses"),
        ({"optimizer": "lion"}, "^optimizer is 'lion'; it must be 'adam', 'adamw' or 'sgd'.$"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**31}, "^seed is 2147483648; it must be at most 2147483647.$"),
    ],
)
def test_impossible_choices_are_refused_with_a_reason(choices: dict, said: str) -> None:
    with pytest.raises(TransferLabError, match=said):
        make_recipe(**({"backbone": "mobilenet_v2"} | choices))


def test_a_missing_backbone_is_named() -> None:
    with pytest.raises(TransferLabError, match="lacks 'backbone'"):
        make_recipe()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", BACKBONES)
def test_every_preset_is_a_possible_recipe_for_every_backbone(preset: str, name: str) -> None:
    recipe = make_recipe(**preset_choices(preset, name))
    assert recipe.preset == preset
    assert recipe.size >= BACKBONES[name].smallest_size


def test_a_quick_look_takes_all_images_of_small_data() -> None:
    limits = [preset_choices("quick", "vgg16", n).get("limit") for n in (6_000, 10_000, 10_001)]
    assert limits == [None, None, 10_000]


def test_a_preset_trains_the_head_longer_on_few_images() -> None:
    counts = (None, 50_000, 2_000, 1_000, 100, 9, 0)
    for preset in ("frozen", "mirrored", "fine-tune"):
        epochs = [preset_choices(preset, "vgg16", n).get("epochs", 10) for n in counts]
        assert epochs == [10, 10, 10, 20, 200, 300, 300]
    epochs = [preset_choices("quick", "vgg16", n).get("epochs", 10) for n in counts]
    assert epochs == [10, 10, 10, 10, 50, 300, 300]
    assert "epochs" not in preset_choices("notebook", "vgg16", 9)


def test_a_step_of_the_head_suits_the_number_of_images() -> None:
    recipe = make_recipe(backbone="vgg16")
    assert [recipe.head_batch(n) for n in (7, 600, 4000, 45_000)] == [7, 16, 100, 1024]
    assert make_recipe(backbone="vgg16", batch_size=256).head_batch(100) == 100


def test_the_learning_rate_falls_with_the_images_of_a_step() -> None:
    recipe = make_recipe(backbone="vgg16")
    assert [recipe.head_rate(n) for n in (45_000, 10_240, 500)] == [4e-3, 2e-3, 5e-4]
    given = make_recipe(backbone="vgg16", learning_rate=0.1)
    assert [given.head_rate(n) for n in (45_000, 500)] == [0.1, 0.1]


def test_the_views_that_are_computed_are_those_asked_for() -> None:
    recipe = make_recipe(backbone="vgg16", augmentation=("crop", "flip"), test_views=True)
    assert recipe.answer_views == (None, "flip")
    assert recipe.training_views == (None, "crop", "flip")
    assert recipe.validation_views == ()
    assert recipe.passes(90, 10, 10) == 320
    assert make_recipe(backbone="vgg16").passes(90, 10, 10) == 110
    averaged = make_recipe(backbone="vgg16", test_views=True)
    assert averaged.validation_views == ("flip",)
    assert averaged.passes(90, 10, 10) == 130


def test_the_frozen_preset_takes_deviations_of_light_networks_alone() -> None:
    for name, row in BACKBONES.items():
        recipe = make_recipe(**preset_choices("frozen", name))
        assert (recipe.pooled_layers == "spread") is not row.dense


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(TransferLabError, match="no preset 'slow'"):
        preset_choices("slow", "vgg16")


def test_a_recipe_survives_its_file() -> None:
    recipe = make_recipe(backbone="vgg16", augmentation=("flip", "crop"), limit=100)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_every_field_tells_the_user_what_it_does() -> None:
    silent = [name for name, field in Recipe.model_fields.items() if not field.description]
    assert silent == ["version"]
