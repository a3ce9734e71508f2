"""The optimiser's single operation against Keras' own dozen."""

import numpy as np

from tl_core.training.optimizers import make_optimizer
from tl_core.training.recipe import make_recipe


def test_the_steps_are_those_of_keras() -> None:
    import keras

    recipe = make_recipe(backbone="mobilenet_v2", schedule="constant")
    own = make_optimizer(recipe, peak=0.01, decay=0.5, steps=30)
    known = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    known.exclude_from_weight_decay(var_names=["bias"])
    rng = np.random.default_rng(0)
    start = rng.normal(size=(40, 7)).astype(np.float32)
    ends = []
    for optimizer in (own, known):
        kernel = keras.Variable(start, name="kernel")
        bias = keras.Variable(start[0], name="bias")
        gradients = np.random.default_rng(1)
        for _ in range(30):
            found = [gradients.normal(size=part.shape) for part in (kernel, bias)]
            optimizer.apply(
                [keras.ops.convert_to_tensor(part, "float32") for part in found], [kernel, bias]
            )
        ends.append((kernel.numpy(), bias.numpy()))
    for begun, mine, theirs in zip((start, start[0]), *ends, strict=True):
        assert np.abs(mine - begun).max() > 0.05
        assert np.allclose(mine, theirs, rtol=1e-5, atol=1e-6)
