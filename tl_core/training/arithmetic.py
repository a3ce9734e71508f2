"""In which arithmetic the trained part of a network computes."""

import os

from tl_core import processor
from tl_core.backbones.table import Backbone, backbone
from tl_core.training.recipe import Recipe

FLOAT32, MIXED = "float32", "mixed_bfloat16"
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def head_policy(recipe: Recipe) -> str:
    """Return the Keras dtype policy in which the head's products are fastest here."""
    if recipe.precision in ("float32", "bfloat16"):
        return FLOAT32 if recipe.precision == "float32" else MIXED
    return MIXED if processor.multiplies_bfloat16() else FLOAT32


def top_policy(row: Backbone, recipe: Recipe) -> str:
    """Return the Keras dtype policy in which the top blocks train fastest here.

    bfloat16 speeds dense convolutions up and slows depthwise ones down, so it is taken only where
    there are none of the latter, unless the recipe names a precision to train in.
    """
    named = recipe.precision in ("float32", "bfloat16")
    return head_policy(recipe) if named or row.dense else FLOAT32


def choose_kernels(recipe: Recipe) -> bool:
    """Let TensorFlow train dense convolutions by oneDNN; call it before TensorFlow is imported.

    On processors without instructions for networks TensorFlow leaves oneDNN out unless told
    otherwise, though dense convolutions train faster by it. Depthwise ones, and answers for single
    pictures, are slower with it. Returns whether this changed what TensorFlow will do.
    """
    trains_dense = recipe.fine_tune_blocks and backbone(recipe.backbone).dense
    decided = ONEDNN in os.environ or processor.has_gpu() or processor.has_network_instructions()
    if decided or not trains_dense:
        return False
    os.environ[ONEDNN] = "1"
    return True
