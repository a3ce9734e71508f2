import re
import subprocess
import sys

import numpy as np
import pytest

from tl_core.backbones import BACKBONES, backbone
from tl_core.backbones.build import build_backbone, pooled_names, pooled_outputs, split_at
from tl_core.backbones.weights import Weights
from tl_core.errors import TransferLabError

RANDOM = Weights("random")


@pytest.mark.parametrize("name", BACKBONES)
def test_a_row_says_what_keras_builds(name: str) -> None:
    import keras

    row = backbone(name)
    base = build_backbone(row, RANDOM, row.smallest_size)
    order = [layer.name for layer in base.layers]
    positions = [order.index(layer) for layer in row.pooled_layers]
    assert positions == sorted(positions)
    assert base.get_layer(row.pooled_layers[-1]).output is base.output
    assert base.count_params() == row.parameters
    assert not base.trainable_variables
    assert all(len(tensor.shape) == 2 for tensor in pooled_outputs(base, row, "several"))
    boundaries = [order.index(layer) for layer in row.blocks]
    assert boundaries == sorted(boundaries, reverse=True)
    every = [tensor.shape[1] for tensor in pooled_outputs(base, row, "spread")]
    for blocks in range(1, len(row.blocks) + 1):
        boundary, low, high = split_at(base, row, "spread", blocks)
        assert [tensor.shape[1] for tensor in low + high] == every
        keras.Model(boundary, high)
        keras.Model(base.input, [boundary, *low])


def test_what_is_pooled_is_the_mean_and_the_deviation_over_the_picture() -> None:
    import keras

    row = backbone("mobilenet_v2")
    base = build_backbone(row, RANDOM, 64)
    names = pooled_names(row, "spread")
    model = keras.Model(base.input, pooled_outputs(base, row, "spread"))
    maps = keras.Model(base.input, [base.get_layer(layer).output for layer in row.pooled_layers])
    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)
    found = dict(zip(names, (np.asarray(values) for values in model(pictures)), strict=True))
    for layer, values in zip(row.pooled_layers, maps(pictures), strict=True):
        values = np.asarray(values, np.float64)
        assert np.allclose(found[layer], values.mean((1, 2)), rtol=1e-3, atol=1e-5)
        if layer != row.pooled_layers[-1]:
            deviation = np.sqrt(values.var((1, 2)) + 1e-6)
            assert np.allclose(found[f"{layer} deviation"], deviation, rtol=1e-3, atol=1e-5)
    assert len(found) == 2 * len(row.pooled_layers) - 1
    assert pooled_names(row, "several") == row.pooled_layers
    assert pooled_names(row, "last") == row.pooled_layers[-1:]


def test_names_do_not_depend_on_what_was_built_before() -> None:
    row = backbone("mobilenet_v3_large")
    first, second = (build_backbone(row, RANDOM, 32) for _ in range(2))
    assert first.layers[-1].name == second.layers[-1].name == row.pooled_layers[-1]


def _luminance(colour: str) -> float:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_are_distinct_and_read_on_both_grounds() -> None:
    colours = [row.colour for row in BACKBONES.values()]
    assert len(set(colours)) == len(colours)
    for colour in colours:
        assert re.fullmatch("#[0-9a-f]{6}", colour)
        assert 1.05 / (_luminance(colour) + 0.05) >= 3
        assert (_luminance(colour) + 0.05) / (_luminance("#0e1117") + 0.05) >= 3


def test_an_unknown_backbone_is_told_the_known_ones() -> None:
    with pytest.raises(TransferLabError, match="mobilenet_v2"):
        backbone("alexnet")


def test_the_table_needs_no_keras() -> None:
    code = "import sys, tl_core.backbones.table, tl_core.backbones.weights; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"keras", "tensorflow", "h5py"} & set(modules)
