"""One row a backbone: everything the product knows of it stands here and nowhere else."""

from dataclasses import dataclass
from typing import Literal

from tl_core.errors import TransferLabError


@dataclass(frozen=True)
class Backbone:
    """What there is to know of one pretrained network; plain facts, no Keras.

    `constructor` is its name in `keras.applications`. `preprocessing` says what the network was
    trained on: `tf` -1..1, `torch` standardised RGB, `caffe` centred BGR. `parameters` counts the
    network without its ImageNet top. `pooled_layers` run from early to late and end with the last
    layer of the network. `blocks` are what fine-tuning unfreezes, last block first: each names the
    layer whose single output tensor enters the block, so that everything after that layer is
    trained; `fine_tune_blocks` is how many of them pay for the minutes they take. `weights_file` is
    Keras' own name of the ImageNet file (`{size}`: one of `weights_sizes`), `weights_hash` the hash
    that Keras publishes for it, if any. `colour` is told apart by colour-blind people and reads on
    white and on dark. `dense`: it has no depthwise or grouped convolutions.
    """

    name: str
    title: str
    constructor: str
    preprocessing: Literal["tf", "torch", "caffe"]
    default_size: int
    smallest_size: int
    parameters: int
    pooled_layers: tuple[str, ...]
    blocks: tuple[str, ...]
    weights_file: str
    weights_hash: str | None
    colour: str
    character: str
    licence: str
    paper: str
    year: int
    weights_sizes: tuple[int, ...] = ()
    fine_tune_blocks: int = 1
    dense: bool = False


_ROWS = (
    Backbone(
        name="resnet50",
        title="ResNet50",
        constructor="ResNet50",
        preprocessing="caffe",
        default_size=96,
        smallest_size=32,
        parameters=23_587_712,
        pooled_layers=(
            "conv2_block3_out",
            "conv3_block4_out",
            "conv4_block6_out",
            "conv5_block3_out",
        ),
        blocks=("conv4_block6_out", "conv3_block4_out", "conv2_block3_out", "pool1_pool"),
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_hash="4d473c1dd8becc155b73f8504c6f6626",
        colour="#0b56fe",
        character="The yardstick: residual blocks that everybody compares with, at home in most "
        "domains.",
        licence="MIT",
        paper="He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385",
        year=2015,
        dense=True,
    ),
    Backbone(
        name="vgg16",
        title="VGG16",
        constructor="VGG16",
        preprocessing="caffe",
        default_size=96,
        smallest_size=32,
        parameters=14_714_688,
        pooled_layers=(
            "block2_pool",
            "block3_pool",
            "block4_conv2",
            "block4_pool",
            "block5_conv1",
            "block5_conv2",
            "block5_pool",
        ),
        blocks=("block4_pool", "block3_pool", "block2_pool", "block1_pool"),
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_hash="6d6bbae143d832006294945121d1f1fc",
        colour="#d97a05",
        character="Plain and heavy: thirteen convolutions in a row, slow, with textures that "
        "transfer well at low resolution.",
        licence="CC BY 4.0",
        paper="Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
        "Recognition, arXiv:1409.1556",
        year=2014,
        dense=True,
    ),
    Backbone(
        name="mobilenet_v2",
        title="MobileNetV2",
        constructor="MobileNetV2",
        preprocessing="tf",
        default_size=96,
        smallest_size=32,
        parameters=2_257_984,
        pooled_layers=(
            "block_2_add",
            "block_5_add",
            "block_6_expand_relu",
            "block_9_add",
            "block_10_expand_relu",
            "block_12_add",
            "block_13_expand_relu",
            "block_15_add",
            "block_16_expand_relu",
            "out_relu",
        ),
        blocks=("block_12_add", "block_9_add", "block_5_add", "block_2_add"),
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{size}_no_top.h5",
        weights_hash=None,
        weights_sizes=(96, 128, 160, 192, 224),
        fine_tune_blocks=2,
        colour="#14a795",
        character="Small and fast: made for phones, the first to try where each answer has to "
        "be cheap.",
        licence="Apache-2.0",
        paper="Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, "
        "arXiv:1801.04381",
        year=2018,
    ),
    Backbone(
        name="efficientnet_v2_b0",
        title="EfficientNetV2-B0",
        constructor="EfficientNetV2B0",
        preprocessing="torch",
        default_size=96,
        smallest_size=32,
        parameters=5_919_312,
        pooled_layers=(
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5a_expand_activation",
            "block5e_add",
            "block6a_expand_activation",
            "block6d_add",
            "block6h_add",
            "top_activation",
        ),
        blocks=("block5e_add", "block4c_add", "block3b_add", "block2b_add"),
        weights_file="efficientnetv2-b0_notop.h5",
        weights_hash="893217f2bb855e2983157299931e43ff",
        colour="#b10cb4",
        character="The best accuracy for its size here: found by architecture search, light "
        "enough for a laptop.",
        licence="Apache-2.0",
        paper="Tan and Le, EfficientNetV2: Smaller Models and Faster Training, arXiv:2104.00298",
        year=2021,
    ),
    Backbone(
        name="mobilenet_v3_large",
        title="MobileNetV3-Large",
        constructor="MobileNetV3Large",
        preprocessing="tf",
        default_size=96,
        smallest_size=32,
        parameters=2_996_352,
        pooled_layers=(
            "expanded_conv_2_add",
            "expanded_conv_5_add",
            "expanded_conv_9_add",
            "expanded_conv_10_squeeze_excite_mul",
            "expanded_conv_11_add",
            "expanded_conv_12_squeeze_excite_mul",
            "expanded_conv_14_add",
            "last_activation",
        ),
        blocks=(
            "expanded_conv_11_add",
            "expanded_conv_9_add",
            "expanded_conv_5_add",
            "expanded_conv_2_add",
        ),
        weights_file="weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        weights_hash="07fb09a5933dd0c8eaafa16978110389",
        colour="#0a6e5f",
        character="The phone network again, with attention over channels: fewer operations at "
        "the same accuracy.",
        licence="Apache-2.0",
        paper="Howard et al., Searching for MobileNetV3, arXiv:1905.02244",
        year=2019,
    ),
    Backbone(
        name="densenet121",
        title="DenseNet121",
        constructor="DenseNet121",
        preprocessing="torch",
        default_size=96,
        smallest_size=32,
        parameters=7_037_504,
        pooled_layers=(
            "pool2_pool",
            "pool3_pool",
            "conv4_block12_concat",
            "pool4_pool",
            "conv5_block8_concat",
            "relu",
        ),
        blocks=("pool4_pool", "pool3_pool", "pool2_pool", "pool1"),
        weights_file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_hash="30ee3e1110167f948a6b9946edeeb738",
        colour="#c50607",
        character="Every layer sees all earlier ones: few parameters, a favourite in medical "
        "imaging.",
        licence="BSD-3-Clause",
        paper="Huang et al., Densely Connected Convolutional Networks, arXiv:1608.06993",
        year=2016,
        dense=True,
    ),
    Backbone(
        name="convnext_tiny",
        title="ConvNeXt-Tiny",
        constructor="ConvNeXtTiny",
        preprocessing="torch",
        default_size=96,
        smallest_size=32,
        parameters=27_820_128,
        pooled_layers=(
            "convnext_tiny_downsampling_block_0",
            "convnext_tiny_downsampling_block_1",
            "convnext_tiny_stage_2_block_4_layernorm",
            "convnext_tiny_stage_2_block_8_layernorm",
            "convnext_tiny_downsampling_block_2",
            "convnext_tiny_stage_3_block_1_layernorm",
            "last_layernorm",
        ),
        blocks=(
            "convnext_tiny_downsampling_block_2",
            "convnext_tiny_downsampling_block_1",
            "convnext_tiny_downsampling_block_0",
        ),
        weights_file="convnext_tiny_notop.h5",
        weights_hash="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        colour="#6e91f1",
        character="A convolutional network modelled on transformers: the strongest on ImageNet "
        "here, and the slowest but VGG16.",
        licence="MIT",
        paper="Liu et al., A ConvNet for the 2020s, arXiv:2201.03545",
        year=2022,
    ),
)

BACKBONES: dict[str, Backbone] = {row.name: row for row in _ROWS}


def backbone(name: str) -> Backbone:
    """Return the row called `name`.

    Raises:
        TransferLabError: there is no such row.
    """
    if name not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise TransferLabError(f"There is no backbone {name!r}; choose one of {known}.")
    return BACKBONES[name]
