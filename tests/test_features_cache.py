import os
from pathlib import Path

import numpy as np
import pytest

from tl_core.errors import TransferLabError
from tl_core.features import cache
from tl_core.features.cache import DoesNotFit, Entry, Kept, clear, usage
from tl_core.features.locks import try_lock
from tl_core.features.shards import needs_float32
from tl_core.settings import settings

ROWS = 50
ROW_VALUES = 5000
BYTES = ROWS * ROW_VALUES * 2


def _fill(name: str) -> Kept:
    entry = Entry({"name": name})
    with entry.filling(ROWS, "float16", {"values": (ROW_VALUES,)}, _unwanted) as filling:
        for first, last in filling.shards.missing():
            filling.add(first, [np.ones((last - first, ROW_VALUES), np.float32)])
        return filling.finish()


def _unwanted(done: int) -> None:
    raise AssertionError(f"waited for another process at {done}")


def _names() -> set[object]:
    return {entry.document["name"] for entry in usage().entries}


def _age(name: str, seconds: float) -> None:
    os.utime(Entry({"name": name}).folder / "key.json", (seconds, seconds))


def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TL_CACHE_LIMIT_GB", str(2.5 * BYTES / 1e9))
    _fill("old")
    _fill("new")
    _age("new", 1000)
    _age("old", 500)
    assert Entry({"name": "old"}).find() is not None
    _fill("newest")
    assert _names() == {"old", "newest"}


def test_what_is_in_use_is_never_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TL_CACHE_LIMIT_GB", str(1.5 * BYTES / 1e9))
    used = _fill("used")
    with pytest.raises(DoesNotFit, match="TL_CACHE_LIMIT_GB"):
        _fill("other")
    values = used.arrays["values"]
    del used
    assert clear() == (0, 1)
    assert values[3:5].sum() == 2 * ROW_VALUES
    del values
    _fill("other")
    assert _names() == {"other"}


def test_more_than_the_limit_is_refused_before_anything_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _fill("kept")
    monkeypatch.setenv("TL_CACHE_LIMIT_GB", str(0.5 * BYTES / 1e9))
    with pytest.raises(DoesNotFit, match="the cache may hold"):
        _fill("too large")
    assert _names() == {"kept"}


def test_a_disk_without_room_is_said_before_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SPARE_BYTES", 10**18)
    with pytest.raises(DoesNotFit, match="TL_ARTIFACTS_DIR"):
        _fill("any")


def test_usage_and_clear() -> None:
    assert usage().entries == ()
    _fill("one")
    kept = _fill("two")
    found = usage()
    assert [entry.images for entry in found.entries] == [ROWS, ROWS]
    assert all(entry.complete for entry in found.entries)
    assert {e.document["name"]: e.in_use for e in found.entries} == {"one": False, "two": True}
    assert found.bytes == pytest.approx(2 * BYTES, rel=0.05)
    assert found.limit == 20e9
    freed, left = clear()
    assert freed == pytest.approx(BYTES, rel=0.05)
    assert left == 1
    del kept
    clear()
    assert usage().entries == ()
    assert not list((settings().cache / "locks").iterdir())


def test_a_harmed_part_is_written_again_though_in_use() -> None:
    kept = _fill("one")
    path = Entry({"name": "one"}).folder / "values.bin"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    assert Entry({"name": "one"}).find() is None
    again = _fill("one")
    assert np.sum(again.arrays["values"], dtype=np.float64) == ROWS * ROW_VALUES
    del kept


def test_a_removal_that_was_interrupted_is_taken_up_again() -> None:
    _fill("one")
    folder = Entry({"name": "one"}).folder
    (folder / "values.bin").unlink()
    assert Entry({"name": "one"}).find() is None
    clear()
    assert not folder.exists()


def test_two_that_make_room_at_once_do_not_meet() -> None:
    _fill("one")
    (seen,) = usage().entries
    assert clear()[1] == 0
    assert cache._remove(seen.key)
    assert not list((settings().cache / "locks").iterdir())


def test_a_removal_that_fails_lets_the_entry_go() -> None:
    _fill("one")
    entry = Entry({"name": "one"})
    (entry.folder / "kept").mkdir()
    with pytest.raises(OSError, match="kept"):
        clear()
    (entry.folder / "kept").rmdir()
    assert clear()[1] == 0
    assert not entry.folder.exists()


def test_an_unreadable_state_is_built_anew() -> None:
    _fill("one")
    (Entry({"name": "one"}).folder / "state.json").write_text("{broken")
    assert Entry({"name": "one"}).find() is None
    assert np.sum(_fill("one").arrays["values"], dtype=np.float64) == ROWS * ROW_VALUES


@pytest.mark.parametrize("value", ["0", "-1", "much", "nan", "inf"])
def test_a_senseless_limit_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TL_CACHE_LIMIT_GB", value)
    with pytest.raises(TransferLabError, match="TL_CACHE_LIMIT_GB"):
        settings()


def test_locks_are_many_readers_or_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = try_lock(path, write=False), try_lock(path, write=False)
    assert first is not None
    assert second is not None
    assert try_lock(path, write=True) is None
    first.release()
    second.release()
    writer = try_lock(path, write=True)
    assert writer is not None
    assert try_lock(path, write=False) is None


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_values_that_float16_spoils_are_told(scale: float) -> None:
    ordinary = np.random.default_rng(0).random((16, 100), np.float32)
    assert not needs_float32([ordinary, 100 * ordinary, np.zeros((16, 3), np.float32)])
    assert needs_float32([ordinary, ordinary * np.float32(scale)])
