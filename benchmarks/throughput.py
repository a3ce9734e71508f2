"""Images a second of a frozen backbone by engine and size, beside the machine's own limit.

    python benchmarks/throughput.py [resnet50 vgg16 mobilenet_v2] [--sizes 96 224] [--json]

The limit is the highest rate that a dense bfloat16 operation reached here: a matrix product of
4096 a side in TensorFlow and in OpenVINO, and the backbones themselves. A backbone's rate is what
its convolutions and dense layers have to multiply and add, two operations for each. Every engine
is timed in turn, `--rounds` times over, and the median counts. Weights are random: they change no
rate. int8 is shown beside the others, and its operations are compared with no bfloat16 limit.
"""

import argparse
import json
import time

import numpy as np

SIDE = 4096
SECONDS = 2.0


def operations(model) -> float:
    """Return the operations (two for each multiply-add) that one picture costs."""
    import keras

    total = 0.0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            total += 2.0 * np.prod(layer.output.shape[1:]) * np.prod(layer.kernel_size)
        elif isinstance(layer, keras.layers.Conv2D):
            taken = np.prod(layer.kernel_size) * layer.input.shape[-1] / layer.groups
            total += 2.0 * np.prod(layer.output.shape[1:]) * taken
    return total


def steady_rate(call, per_call: float) -> float:
    """Return `per_call` things a second, over about two seconds and at least two calls."""
    call()
    count, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS or count < 2:
        call()
        count += 1
    return count * per_call / seconds


def product_in_tensorflow() -> float:
    """Return operations a second of a bfloat16 matrix product."""
    import tensorflow as tf

    a = tf.cast(tf.random.stateless_normal((SIDE, SIDE), (1, 2)), tf.bfloat16)
    product = tf.function(lambda: tf.matmul(a, a))
    return steady_rate(lambda: product().numpy(), 2.0 * SIDE**3)


def product_in_openvino() -> float:
    """Return operations a second of a bfloat16 matrix product."""
    from tl_core.features.engines import _openvino

    ov = _openvino()
    import openvino.opset13 as ops

    a = ops.parameter((SIDE, SIDE), np.float32)
    weights = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    model = ov.Model([ops.matmul(a, ops.constant(weights), False, False)], [a])
    request = (
        ov.Core()
        .compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
        .create_infer_request()
    )
    request.get_input_tensor().data[:] = weights
    return steady_rate(request.infer, 2.0 * SIDE**3)


def engines_of(name: str, size: int):
    """Return the engines by name, and the operations of one picture."""
    from tl_core.backbones import backbone
    from tl_core.backbones.weights import Weights
    from tl_core.features.engines import KerasEngine, OpenVinoEngine, to_openvino
    from tl_core.features.network import Network, build
    from tl_core.features.quantise import CALIBRATION_PICTURES, quantised

    network = Network(backbone(name), Weights("random"), size, "last")
    built = build(network)
    model = to_openvino(built)
    rng = np.random.default_rng(0)
    some = rng.normal(0, 1, (CALIBRATION_PICTURES, size, size, 3)).astype(np.float32)
    return {
        "Keras float32": KerasEngine(built),
        "Keras bfloat16": KerasEngine(build(network, "mixed_bfloat16")),
        "OpenVINO float32": OpenVinoEngine(model, "float32"),
        "OpenVINO bfloat16": OpenVinoEngine(model, "bfloat16"),
        "OpenVINO int8": OpenVinoEngine(quantised(model, some), "int8"),
    }, operations(built.model)


def rate_of(engine, size: int) -> float:
    """Return images a second over about two seconds."""
    pictures = np.zeros((engine.batch, size, size, 3), np.float32)

    def prepare(_: int, out: np.ndarray) -> None:
        np.copyto(out, pictures)

    batches = 2 * engine.parallel

    def call() -> None:
        for _ in engine.run(batches, prepare):
            pass

    return steady_rate(call, batches * engine.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbones", nargs="*", default=["resnet50", "vgg16", "mobilenet_v2"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[96, 224])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    products: dict[str, list[float]] = {"TensorFlow": [], "OpenVINO": []}
    rows = []
    for name in options.backbones:
        for size in options.sizes:
            engines, cost = engines_of(name, size)
            rates: dict[str, list[float]] = {engine: [] for engine in engines}
            for _ in range(options.rounds):
                products["TensorFlow"].append(product_in_tensorflow())
                products["OpenVINO"].append(product_in_openvino())
                for label, engine in engines.items():
                    rates[label].append(rate_of(engine, size))
            for label, found in rates.items():
                rate = float(np.median(found))
                rows.append(
                    {
                        "backbone": name,
                        "size": size,
                        "engine": label,
                        "images_per_second": round(rate, 1),
                        "gigaoperations_per_second": round(rate * cost / 1e9, 1),
                    }
                )
    product = {label: round(float(np.median(r)) / 1e9, 1) for label, r in products.items()}
    dense = [r for r in rows if "bfloat16" in r["engine"]]
    limit = max([*product.values(), *(r["gigaoperations_per_second"] for r in dense)])
    for row in dense:
        row["share_of_limit"] = round(row["gigaoperations_per_second"] / limit, 2)
    if options.json:
        print(json.dumps({"matrix_product": product, "limit": limit, "rows": rows}))
        return
    print(f"bfloat16 matrix product of {SIDE}: {product} Gop/s; highest bfloat16 rate {limit}")
    print(f"{'backbone':14}{'size':>5}  {'engine':18}{'images/s':>10}{'Gop/s':>9}{'of limit':>10}")
    for row in rows:
        share = f"{row['share_of_limit']:.0%}" if "share_of_limit" in row else ""
        print(
            f"{row['backbone']:14}{row['size']:>5}  {row['engine']:18}"
            f"{row['images_per_second']:>10}{row['gigaoperations_per_second']:>9}{share:>10}"
        )


if __name__ == "__main__":
    main()
