import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from feature_data import MeanEngine, expected_means, means, pictures_dataset, use_engine

from tl_core.backbones import backbone
from tl_core.backbones.weights import Weights
from tl_core.errors import Stopped, TransferLabError
from tl_core.features import extract as module
from tl_core.features import shards
from tl_core.features.extract import extract
from tl_core.features.network import Network, build
from tl_core.features.passing import Passing
from tl_core.features.pictures import Preparation
from tl_core.features.request import Request, forget_engines


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MeanEngine:
    monkeypatch.setattr(module, "compiled_for", module.compiled_for)
    monkeypatch.setattr(shards, "MOST_ROWS", 8)
    engine = MeanEngine()
    use_engine(engine)
    return engine


def _python(code: str, artifacts: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TL_ARTIFACTS_DIR": str(artifacts),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_features_are_those_of_the_network_in_keras() -> None:
    forget_engines()
    row, dataset = backbone("mobilenet_v2"), pictures_dataset(40, side=24)
    indices = np.array([5, 3, 30, 31, 2])
    found = extract(
        dataset,
        indices,
        row,
        Weights("random"),
        32,
        pooled="several",
        view="flip",
        engine="keras",
        precision="float32",
    )
    prepared = np.empty((5, 32, 32, 3), np.float32)
    flipped = dataset.images.read(indices)[:, :, ::-1]
    Preparation.of(row, 24, 24, 32)(flipped, prepared)
    model = build(Network(row, Weights("random"), 32, "several")).model
    values, expected = np.asarray(found.values), np.asarray(model(prepared))
    # The late layers' values here are a millionth of a millionth; each part by its own measure.
    for part in (slice(None, -1280), slice(-1280, None)):
        least = 1e-4 * np.abs(expected[:, part]).max()
        np.testing.assert_allclose(values[:, part], expected[:, part], rtol=1e-3, atol=least)
    # MobileNetV2's random weights make values that float16 would turn into zeros.
    assert found.values.dtype == np.float32
    assert np.abs(values[:, -1280:]).max() > 0


def test_boundary_and_top_make_the_whole_network() -> None:
    import keras

    forget_engines()
    row, dataset, indices = backbone("vgg16"), pictures_dataset(6), np.arange(6)
    choices = {"pooled": "several", "engine": "keras", "precision": "float32"}
    whole = extract(dataset, indices, row, Weights("random"), 32, **choices)
    parts = extract(dataset, indices, row, Weights("random"), 32, blocks=1, **choices)
    assert whole.activations is None
    assert parts.activations.shape == (6, 2, 2, 512)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-3)
    from tl_core.backbones.build import build_backbone, split_at

    base = build_backbone(row, Weights("random"), 32)
    boundary, low, high = split_at(base, row, "several", 1)
    upper = keras.Model(boundary, high)(np.asarray(parts.activations, np.float32))
    width = sum(part.shape[-1] for part in low)
    joined = np.concatenate([np.asarray(parts.values)[:, :width], *map(np.asarray, upper)], axis=1)
    np.testing.assert_allclose(joined, whole.values, rtol=0.02, atol=2e-3 * np.max(whole.values))
    network = Network(row, Weights("random"), 32, "several", 1)
    request = Request(dataset, indices, network, None, 0, 6, lambda _: None)
    passing = Passing(request, "keras", "float32")
    assert passing.shape == parts.activations.shape
    some = np.array([4, 0, 5])
    np.testing.assert_array_equal(passing[some], parts.activations[some])


def test_the_second_time_nothing_is_computed(engine: MeanEngine) -> None:
    seen: list[int] = []
    first = means(21, seen.append)
    assert (first.cached, first.computed) == (False, 21)
    assert seen == [4, 8, 12, 16, 20, 21]
    np.testing.assert_allclose(first.values, expected_means(21), atol=1e-3)
    computed = engine.images
    second = means(21)
    assert (second.cached, second.computed, second.seconds) == (True, 0, 0)
    np.testing.assert_array_equal(second.values, first.values)
    assert engine.images == computed


def test_a_warm_cache_needs_no_framework(own_folders: Path, engine: MeanEngine) -> None:
    means(9)
    code = (
        "import sys\nfrom feature_data import means\nassert means(9).cached\n"
        "print({'keras', 'tensorflow', 'openvino'} & set(sys.modules))"
    )
    out, _ = _python(code, own_folders).communicate(timeout=60)
    assert out.strip() == "set()"


def test_stopping_keeps_the_finished_shards(engine: MeanEngine) -> None:
    def stop(done: int) -> None:
        if done == 20:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        means(40, stop)
    seen: list[int] = []
    resumed = means(40, seen.append)
    assert resumed.computed == 40 - 16
    assert seen[0] == 20
    np.testing.assert_allclose(resumed.values, expected_means(40), atol=1e-3)


def test_a_killed_extraction_goes_on_where_it_was(own_folders: Path, engine: MeanEngine) -> None:
    code = (
        "from feature_data import *\nfrom tl_core.features import shards\nshards.MOST_ROWS = 8\n"
        "use_engine(MeanEngine(seconds=0.05))\n"
        "means(400, lambda done: print(done, flush=True))"
    )
    process = _python(code, own_folders)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 40:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    resumed = means(400)
    assert resumed.computed < 400 - 24
    assert resumed.computed == engine.images
    np.testing.assert_allclose(resumed.values, expected_means(400), atol=1e-3)


def test_two_processes_compute_once(own_folders: Path) -> None:
    code = (
        "from feature_data import *\nimport json\nfrom tl_core.features import shards\n"
        "shards.MOST_ROWS = 8\nengine = MeanEngine(seconds=0.05)\nuse_engine(engine)\nseen = []\n"
        "values = means(80, seen.append).values\n"
        "print(json.dumps([engine.images, max(seen, default=0), float(np.asarray(values).sum())]))"
    )
    processes = [_python(code, own_folders) for _ in range(2)]
    outputs = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert sorted(images for images, _, _ in outputs) == [0, 80]
    assert outputs[0][2] == outputs[1][2] != 0
    # The one that waits tells how far the other is.
    assert all(most > 0 for _, most, _ in outputs)


@pytest.mark.parametrize("damage", ["altered", "truncated", "missing"])
def test_a_damaged_shard_is_noticed_and_rebuilt(
    own_folders: Path, engine: MeanEngine, damage: str
) -> None:
    means(40)
    (path,) = own_folders.glob("cache/features/*/values.bin")
    content = bytearray(path.read_bytes())
    if damage == "altered":
        content[100] ^= 1
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[:-20])
    else:
        path.unlink()
    again = means(40)
    parts = 5 if damage == "missing" else 1
    assert again.computed == 8 * parts
    assert again.notes == (
        f"{parts} of 5 parts of the cached features were damaged on disk and were computed again.",
    )
    np.testing.assert_allclose(again.values, expected_means(40), atol=1e-3)
    assert means(40).cached


def test_values_beyond_float16_are_kept_in_float32(engine: MeanEngine) -> None:
    engine.scale = 1e7
    found = means(20)
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, 1e7 * expected_means(20), rtol=1e-3)
    assert means(20).cached


def test_values_that_are_no_numbers_are_refused(engine: MeanEngine) -> None:
    engine.scale = np.nan
    with pytest.raises(TransferLabError, match="no numbers"):
        means(20)


def test_a_full_disk_is_said_and_nothing_counts_as_done(
    engine: MeanEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shards.Shards, "_write", full)
        with pytest.raises(TransferLabError, match="No space left on device"):
            means(20)
    assert means(20).computed == 20


def test_the_key_changes_with_everything_that_changes_a_feature(engine: MeanEngine) -> None:
    base = {"count": 12}
    changed: list[dict[str, object]] = [
        {"count": 11},
        {"dataset": pictures_dataset(12, fingerprint="others")},
        {"dataset": pictures_dataset(12, side=33)},
        {"indices": np.arange(12)[::-1]},
        {"row": backbone("vgg16")},
        {"weights": Weights("random", seed=1)},
        {"weights": Weights("imagenet", Path("file"), "abc", 1)},
        {"pooled": "several"},
        {"precision": "bfloat16"},
        {"engine": "openvino"},
        {"view": "flip"},
        {"view": "crop"},
        {"view": "crop", "seed": 1},
        {"view": "colour"},
    ]
    keys = [_key(**{**base, **choices}) for choices in changed]
    assert len({*keys, _key(**base)}) == len(changed) + 1
    assert _key(**base, size=64) != _key(**base)
    assert _key(**base, seed=1) == _key(**base)
    assert _key(**base, view="flip", seed=1) == _key(**base, view="flip")


def _key(**choices: object) -> str:
    asked: list[str] = []

    class Spy(module.Entry):
        def find(self) -> None:
            asked.append(self.key)
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Entry", Spy)
        with pytest.raises(Stopped):
            means(**choices)
    return asked[0]
