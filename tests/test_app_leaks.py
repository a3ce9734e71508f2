"""No page says where things lie, what the environment holds, or where the code failed."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from app_pages import ROOT, seen
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from pages.parts import choose, home, live, log, pictures
from pages.parts.comparing import verdict
from pages.parts.history import table
from pages.parts.words import said
from tl_core.paths import without_folders

PAGES = (
    "app.py",
    "pages/1_Train.py",
    "pages/2_Compare.py",
    "pages/3_Predict.py",
    "pages/4_Runs.py",
)
_SECRET = "s3cr3t-v4lue"


def everything(app: AppTest) -> str:
    """Return all that the page sent to the browser."""

    def parts(node: Any) -> list[str]:
        own = [str(node.proto)] if getattr(node, "proto", None) is not None else []
        below = getattr(node, "children", {})
        return own + [text for child in below.values() for text in parts(child)]

    return "\n".join(parts(app._tree))


def _assert_says_nothing(app: AppTest, *folders: Path) -> str:
    assert not app.exception
    text = everything(app)
    for hidden in (ROOT, Path.home() / "", Path.cwd(), *folders):
        # Markdown's own marks are escaped on their way, underscores in a folder's name among them.
        assert f"{hidden}/".replace("//", "/") not in text.replace("\\", ""), hidden
    for hidden in (_SECRET, "Traceback", 'File "', "site-packages"):
        assert hidden not in text.replace('\\"', '"'), hidden
    return text


def _odd_runs(artifacts: Path, elsewhere: Path) -> None:
    write_run("20261122-0701-vgg16-frozen-aaaa")
    write_run(
        "20261122-0702-vgg16-frozen-bbbb", state="queued", dataset=f"folder:{elsewhere}/birds"
    )
    failed = write_run("20261122-0703-vgg16-frozen-cccc", state="failed")
    status = failed.status.model_copy(
        update={"message": f"{elsewhere}/birds/a.png and {artifacts}/cache/x cannot be read."}
    )
    (failed.folder / "status.json").write_text(status.model_dump_json())
    damaged = write_run("20261122-0704-vgg16-frozen-dddd")
    (damaged.folder / "recipe.json").write_text('{"version": 9}')
    foreign = write_run("20261122-0705-vgg16-frozen-eeee")
    (foreign.folder / "evaluation.json").write_text("[]")
    looped = artifacts / "runs" / "20261122-0706-vgg16-frozen-ffff"
    looped.mkdir()
    (looped / "recipe.json").symlink_to(looped / "recipe.json")
    (looped / "status.json").mkdir()
    without = write_run("20261122-0707-vgg16-frozen-0000", seed=3)
    (without.folder / "predictions.npz").unlink()
    broken = write_run("20261122-0708-vgg16-frozen-1111", seed=4)
    (broken.folder / "model.keras").write_bytes(b"no model")
    (artifacts / "runs" / "a file").write_text("x")


@pytest.fixture
def odd(own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    elsewhere = tmp_path / "elsewhere"
    for variable in ("TL_DATA_DIR", "TL_WEIGHTS_DIR"):
        folder = elsewhere / variable
        folder.mkdir(parents=True)
        (folder / "cifar-100-python.tar.gz").write_bytes(b"no archive")
        (folder / "vgg16_notop.weights.h5").write_bytes(b"no weights")
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("SOME_TOKEN", _SECRET)
    _odd_runs(own_folders, elsewhere)
    return elsewhere


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_folder_whatever_lies_in_them(
    page: str, odd: Path, own_folders: Path, tmp_path: Path
) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if page != PAGES[0]:
        app.switch_page(page)
    if "Train" in page:
        app.query_params["view"] = "Live"
    if "Runs" in page:
        # The one whose message names files is looked at.
        app.query_params["run"] = "20261122-0703-vgg16-frozen-cccc"
    text = _assert_says_nothing(app.run(), own_folders, odd, tmp_path)
    assert "20261122" in text or "frozen" in text.lower()


def test_a_folder_that_cannot_be_used_is_named_by_its_last_part(tmp_path: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page("pages/1_Train.py").run()
    app.segmented_control(key="train_data").set_value("folder:<path>").run()
    given = tmp_path / "secret-place" / "birds"
    app.text_input(key="train_folder").set_value(str(given)).run()
    (error,) = app.error
    assert seen(error.value).startswith("…/birds is not a folder; give one that holds")
    assert str(tmp_path) not in error.value


_BREAKS = {
    "app.py": (home, "latest_runs"),
    "pages/1_Train.py": (choose, "choose_data"),
    "pages/2_Compare.py": (verdict, "draw"),
    "pages/3_Predict.py": (pictures, "choose"),
    "pages/4_Runs.py": (table, "draw"),
}


@pytest.mark.parametrize("page", PAGES)
def test_what_nobody_foresaw_is_a_code_whose_traceback_is_in_the_log(
    page: str, own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run("20261122-0701-vgg16-frozen-aaaa").model_path.write_bytes(b"")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"{_SECRET} in {tmp_path}/x")

    module, name = _BREAKS[page]
    monkeypatch.setattr(module, name, fail)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if page != PAGES[0]:
        app.switch_page(page)
    _assert_says_nothing(app.run(), own_folders, tmp_path)
    (error,) = app.error
    code = re.search(r"details under (\w{6});", error.value)
    assert code
    written = (own_folders / "logs" / "app.log").read_text()
    assert f"ERROR {code[1]}: RuntimeError" in written
    assert f"RuntimeError: {_SECRET} in {tmp_path}/x" in written


def test_a_live_view_that_fails_says_a_code_too(monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(state="queued")
    monkeypatch.setattr(live, "_card", lambda run: 1 / 0)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page("pages/1_Train.py")
    app.query_params["view"] = "Live"
    _assert_says_nothing(app.run())
    assert "details under" in app.error[0].value


def test_the_log_is_kept_short_and_can_do_without_a_folder(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log, "_MOST_BYTES", 3000)
    for _ in range(40):
        log.unexpected(ValueError("x" * 300))
    files = sorted(path.name for path in (own_folders / "logs").iterdir())
    assert files == ["app.log", "app.log.1", "app.log.2", "app.log.3"]
    own_folders.joinpath("file").write_text("")
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(own_folders / "file"))
    with caplog.at_level(logging.WARNING):
        code = log.unexpected(ValueError("kept elsewhere"))
    assert f"{code}: ValueError" in caplog.text
    assert "kept elsewhere" in caplog.text


def test_a_download_that_cannot_be_made_is_in_the_log(own_folders: Path) -> None:
    assert log.logged(lambda: b"made")() == b"made"
    with pytest.raises(ZeroDivisionError):
        log.logged(lambda: bytes(1 // 0))()
    assert "ZeroDivisionError" in (own_folders / "logs" / "app.log").read_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/data/birds/a.png cannot be read", "…/a.png cannot be read"),
        ("it is in '/etc/passwd' (/root/x y)", "it is in '…/passwd' (…/x y)"),
        ("folder:/home/me/birds has 3 images/s", "folder:…/birds has 3 images/s"),
        ("see https://keras.io/a/b or ~/.keras", "see https://keras.io/a/b or ~/.keras"),
        ("/data is full", "…/data is full"),
        ("error:/home/me/x is bad", "error:…/x is bad"),
        ("/home/me/my own birds/a.png cannot be read", "…/a.png cannot be read"),
        ("3 of 4 images/s, 20 min / 3", "3 of 4 images/s, 20 min / 3"),
    ],
)
def test_of_a_path_the_last_part_stays(text: str, shown: str) -> None:
    assert without_folders(text) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`tl log RUN` shows why.", "`tl log RUN` shows why."),
        ("Choose the weights `random`.", "Choose the weights `random`."),
        ("Put /srv/here/my_file.h5 there", r"Put …/my\_file.h5 there"),
        ("See `/srv/here/my_file.h5`.", "See `…/my_file.h5`."),
        ("`tl log` and `a:b`, then `tl runs`", "`tl log` and \\`a\\:\u2060b\\`, then `tl runs`"),
        ("a `b:c` and `d`", "a \\`b\\:\u2060c\\` and `d`"),
        ("of `*bold*` or [a](b)", r"of \`\*bold\*\` or \[a\](b)"),
    ],
)
def test_a_message_shows_commands_as_code_and_all_else_as_it_is(message: str, shown: str) -> None:
    assert said(message) == shown


def test_folders_of_the_installation_are_known_also_with_spaces(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "my own place"
    monkeypatch.setenv("TL_DATA_DIR", str(place))
    assert without_folders(f"{place}/cifar is at {place}.") == "…/cifar is at …/my own place."
