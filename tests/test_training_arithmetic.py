"""In which arithmetic training computes: what is fast here, and what the recipe names."""

import os
import subprocess
import sys

import pytest

from tl_core import processor
from tl_core.backbones.build import build_backbone
from tl_core.backbones.table import BACKBONES
from tl_core.backbones.weights import Weights
from tl_core.training.arithmetic import ONEDNN, choose_kernels, head_policy, top_policy
from tl_core.training.recipe import make_recipe


def recipe(backbone="vgg16", **choices):
    return make_recipe(backbone=backbone, **choices)


@pytest.mark.parametrize("there", [True, False])
def test_bfloat16_is_taken_only_where_the_processor_multiplies_it(monkeypatch, there):
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: there)
    expected = "mixed_bfloat16" if there else "float32"
    for precision in ("auto", "int8"):
        chosen = recipe(precision=precision)
        assert head_policy(chosen) == top_policy(BACKBONES["vgg16"], chosen) == expected
        assert top_policy(BACKBONES["mobilenet_v2"], recipe("mobilenet_v2")) == "float32"


@pytest.mark.parametrize(
    ("precision", "policy"), [("float32", "float32"), ("bfloat16", "mixed_bfloat16")]
)
def test_a_precision_that_is_named_holds_everywhere(precision, policy):
    for name in ("vgg16", "mobilenet_v2"):
        chosen = recipe(name, precision=precision)
        assert head_policy(chosen) == top_policy(BACKBONES[name], chosen) == policy


@pytest.mark.parametrize(
    ("flags", "there"), [("fma avx2", False), ("avx512_bf16", True), ("amx_bf16 amx_tile", True)]
)
def test_the_processor_is_asked_for_its_instructions(monkeypatch, flags, there):
    monkeypatch.setattr(processor, "_facts", lambda: {"flags": flags})
    monkeypatch.setattr(processor, "has_gpu", lambda: False)
    assert processor.multiplies_bfloat16() is there


def test_the_table_says_which_backbones_are_dense():
    import keras

    for row in BACKBONES.values():
        base = build_backbone(row, Weights("random"), row.smallest_size)
        depthwise = any(
            isinstance(layer, keras.layers.DepthwiseConv2D) or getattr(layer, "groups", 1) > 1
            for layer in base.layers
        )
        assert row.dense is not depthwise, row.name


def test_other_kernels_are_for_fine_tuning_dense_blocks_and_for_who_named_none(monkeypatch):
    tuned = {"fine_tune_blocks": 1, "fine_tune_epochs": 1}
    monkeypatch.delenv(ONEDNN, raising=False)
    monkeypatch.setattr(processor, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "_facts", lambda: {"flags": "fma avx2"})
    assert not choose_kernels(recipe())
    assert not choose_kernels(recipe("mobilenet_v2", **tuned))
    assert ONEDNN not in os.environ
    monkeypatch.setenv(ONEDNN, "0")
    assert not choose_kernels(recipe(**tuned))
    assert os.environ[ONEDNN] == "0"
    monkeypatch.delenv(ONEDNN)
    assert choose_kernels(recipe(**tuned))
    assert os.environ[ONEDNN] == "1"
    monkeypatch.delenv(ONEDNN)
    monkeypatch.setattr(processor, "_facts", lambda: {"flags": "fma avx2 avx512_vnni"})
    assert not choose_kernels(recipe(**tuned)), "TensorFlow takes it there by itself"
    assert ONEDNN not in os.environ


def test_they_are_chosen_before_tensorflow_is_there():
    code = (
        "import sys; import tl_core.runs.pipeline, tl_core.training.train; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
