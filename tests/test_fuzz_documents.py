"""Whatever became of a stored document, readers get a result or a sentence, and the rest works."""

import copy
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_pages import open_page, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.backbones.hashes import file_hash
from tl_core.cli.commands import app
from tl_core.compare import compare
from tl_core.errors import TransferLabError
from tl_core.features import cache
from tl_core.report import model_card
from tl_core.runs.analysis import analysis
from tl_core.runs.environment import environment_of
from tl_core.runs.names import run_title
from tl_core.runs.queue import submit
from tl_core.runs.store import Run, list_runs
from tl_core.runs.summary import summary
from tl_core.settings import settings as folders
from tl_core.training import rates
from tl_core.training.recipe import make_recipe

HARMED, INTACT = "20261122-0701-vgg16-frozen-aaaa", "20261122-0702-mobilenet_v2-frozen-bbbb"
DOCUMENTS = (
    "recipe.json",
    "status.json",
    "outcome.json",
    "evaluation.json",
    "analysis.json",
    "metrics.jsonl",
    "about.json",
    "environment.json",
    "labels.json",
    "predictions.npz",
    "log.txt",
)

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, -(10**30), 1e308, -1e308, 1e-320]),
    st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    st.integers(-3, 3),
    st.text(max_size=8),
    st.sampled_from(["../../etc/passwd", "<b>x</b>", "\x00", "\ud800", "running", "a" * 9999]),
    st.just([]),
    st.just({}),
    st.just([[[]]]),
    st.just(["x"] * 3),
)


def _paths(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document[:3])
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from _paths(value, (*at, key))


def _replaced(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    changed = document.copy()
    changed[at[0]] = _replaced(changed[at[0]], at[1:], value)
    return changed


@st.composite
def _bytes(draw: st.DrawFn, intact: bytes) -> bytes:
    """Cut, flip, repeat or replace bytes."""
    data = bytearray(intact)
    if draw(st.booleans()):
        del data[int(draw(st.floats(0, 1)) * len(data)) :]
    for place, wound in draw(
        st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=5)), max_size=4)
    ):
        start = int(place * len(data))
        data[start : start + len(wound)] = wound
    return bytes(data) + draw(st.sampled_from([b"", b"\0", b"}", b"\xff\xfe", bytes(data[:99])]))


@st.composite
def _json(draw: st.DrawFn, intact: bytes) -> bytes:
    """Give one or two fields other values, take some away, add some."""
    document = json.loads(intact)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(list(_paths(document))))
        if at and draw(st.integers(0, 4)) == 0:
            holder = document = copy.deepcopy(document)
            for key in at[:-1]:
                holder = holder[key]
            del holder[at[-1]]
        else:
            document = _replaced(document, at, copy.deepcopy(draw(_ODD)))
        if not isinstance(document, dict | list) or not document:
            break
    return json.dumps(document).encode()


@st.composite
def _damage(draw: st.DrawFn, name: str, intact: bytes) -> bytes:
    if name.endswith(".npz"):
        return draw(st.one_of(_bytes(intact), _arrays(intact)))
    if name.endswith(".jsonl"):
        lines = intact.splitlines()
        place = draw(st.integers(0, len(lines) - 1))
        lines[place] = draw(_json(lines[place]))
        return draw(st.one_of(st.just(b"\n".join(lines)), _bytes(intact)))
    if name.endswith(".json"):
        return draw(st.one_of(_json(intact), _bytes(intact), st.just(b"[" * 200_000)))
    return draw(_bytes(intact))


@st.composite
def _arrays(draw: st.DrawFn, intact: bytes) -> bytes:
    """Give the stored arrays other shapes, types and values, or make one of objects (a pickle)."""
    with np.load(io.BytesIO(intact)) as stored:
        arrays: dict[str, Any] = dict(stored)
    name = draw(st.sampled_from(sorted(arrays)))
    values = arrays[name]
    change: Callable[[Any], Any] = draw(
        st.sampled_from(
            [
                lambda a: a[:0],
                lambda a: a[:-1],
                lambda a: a[..., None],
                lambda a: a.ravel(),
                lambda a: a[..., :1],
                lambda a: np.float64(0),
                lambda a: np.array("words"),
                lambda a: a.astype(str),
                lambda a: a.astype(complex),
                lambda a: a.astype(bool),
                lambda a: a.astype(object),
                lambda a: a - 10**6,
                lambda a: a * 0 + 10**6,
                lambda a: np.full(a.shape, np.nan),
                lambda a: np.full(a.shape, np.inf),
                lambda a: np.full(a.shape, -1.0),
                lambda a: np.zeros(a.shape),
                lambda a: a.astype("datetime64[s]") if a.dtype.kind == "i" else a[::-1],
                lambda a: np.zeros(3, [("x", "i4")]),
                None,
            ]
        )
    )
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(values)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts with two finished runs and one of each document."""
    place = tmp_path_factory.mktemp("intact")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TL_ARTIFACTS_DIR", str(place))
        patch.setenv("TL_RECORDED_DIR", str(place / "recorded"))
        for seed, name in enumerate((HARMED, INTACT)):
            backbone = name.split("-")[2]
            run = write_run(name, backbone=backbone, classes=6, test=60, seed=seed, superclasses=2)
            analysis(run)
            (run.folder / "about.json").write_text(
                '{"version": 1, "name": "one", "tags": ["a"], "note": "n"}'
            )
            (run.folder / "environment.json").write_text('{"TL_CACHE_LIMIT_GB": "5"}')
            (run.folder / "log.txt").write_text("a line\n")
        assert compare(list_runs()).runs
    return place


def _read(run: Run) -> None:
    """Ask for everything that any reader asks of a run."""
    for ask in (
        lambda: run.problem,
        lambda: run.active,
        lambda: run.status,
        lambda: run.recipe,
        lambda: run.outcome,
        lambda: run.evaluation,
        lambda: run.about,
        run.metrics,
        run.log,
        run.predictions,
        run.validation_predictions,
        lambda: run_title(run),
        lambda: json.dumps(summary(run), ensure_ascii=True),
        lambda: analysis(run),
        lambda: model_card(run),
        lambda: environment_of(run.folder),
    ):
        try:
            ask()
        except TransferLabError as error:
            assert "\n" not in str(error).strip()
            assert len(str(error)) < 1000


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_damaged_document_harms_its_own_run_alone(
    name: str, intact: Path, own_folders: Path
) -> None:
    runs = own_folders / "runs"
    shutil.copytree(intact / "runs", runs)
    path = runs / HARMED / name
    before = path.read_bytes() if path.exists() else b'{"version": 1}'

    @settings(
        deadline=None,
        max_examples=20,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        for other in (intact / "runs" / HARMED).iterdir():
            shutil.copy2(other, runs / HARMED / other.name)
        path.write_bytes(data.draw(_damage(name, before)))
        found = {run.id: run for run in list_runs()}
        assert set(found) == {HARMED, INTACT}
        _read(found[HARMED])
        assert not found[INTACT].problem
        try:
            compared = compare(list(found.values()))
        except TransferLabError as error:
            # Two runs that say they were tested alike, and were not: which one is right?
            assert "one of them is damaged" in str(error)
        else:
            assert INTACT in {row.run for row in compared.runs}

    damaged()


_WORST = (b"", b"{", b"null", b"[" * 200_000, b'{"version": 99}', b"\xff\x00" * 50, b"PK\3\4")


def test_commands_and_pages_go_on_beside_damaged_runs(intact: Path, own_folders: Path) -> None:
    runs = own_folders / "runs"
    shutil.copytree(intact / "runs" / INTACT, runs / INTACT)
    for number, name in enumerate(DOCUMENTS):
        copy = runs / f"20261121-{number:04}-vgg16-frozen-{number:04x}"
        shutil.copytree(intact / "runs" / HARMED, copy)
        (copy / name).write_bytes(_WORST[number % len(_WORST)])
    for arguments in (
        ["runs"],
        ["runs", "--json"],
        *(["show", path.name, "--json"] for path in runs.iterdir() if path.is_dir()),
        ["compare", INTACT, "--json"],
        ["compare", *(path.name for path in runs.iterdir() if path.is_dir()), "--json"],
        ["card", INTACT],
        ["cache"],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code in (0, 1), arguments
        assert "not foreseen" not in done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        if arguments[:2] == ["compare", INTACT] or arguments == ["runs"]:
            assert INTACT in done.stdout, arguments
    for page in (None, "1_Train", "2_Compare", "3_Predict", "4_Runs"):
        opened = open_page(page)
        assert "unexpected" not in texts(opened)


@pytest.mark.parametrize("harm", _WORST)
def test_what_is_only_remembered_may_be_damaged(harm: bytes, own_folders: Path) -> None:
    kept = folders().cache
    entry = kept / "features" / "0123"
    entry.mkdir(parents=True)
    for path in (
        kept / "rates.json",
        kept / "hashes.json",
        kept / "engines.json",
        entry / "key.json",
        entry / "state.json",
    ):
        path.write_bytes(harm)
    assert rates.recall() == ({} if harm[:2] != b'{"' else {"version": 99.0})
    rates.remember("features/x", 1000, 10)
    assert rates.recall()["features/x"] == 100
    assert len(file_hash(entry / "key.json", "sha256")) == 64
    assert cache.usage().entries is not None
    for harmed in ('{"a": "fast"}', '{"a": NaN}', '{"a": 1' + "0" * 400 + "}", '{"a": -1}', "[1]"):
        (kept / "rates.json").write_text(harmed)
        assert rates.recall() == {}


@pytest.mark.parametrize("page", [None, "1_Train", "2_Compare", "3_Predict", "4_Runs"])
def test_artifacts_that_are_no_folder_are_a_sentence(
    page: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a file"
    file.write_text("not a folder")
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(file))
    monkeypatch.setenv("TL_RECORDED_DIR", str(file))
    opened = open_page(page)
    assert not any("unexpected" in str(error.value) for error in opened.error)
    done = CliRunner().invoke(app, ["runs"])
    assert done.exit_code in (0, 1)
    assert "not foreseen" not in done.stderr


@pytest.mark.parametrize("page", [None, "1_Train", "2_Compare", "3_Predict", "4_Runs"])
def test_a_folder_that_cannot_be_written_can_still_be_read(
    page: str | None, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    # Root may write everywhere, so the system calls fail by hand.
    for call in ("mkdir", "replace", "rename", "symlink"):
        monkeypatch.setattr(f"os.{call}", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    opened = open_page(page)
    assert not any("unexpected" in str(error.value) for error in opened.error)
    assert opened.title
    assert [run.problem for run in list_runs()] == [None]
    with pytest.raises(TransferLabError, match=r"Read-only|read-only|writable"):
        submit(make_recipe(backbone="vgg16", dataset="demo"))


@pytest.mark.parametrize("superclasses", [0, 2])
def test_a_run_that_lost_the_name_of_a_class_is_read_or_said_to_be_damaged(
    superclasses: int, own_folders: Path
) -> None:
    run = write_run(superclasses=superclasses)
    path = run.folder / "outcome.json"
    outcome = json.loads(path.read_text())
    outcome["dataset"]["class_names"].pop()
    path.write_text(json.dumps(outcome))
    (found,) = list_runs()
    assert ("superclasses do not fit" in (found.problem or "")) == bool(superclasses)
    _read(found)
