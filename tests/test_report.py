"""The HTML report and the model card: right figures, nothing fetched, nothing a name can break."""

import os
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from run_folders import write_run
from typer.testing import CliRunner

from scripts.browser_app import browsing, chromium_path
from tl_core.cli.commands import app
from tl_core.compare import compare
from tl_core.compare.pictures import test_set as shown_of
from tl_core.data import open_dataset
from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.report import model_card, report
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.recorded import record, recorded_runs
from tl_core.runs.store import Run, get_run

# A busy machine takes its time to draw; what is right is right then too.
_PATIENCE = 120_000

HOSTILE = '</script><img src="http://example.org/x.png" onerror="alert(1)">&amp; **x** | `y`'


def write(name: str, **options) -> Run:
    usual = {"classes": 10, "superclasses": 4, "test": 200, "dataset": "cifar100"}
    return write_run(name, **usual | options)


@pytest.fixture
def runs() -> list[Run]:
    return [
        write("a-1", skill=3.0, seed=1, backbone="vgg16"),
        write("b-2", skill=1.0, seed=2),
        write("c-3", skill=1.1, seed=3, recipe={"seed": 4}),
    ]


def change(run: Run, name: str = HOSTILE, **fields: object) -> Run:
    """Give the run's first class and superclass, its data, and its notes this name."""
    outcome, evaluation = run.outcome, run.evaluation
    data = outcome.dataset
    changed = data.model_copy(
        update={
            "title": name,
            "class_names": (name, *data.class_names[1:]),
            "coarse_names": (name, *data.coarse_names[1:]),
        }
    )
    outcome = outcome.model_copy(update={"dataset": changed, "notes": (name,), **fields})
    (run.folder / "outcome.json").write_text(outcome.model_dump_json())
    classes = [
        row.model_copy(
            update={
                "name": name if place == 0 else row.name,
                "superclass": name if place % 4 == 0 else row.superclass,
            }
        )
        for place, row in enumerate(evaluation.classes)
    ]
    kinds = (evaluation.superclasses[0].model_copy(update={"name": name}),)
    evaluation = evaluation.model_copy(
        update={"classes": tuple(classes), "superclasses": kinds + evaluation.superclasses[1:]}
    )
    (run.folder / "evaluation.json").write_text(evaluation.model_dump_json())
    return get_run(run.id)


def own_part(page: str) -> str:
    """Return the page without Plotly's script, which is several megabytes of others' code."""
    scripts = re.findall(r"<script>.*?</script>", page, re.DOTALL)
    return page.replace(max(scripts, key=len), "")


def test_the_page_says_what_the_comparison_says(runs):
    found = compare(runs)
    page = own_part(report(found, runs)).replace("\u00a0", " ")
    assert found.verdict in page
    assert len(found.runs) == 2
    for run in found.runs:
        assert f"{100 * run.top1.value:.1f} %" in page
        assert f"{100 * run.top5.low:.1f}–{100 * run.top5.high:.1f} %" in page
        assert f"{run.believable.before.brier:.3f}" in page
        assert f"{run.believable.after.brier:.3f}" in page
    for caveat in found.caveats:
        assert caveat in page
    assert "random weights" in page
    assert "2 seeds" in page


def test_demo_data_are_called_so(monkeypatch):
    def refuse(*arguments, **options):
        raise TransferLabError("Drawing them takes seconds.")

    monkeypatch.setattr("tl_core.compare.pictures.open_dataset", refuse)
    run = write("made-up", dataset="demo")
    assert "demo data, made by code" in report(compare([run]), [run])


def test_what_is_left_out_is_named_with_its_reason(runs):
    failed = write("failed", state="failed")
    page = report(compare([*runs, failed]), runs)
    assert "failed: It failed: It went wrong." in page


def test_the_page_loads_nothing_from_elsewhere(runs):
    page = report(compare(runs), runs)
    assert "default-src 'none'" in page
    assert page.count("* plotly.js (cartesian") == 1
    own = own_part(page)
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)[a-z/]""", own)


def test_a_report_needs_the_runs_it_is_about(runs):
    with pytest.raises(TransferLabError, match="a-1 is missing"):
        report(compare(runs), runs[1:])


def test_a_single_run_makes_a_report(runs):
    page = own_part(report(compare(runs[:1]), runs))
    assert "choose a second run" in page
    assert "<h2>Together</h2>" not in page


def test_names_are_shown_as_text(runs):
    changed = [change(run) for run in runs]
    page = own_part(report(compare(changed), changed))
    assert "<img src=" not in page
    assert page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;img" in page


@pytest.fixture
def pets(tmp_path):
    """A folder of 30 pictures of 40×30 pixels, each in its own grey."""
    for number in range(30):
        path = tmp_path / "pets" / ("cat" if number % 2 else "dog") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number * 8,) * 3).save(path)
    return f"folder:{tmp_path / 'pets'}"


def run_on(name: str) -> Run:
    """Return a run tested on this data at 48 pixels."""
    data = open_dataset(name, resolution=48)
    run = write("folder-1", classes=2, test=len(data.test), superclasses=0, dataset=name)
    outcome = run.outcome.model_copy(update={"dataset": dataset_info(data)})
    (run.folder / "outcome.json").write_text(outcome.model_dump_json())
    with np.load(run.folder / "predictions.npz") as stored:
        arrays = dict(stored)
    arrays["labels"] = data.labels[data.test]
    np.savez(run.folder / "predictions.npz", **arrays)
    found = evaluate(arrays["probabilities"], arrays["labels"], data.class_names, None, ())
    (run.folder / "evaluation.json").write_text(found.model_dump_json())
    return get_run(run.id)


def test_pictures_are_those_of_the_test_set(pets):
    run = run_on(pets)
    data = open_dataset(pets, resolution=48)
    shown = shown_of(run).pictures([2, 0])
    assert shown.shape == (2, 48, 48, 3)
    assert np.array_equal(shown, data.images.read(data.test[[2, 0]]))
    page = report(compare([run]), [run])
    assert page.count('<img src="data:image/png;base64,') >= len(data.test)
    assert pets.removeprefix("folder:") not in page


def test_pictures_that_have_changed_are_not_shown_for_those_tested_on(pets):
    run = run_on(pets)
    data = open_dataset(pets, resolution=48)
    path = data.images._paths[data.test[0]]
    os.utime(path, (1, 1))
    with pytest.raises(TransferLabError, match="has changed since"):
        shown_of(run)
    page = own_part(report(compare([run]), [run]))
    assert "has changed since" in page
    assert "data:image" not in page


def test_data_that_are_not_here_are_not_fetched_for_their_pictures(monkeypatch):
    def fetch(*arguments, **options):
        pytest.fail("it tried to download")

    monkeypatch.setattr("tl_core.data.cifar100.download", fetch)
    run = write("photographs")
    with pytest.raises(TransferLabError, match="not on this machine"):
        shown_of(run)
    with pytest.raises(TransferLabError, match="not tested"):
        shown_of(write("failed", state="failed"))


def test_a_card_has_the_figures_the_recipe_and_the_hash():
    run = write("a-1", backbone="vgg16")
    weights = run.outcome.weights.model_copy(
        update={"kind": "imagenet", "file": "vgg16.h5", "sha256": "ab" * 32, "bytes": 1234567}
    )
    run = change(run, "Flowers", weights=weights)
    card, evaluation = model_card(run), run.evaluation
    top1 = evaluation.top1
    assert card.startswith("# VGG16 · Frozen backbone · 1\n")
    interval = f"{100 * top1.low:.1f}–{100 * top1.high:.1f} %"
    assert f"| Top-1 accuracy | {100 * top1.value:.1f} % ({interval}) |" in card
    assert f"| sha256 | {'ab' * 32} |" in card
    assert "| Bytes | 1,234,567 |" in card
    assert "| Licence of the weights | CC BY 4.0 |" in card
    rate = run.recipe.head_rate(run.outcome.dataset.train)
    assert f"| learning rate | {rate:.3g} |" in card
    assert "| batch norm | no |" in card
    assert "| fine tune blocks | 0 |" in card
    assert "uint8 N×32×32×3" in card
    assert "Random weights" not in card
    worst = min(evaluation.classes, key=lambda row: row.accuracy)
    assert f"Hardest classes: {worst.name} {100 * worst.accuracy:.0f} %" in card
    for title in ("Data", "Weights", "Figures", "Calibration", "Cost", "Limits"):
        assert f"\n## {title}\n" in card


def test_a_card_warns_of_demo_data_random_weights_and_recorded_runs():
    run = write("a-1", dataset="demo")
    card = model_card(record(run))
    for warning in ("> **Demo data.**", "> **Random weights.**", "> **Recorded.**"):
        assert warning in card
    assert "**Recorded.**" not in model_card(run)


def test_names_cannot_break_a_card():
    card = model_card(change(write("a-1")))
    assert "<img" not in card.replace("\\<", "")
    assert "**x**" not in card
    rows = [line for line in card.splitlines() if line.startswith("| Data set")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 3


def test_a_run_without_results_has_no_card():
    with pytest.raises(TransferLabError, match="it is failed"):
        model_card(write("failed", state="failed"))


def tl(*arguments: str, code: int = 0):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_the_commands_write_files(runs, tmp_path):
    page = tmp_path / "out" / "report.html"
    shown = tl("report", "a-1", "b-2", "--output", str(page))
    assert str(page) in shown.stdout
    assert compare(runs[:2]).verdict in page.read_text(encoding="utf-8")
    cards = {run.id: (page.parent / f"{run.id}.md").read_text() for run in runs[:2]}
    assert cards == {run.id: model_card(run) for run in runs[:2]}
    tl("report", "a-1", "b-2", "--no-cards", "--output", str(tmp_path / "alone" / "report.html"))
    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["report.html"]
    assert page.stat().st_mode & 0o077 == 0o666 & ~_umask() & 0o077
    card = tmp_path / "card.md"
    tl("card", "a-1", "-o", str(card))
    assert card.read_text() == model_card(runs[0]) == tl("card", "a-1").stdout
    copy = tl("record", "a-1").stdout
    assert str(recorded_runs()[0].folder) in copy
    assert "Recorded elsewhere" in tl("compare", "recorded/a-1").stdout
    blocked = tl("card", "a-1", "-o", str(card / "inside.md"), code=1)
    assert "choose another file" in blocked.stderr
    assert "no run" in tl("record", "recorded/a-1", code=1).stderr


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        reason = "needs Chromium on the path"
        if os.environ.get("TL_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    expect.set_options(timeout=_PATIENCE)
    with browsing() as browser:
        yield browser
    expect.set_options(timeout=5_000)


def _a_pair_of_superclasses_opens(page):
    pairs = page.get_by_role("combobox", name="Open", exact=True)
    second = pairs.locator("option").nth(1).inner_text()
    pairs.select_option(index=1)
    title, pair = second.rsplit(": ", 1)
    truth, answer = pair.split(", ")[0].split(" called ")
    opened = f"Pictures of {truth} that {title} calls {answer}, class by class"
    expect(page.get_by_role("figure", name=opened).locator(".hm")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_offline_and_answers_to_clicks(browser, runs, tmp_path, scheme):
    # Names that would act as HTML, were they not text.
    changed = [change(run) for run in runs]
    path = tmp_path / "report.html"
    path.write_text(report(compare(changed), changed), encoding="utf-8")
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())

    _every_visible_figure_is_drawn(page)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.locator(".chart").first.evaluate("chart => chart.layout.font.color")
    assert (paper, ink) == {
        "light": ("rgb(252, 252, 250)", "#1c2826"),
        "dark": ("rgb(17, 25, 23)", "#e6ece9"),
    }[scheme]
    page.get_by_label("Cost").select_option(label="Size on disk")
    shown = page.get_by_role("figure", name="Top-1 accuracy against size on disk of each run")
    expect(shown.locator(".scatterlayer")).to_be_visible()
    hidden = page.locator("[aria-label='Top-1 accuracy against time per picture of each run']")
    expect(hidden).to_be_hidden()
    _every_visible_figure_is_drawn(page)
    _a_pair_of_superclasses_opens(page)
    _classes_sort_and_filter(page)
    assert complaints == []
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    context.close()


def _every_visible_figure_is_drawn(page: Page) -> None:
    page.wait_for_function(
        """() => [...document.querySelectorAll('.chart')]
          .filter(chart => !chart.closest('[hidden]'))
          .every(chart => chart.querySelector('.main-svg') && chart.clientHeight > 100)"""
    )
    assert page.locator(".chart:visible").count() >= 8


def _classes_sort_and_filter(page: Page) -> None:
    page.get_by_text("All 10 classes").click()
    rows = page.locator("#classes tbody tr")
    expect(rows).to_have_count(10)
    spread = page.locator("#classes").get_by_role("button", name="Spread")
    for order in ("descending", "ascending"):
        spread.click()
        values = rows.locator("td:last-child").evaluate_all(
            "cells => cells.map(c => +c.dataset.by)"
        )
        assert values == sorted(values, reverse=order == "descending")
        expect(spread.locator("..")).to_have_attribute("aria-sort", order)
    page.get_by_role("searchbox").fill("class 3")
    expect(page.locator("#classes tbody tr:visible")).to_have_count(1)
