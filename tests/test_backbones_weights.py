import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from tl_core.backbones import backbone
from tl_core.backbones.build import build_backbone, preprocessing_layers
from tl_core.backbones.hashes import file_hash
from tl_core.backbones.table import BACKBONES
from tl_core.backbones.weights import Weights, find_weights, report
from tl_core.errors import TransferLabError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setenv("TL_WEIGHTS_DIR", str(weights))
    return weights


def _values(model: object) -> list[np.ndarray]:
    return [np.asarray(w) for w in model.weights]  # type: ignore[attr-defined]


def test_a_folder_of_weights_that_cannot_be_read_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = report(backbone("resnet50"))
    assert not found.found
    assert found.to_do.startswith(f"{folder} cannot be read (Permission denied); change that")


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v3_large"])
def test_a_weights_file_written_here_is_found_and_loaded(folder: Path, name: str) -> None:
    row = backbone(name)
    source = build_backbone(row, Weights("random", seed=3), 32)
    path = folder / f"{name}_notop.weights.h5"
    source.save_weights(path)
    weights = find_weights(row, "imagenet", 96)
    assert weights.path == path
    assert weights.bytes == path.stat().st_size
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = build_backbone(row, weights, 64)
    assert not loaded.trainable_variables
    for got, expected in zip(_values(loaded), _values(source), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_keras_own_file_of_the_older_format_is_loaded(folder: Path) -> None:
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    row = backbone("mobilenet_v2")
    source = build_backbone(row, Weights("random", seed=3), 32)
    with h5py.File(folder / row.weights_file.format(size=128), "w") as file:
        save_weights_to_hdf5_group(file, source)
    loaded = build_backbone(row, find_weights(row, "imagenet", 96), 32)
    for got, expected in zip(_values(loaded), _values(source), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_random_weights_come_from_their_seed_alone() -> None:
    row = backbone("mobilenet_v2")
    one, same, other = (build_backbone(row, Weights("random", seed=s), 32) for s in (1, 1, 2))
    kernel = [np.asarray(m.get_layer("Conv1").kernel) for m in (one, same, other)]
    np.testing.assert_array_equal(kernel[0], kernel[1])
    assert np.abs(kernel[0] - kernel[2]).max() > 0.01
    assert find_weights(row, "random", 32, seed=1).identity == "random:1"


def test_the_file_of_the_nearest_size_is_taken(folder: Path) -> None:
    row = backbone("mobilenet_v2")
    for name in ("mobilenet_v2_224_notop.weights.h5", "mobilenet_v2_128_notop.weights.h5"):
        (folder / name).write_bytes(b"weights")
    assert find_weights(row, "imagenet", 96).path == folder / "mobilenet_v2_128_notop.weights.h5"
    (folder / "mobilenet_v2_96_notop.weights.h5").write_bytes(b"weights")
    assert find_weights(row, "imagenet", 96).path == folder / "mobilenet_v2_96_notop.weights.h5"


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_damaged_and_a_foreign_file_are_named(folder: Path) -> None:
    row = backbone("mobilenet_v2")
    path = folder / "mobilenet_v2_notop.weights.h5"
    path.write_bytes(b"not a weights file")
    with pytest.raises(TransferLabError, match=r"mobilenet_v2_notop\.weights\.h5 cannot be used"):
        build_backbone(row, find_weights(row, "imagenet", 96), 32)
    foreign = build_backbone(backbone("mobilenet_v3_large"), Weights("random"), 32)
    foreign.save_weights(path)
    with pytest.raises(TransferLabError, match="cannot be used for MobileNetV2"):
        build_backbone(row, find_weights(row, "imagenet", 96), 32)


def test_a_weights_folder_that_is_gone_is_named(folder: Path) -> None:
    folder.rmdir()
    row = backbone("vgg16")
    with pytest.raises(TransferLabError, match="not a folder; correct it or unset it") as error:
        find_weights(row, "imagenet", 96)
    assert str(folder) in str(error.value)
    found = report(row)
    assert not found.found and str(folder) in found.to_do


def test_a_file_in_keras_cache_is_checked_before_keras_sees_it(tmp_path: Path) -> None:
    row = backbone("resnet50")
    path = tmp_path / "keras" / "models" / row.weights_file
    path.parent.mkdir()
    path.write_bytes(b"half a download")
    with pytest.raises(TransferLabError, match=r"damaged or incomplete.*Delete it"):
        find_weights(row, "imagenet", 96)
    assert path.exists()
    assert not report(row).found


def test_offline_says_which_file_goes_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    def offline(**_: object) -> None:
        raise Exception("URL fetch failure on somewhere: None -- no route")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    row = backbone("vgg16")
    with pytest.raises(TransferLabError) as error:
        find_weights(row, "imagenet", 96)
    for part in (row.weights_file, str(tmp_path / "keras" / "models"), "`random`", "no route"):
        assert part in str(error.value)
    assert row.weights_file in report(row).to_do


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert file_hash(path, "md5") == file_hash(path, "md5") == hashlib.md5(b"one").hexdigest()
    path.write_bytes(b"other")
    assert file_hash(path, "md5") == hashlib.md5(b"other").hexdigest()


def test_a_hash_that_cannot_be_remembered_is_told_all_the_same(
    tmp_path: Path, own_folders: Path
) -> None:
    own_folders.mkdir(exist_ok=True)
    (own_folders / "cache").write_text("no folder")
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert file_hash(path, "md5") == hashlib.md5(b"one").hexdigest()


@pytest.mark.parametrize("name", BACKBONES)
def test_preprocessing_is_that_of_keras_and_survives_safe_mode(name: str, tmp_path: Path) -> None:
    import keras

    row = backbone(name)
    modes = {"resnet50": "caffe", "vgg16": "caffe", "mobilenet_v2": "tf", "densenet121": "torch"}
    # The others keep theirs inside Keras' model; this is what stands there.
    inside = {
        "efficientnet_v2_b0": "torch",
        "mobilenet_v3_large": "tf",
        "convnext_tiny": "torch",
    }
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    x = inputs = keras.Input((8, 8, 3))
    for layer in preprocessing_layers(row):
        x = layer(x)
    keras.Model(inputs, x).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    from keras.src.applications.imagenet_utils import preprocess_input

    expected = preprocess_input(pictures.copy(), mode={**modes, **inside}[name])
    np.testing.assert_allclose(np.asarray(model(pictures)), expected, atol=2e-5, rtol=1e-5)


@pytest.mark.real
@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2"])
def test_the_real_weights_load(name: str) -> None:
    row = backbone(name)
    weights = find_weights(row, "imagenet", 96)
    assert weights.path is not None
    assert report(row).found
    build_backbone(row, weights, 32)
