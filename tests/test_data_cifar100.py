import hashlib
import http.server
import os
import pickle
import shutil
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tl_core.data import cifar100, cifar_files, open_dataset
from tl_core.errors import Stopped, TransferLabError
from tl_core.progress import Progress

TRAIN, TEST = 2000, 500

FINE_NAMES = [f"class {number}" for number in range(100)]
COARSE_NAMES = [f"group {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    """A CIFAR-100 of a few images, so that a file of it is written in no time."""
    if not request.node.get_closest_marker("real"):
        monkeypatch.setitem(cifar_files.COUNTS, "train", TRAIN)
        monkeypatch.setitem(cifar_files.COUNTS, "test", TEST)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(cifar100, "URL", "http://127.0.0.1:9/cifar-100-python.tar.gz")


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("TL_DATA_DIR", str(folder))
    return folder


class Made:
    """Slopes, steeper along one axis and of any colour (they compress well), with labels."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        slope = (np.arange(32)[:, None] * 2 + np.arange(32) * 5)[None, :, :, None]
        self.images = (rng.integers(0, 256, (count, 1, 1, 3)) + slope).astype(np.uint8)
        self.fine = rng.permutation(np.arange(count) % 100)
        self.coarse = self.fine // 5


TRAINING, TESTING = Made(TRAIN, 1), Made(TEST, 2)


def binary_bytes(made: Made) -> bytes:
    planes = made.images.transpose(0, 3, 1, 2).reshape(len(made.images), -1)
    return np.column_stack([made.coarse, made.fine, planes]).astype(np.uint8).tobytes()


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.bin").write_bytes(binary_bytes(TRAINING))
    (folder / "test.bin").write_bytes(binary_bytes(TESTING))
    (folder / "fine_label_names.txt").write_text("\n".join(FINE_NAMES) + "\n\n")
    (folder / "coarse_label_names.txt").write_text("\n".join(COARSE_NAMES) + "\n")
    return folder


def write_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in (("train", TRAINING), ("test", TESTING)):
        planes = made.images.transpose(0, 3, 1, 2).reshape(len(made.images), -1)
        content = {
            b"data": planes,
            b"fine_labels": made.fine.tolist(),
            b"coarse_labels": made.coarse.tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    names = {
        b"fine_label_names": [name.encode() for name in FINE_NAMES],
        b"coarse_label_names": [name.encode() for name in COARSE_NAMES],
    }
    (folder / "meta").write_bytes(pickle.dumps(names, protocol=2))
    for name in ("train", "test", "meta"):
        published = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(cifar_files.PYTHON_FILES, name, published)
    return folder


def pack(folder: Path, path: Path) -> Path:
    kind = {"mode": "w:xz", "preset": 0} if path.suffix == ".xz" else {"mode": "w:gz"}
    with tarfile.open(path, **kind) as archive:
        archive.add(folder, folder.name)
    shutil.rmtree(folder)
    return path


def check_is_the_made_one():
    dataset = open_dataset("cifar100")
    images = dataset.images.read(np.arange(TRAIN + TEST))
    assert (images == np.concatenate([TRAINING.images, TESTING.images])).all()
    assert (dataset.labels == np.concatenate([TRAINING.fine, TESTING.fine])).all()
    assert dataset.class_names == tuple(FINE_NAMES)
    assert dataset.coarse_names == tuple(COARSE_NAMES)
    assert (dataset.coarse_of_class == np.arange(100) // 5).all()
    assert (dataset.test == np.arange(TRAIN, TRAIN + TEST)).all()
    assert len(dataset.validation) == TRAIN // 10
    assert sorted([*dataset.train, *dataset.validation]) == list(range(TRAIN))


def refused(*words: str) -> str:
    with pytest.raises(TransferLabError) as refusal:
        open_dataset("cifar100")
    for word in words:
        assert word in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("place", [".", "cifar-100-binary"])
def test_a_binary_folder_is_read(data, place):
    write_binary(data / place)
    check_is_the_made_one()


@pytest.mark.parametrize("place", [".", "cifar-100-python"])
def test_a_python_folder_is_read(data, place, monkeypatch):
    write_python(data / place, monkeypatch)
    check_is_the_made_one()


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz"])
@pytest.mark.parametrize("layout", ["cifar-100-binary", "cifar-100-python"])
def test_an_archive_is_read(data, layout, ending, monkeypatch):
    if layout.endswith("python"):
        write_python(data / layout, monkeypatch)
    else:
        write_binary(data / layout)
    pack(data / layout, data / f"{layout}{ending}")
    check_is_the_made_one()


@pytest.mark.parametrize(
    "name",
    [
        "cifar-100-python",
        "cifar-100-python-target/cifar-100-python",
        "cifar-100-python.tar.gz",
        "cifar-100-python-target_archive",
    ],
)
def test_what_keras_fetched_is_found_in_its_cache(name, monkeypatch):
    cache = Path(os.environ["KERAS_HOME"]) / "datasets"
    if name.endswith(("gz", "archive")):
        pack(write_python(cache / "cifar-100-python", monkeypatch), cache / name)
    else:
        write_python(cache / name, monkeypatch)
    check_is_the_made_one()


def test_the_data_folder_comes_before_the_cache_of_keras(data, monkeypatch):
    cache = Path(os.environ["KERAS_HOME"]) / "datasets" / "cifar-100-python"
    cache.mkdir(parents=True)
    (cache / "train").write_bytes(b"another")
    write_binary(data)
    check_is_the_made_one()


def test_it_is_extracted_once_and_kept(data, monkeypatch):
    archive = pack(write_binary(data / "cifar-100-binary"), data / "cifar-100-binary.tar.gz")
    first = open_dataset("cifar100")
    monkeypatch.setattr(cifar100, "archive_members", lambda path: pytest.fail("read again"))
    assert open_dataset("cifar100").fingerprint == first.fingerprint
    archive.unlink()
    assert open_dataset("cifar100").fingerprint == first.fingerprint


def test_a_replaced_file_is_read_anew(data):
    folder = write_binary(data)
    first = open_dataset("cifar100")
    content = bytearray((folder / "test.bin").read_bytes())
    content[2] ^= 255
    (folder / "test.bin").write_bytes(content)
    os.utime(folder / "test.bin", (1, 1))
    second = open_dataset("cifar100")
    assert second.fingerprint != first.fingerprint
    assert second.images.read(second.test[:1])[0, 0, 0, 0] == content[2]


@pytest.mark.parametrize("damaged", ["images.npy", "labels.npy", "about.json"])
@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_extraction_is_made_again(data, own_folders, damaged, left):
    write_binary(data)
    open_dataset("cifar100")
    (path,) = own_folders.glob(f"cache/datasets/*/{damaged}")
    path.write_bytes(path.read_bytes()[:left])
    check_is_the_made_one()


def test_both_layouts_of_the_same_images_have_one_fingerprint(data, monkeypatch):
    folder = write_binary(data / "one")
    monkeypatch.setenv("TL_DATA_DIR", str(folder))
    binary = open_dataset("cifar100").fingerprint
    monkeypatch.setenv("TL_DATA_DIR", str(write_python(data / "two", monkeypatch)))
    assert open_dataset("cifar100").fingerprint == binary


def test_progress_counts_the_images_and_hears_a_stop(data):
    write_binary(data)

    class Listener(Progress):
        def __init__(self, patience: int) -> None:
            self.begun: list[tuple[object, ...]] = []
            self.done: list[int] = []
            self.patience = patience

        def begin(self, phase, total, unit):
            self.begun.append((phase, total, unit))

        def advance(self, done, **figures):
            self.done.append(done)
            if len(self.done) == self.patience:
                raise Stopped("stopped")

    with pytest.raises(Stopped):
        open_dataset("cifar100", progress=Listener(1))
    listener = Listener(99)
    open_dataset("cifar100", progress=listener)
    assert listener.begun == [("data", TRAIN + TEST, "images")]
    assert listener.done == [1000, 2000, 2500]


@pytest.mark.parametrize("name", cifar_files.BINARY_FILES)
def test_a_missing_file_is_named(data, name):
    folder = write_binary(data / "cifar-100-binary")
    if name != "train.bin":
        (folder / name).unlink()
        refused(f"{folder / name} cannot be read", "No such file")
        write_binary(folder)
    (folder / name).unlink()
    pack(folder, data / "cifar-100-binary.tar.gz")
    refused("cifar-100-binary.tar.gz lacks", name)


@pytest.mark.parametrize("name", ["train.bin", "test.bin"])
@pytest.mark.parametrize("cut", [1, 3074, 5000])
def test_a_short_file_is_named(data, name, cut):
    path = write_binary(data) / name
    path.write_bytes(path.read_bytes()[:-cut])
    refused(str(path), "expected", "records")


def test_a_wrong_record_size_is_told(data):
    path = write_binary(data) / "train.bin"
    path.write_bytes(bytes(TRAIN * 3073))
    refused(str(path), f"expected {TRAIN * 3074:,}", "records of 3,074 bytes")


@pytest.mark.parametrize(("place", "value", "kind"), [(0, 20, "superclass"), (1, 100, "class")])
def test_an_unknown_label_is_told_with_its_record(data, place, value, kind):
    path = write_binary(data) / "train.bin"
    content = bytearray(path.read_bytes())
    content[1234 * 3074 + place] = value
    path.write_bytes(content)
    refused(str(path), f"unknown {kind} label {value} in record 1,234")


def test_a_class_of_two_superclasses_is_told(data):
    path = write_binary(data) / "test.bin"
    content = bytearray(path.read_bytes())
    content[0] = (content[0] + 1) % 20
    path.write_bytes(content)
    refused(f"gives the class {FINE_NAMES[content[1]]!r} 2 superclasses")


@pytest.mark.parametrize("name", ["fine_label_names.txt", "coarse_label_names.txt"])
@pytest.mark.parametrize("words", ["one\ntwo\n", "same\n" * 100, "", "x" * 100_000])
def test_wrong_names_are_told(data, name, words):
    path = write_binary(data) / name
    path.write_text(words)
    refused(str(path), "names")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["TL_BOMB"],))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_a_pickle_that_is_not_the_published_one_is_never_opened(
    data, name, packed, monkeypatch, tmp_path
):
    monkeypatch.setenv("TL_BOMB", str(tmp_path / "boom"))
    folder = write_python(data / "cifar-100-python", monkeypatch)
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    if packed:
        pack(folder, data / "cifar-100-python.tar.gz")
    refused("is not the published file", "md5", name)
    assert not (tmp_path / "boom").exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / "boom").exists()


def test_a_data_folder_that_is_none_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TL_DATA_DIR", str(tmp_path / "absent"))
    refused("TL_DATA_DIR", "absent", "no folder")


def test_without_data_and_network_the_way_out_is_told(data):
    message = refused("not on this machine", "cifar-100-python.tar.gz", str(data), "'demo'")
    assert "Errno" not in message


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A web server on this machine that has the archive."""
    folder = tmp_path / "web"
    archive = pack(
        write_python(folder / "cifar-100-python", monkeypatch), folder / "cifar-100-python.tar.gz"
    )

    def handler(*args):
        return Quiet(*args, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(
            cifar100, "URL", f"http://127.0.0.1:{server.server_port}/{archive.name}"
        )
        monkeypatch.setattr(cifar100, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
        yield archive
        server.shutdown()
        thread.join()


def test_it_is_fetched_at_last_into_the_cache_of_keras(web):
    check_is_the_made_one()
    fetched = Path(os.environ["KERAS_HOME"]) / "datasets" / "cifar-100-python-target_archive"
    assert fetched.read_bytes() == web.read_bytes()


def test_a_fetched_file_of_another_hash_is_not_kept(web):
    web.write_bytes(web.read_bytes() + b"more")
    refused("not the published file", "sha256")
    assert not list((Path(os.environ["KERAS_HOME"]) / "datasets").iterdir())


def test_a_file_that_is_not_there_is_told(web):
    web.unlink()
    refused("could not be fetched", "404", "'demo'")


@pytest.mark.real
def test_the_real_images_are_the_published_ones(own_folders):
    started = time.perf_counter()
    dataset = open_dataset("cifar100", seed=7)
    cold = time.perf_counter() - started
    images = dataset.images.read(np.arange(60_000))
    assert images.shape == (60_000, 32, 32, 3)
    means = images[:50_000].mean(axis=(0, 1, 2)) / 255
    assert means == pytest.approx([0.5071, 0.4865, 0.4409], abs=1e-4)
    assert (np.bincount(dataset.labels) == 600).all()
    assert (np.bincount(dataset.labels[dataset.test]) == 100).all()
    assert (np.bincount(dataset.labels[dataset.validation]) == 50).all()
    splits = np.concatenate([dataset.train, dataset.validation, dataset.test])
    assert (np.sort(splits) == np.arange(60_000)).all()
    assert (np.bincount(dataset.coarse_of_class) == 5).all()
    trees = dataset.coarse_names.index("trees")
    members = {dataset.class_names[c] for c in np.flatnonzero(dataset.coarse_of_class == trees)}
    assert members == {"maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"}

    times = []
    for _ in range(3):
        started = time.perf_counter()
        again = open_dataset("cifar100", seed=7)
        times.append(time.perf_counter() - started)
    assert again.fingerprint == dataset.fingerprint
    assert (again.validation == dataset.validation).all()
    assert min(times) < 0.3, (cold, times)
