import threading

import numpy as np
import pytest
from filelock import FileLock, Timeout

from tl_core.data.stored import Stored, load, locked
from tl_core.errors import Stopped
from tl_core.progress import Progress


@pytest.fixture
def stored():
    return Stored(
        images=np.arange(4 * 12, dtype=np.uint8).reshape(4, 2, 2, 3),
        labels=np.array([0, 1, 0, 1]),
        tests=2,
        class_names=("Bär", "cat"),
        coarse_of_class=np.array([0, 0]),
        coarse_names=("animal",),
    )


def test_what_is_kept_comes_back_with_its_fingerprint(stored, tmp_path):
    folder = tmp_path / "deep" / "some-1"
    for _ in range(2):
        found, fingerprint = stored.kept(folder)
        assert (found.images == stored.images).all()
        assert (found.labels == stored.labels).all()
        assert found.class_names == stored.class_names
        assert found.tests == 2
        assert fingerprint == stored.fingerprint()
    assert load(tmp_path / "other") is None


def test_the_fingerprint_follows_pictures_labels_and_names(stored):
    changed = [
        {"images": stored.images + np.uint8(1)},
        {"labels": 1 - stored.labels},
        {"tests": 1},
        {"class_names": ("Bär", "dog")},
        {"coarse_names": ("pet",)},
    ]
    prints = {Stored(**(vars(stored) | change)).fingerprint() for change in changed}
    assert len(prints | {stored.fingerprint()}) == len(changed) + 1


def test_the_remains_of_a_killed_extraction_are_removed(stored, tmp_path):
    remains = tmp_path / ".writing-some-1-abc" / "part"
    remains.mkdir(parents=True)
    (remains / "images.npy").write_bytes(b"half")
    stored.kept(tmp_path / "some-1")
    assert [path.name for path in tmp_path.glob("*some*")] == ["some-1"]


def test_waiting_for_another_process_hears_a_stop(tmp_path):
    class Impatient(Progress):
        def advance(self, done, **figures):
            raise Stopped("stopped")

    path = tmp_path / "a.lock"
    with FileLock(path), pytest.raises(Stopped), locked(path, Impatient()):
        pytest.fail("two hold the lock")
    with locked(path, Impatient()), pytest.raises(Timeout):
        FileLock(path).acquire(timeout=0)


def test_the_lock_is_had_once_the_other_lets_go(tmp_path):
    path = tmp_path / "a.lock"
    other = FileLock(path, thread_local=False)
    other.acquire()
    release = threading.Timer(0.2, other.release)
    release.start()
    with locked(path, Progress()):
        assert not other.is_locked
    release.join()
