"""The sections of Compare, on runs with superclasses and several seeds."""

import html
import json

import numpy as np
import pytest
from app_pages import calm, charts, open_page, seen, tables, texts
from run_folders import write_run
from sklearn.metrics import cohen_kappa_score, top_k_accuracy_score
from streamlit.testing.v1 import AppTest

from pages.parts import words
from tl_core.compare import compare
from tl_core.report import model_card
from tl_core.runs import about
from tl_core.runs.store import get_run
from tl_core.wording import percent

BEST = "20261122-0741-vgg16-frozen-aaaa"
OTHER = "20261122-0742-mobilenet_v2-frozen-bbbb"
_CALIBRATION = {
    "ECE": ("ece", percent),
    "Adaptive ECE": ("adaptive_ece", percent),
    "Brier": ("brier", "{:.3f}".format),
    "Loss": ("loss", "{:.3f}".format),
}
SECTIONS = ("Verdict", "Cost", "Curves", "Failures", "Confidence", "Together", "Report")


@pytest.fixture
def runs() -> None:
    write_run(BEST, backbone="vgg16", skill=3.0, superclasses=2)
    write_run(OTHER, seed=1, superclasses=2, created=1_700_000_100.0)


def _open(tab: str, **address: str) -> AppTest:
    return calm(open_page("2_Compare", tab=tab, **address))


def _names(page: AppTest) -> list[str]:
    return [sent["alt"] for sent in charts(page)]


def test_the_answer_stands_first(runs: None) -> None:
    page = _open("Verdict")
    assert page.header[0].value == compare([get_run(BEST), get_run(OTHER)]).verdict
    assert "better" in str(charts(page)[1]["light"]["data"])


def test_seeds_of_one_recipe_are_one_run_with_a_spread() -> None:
    for seed in range(3):
        write_run(f"20261122-074{seed}-vgg16-frozen-000{seed}", seed=seed, recipe={"seed": seed})
    every = [f"20261122-074{seed}-vgg16-frozen-000{seed}" for seed in range(3)]
    page = calm(open_page("2_Compare", runs=every))
    assert len(page.metric) == 1
    assert "standard deviation" in texts(page)
    assert any("seed" in name for name in _names(page))


def test_the_cost_on_the_axis_is_the_reader_s_choice(runs: None) -> None:
    page = _open("Cost", cost="Parameters")
    (sent,) = charts(page)
    assert "million" in sent["light"]["layout"]["xaxis"]["title"]["text"]
    assert "nothing here is both cheaper and more accurate than: VGG16" in texts(page)


def test_what_was_expected_stands_beside_what_it_took(runs: None) -> None:
    row = tables(_open("Cost"))[0][0]
    assert row["Features"] == "30\u00a0s (expected\u00a040\u00a0s)"
    assert row["Whole run"] == "53\u00a0s (expected\u00a060\u00a0s)"


def test_a_pair_of_superclasses_opens_into_its_classes(runs: None) -> None:
    page = _open("Failures", part="Confusions", truth="kind 0", answer="kind 1")
    pair = next(sent for sent in charts(page) if "class by class" in sent["alt"])
    inside = pair["light"]["data"][0]
    matrix = get_run(BEST).evaluation.confusion
    coarse = get_run(BEST).outcome.dataset.coarse_of_class
    rows = [number for number, group in enumerate(coarse) if group == 0]
    columns = [number for number, group in enumerate(coarse) if group == 1]
    expected = [[str(matrix[r][c] or "") for c in columns] for r in rows]
    assert inside["text"] == expected


def test_the_class_table_filters_by_superclass(runs: None) -> None:
    page = _open("Failures")
    everything = page.dataframe[0].value
    assert len(everything) == 10
    assert (everything["Spread"] >= 0).all()
    page.selectbox(key="superclass").set_value("kind 1").run()
    assert set(calm(page).dataframe[0].value["Superclass"]) == {"kind 1"}


def test_pictures_that_are_not_here_are_said_not_guessed(runs: None) -> None:
    for part in ("Confusions", "Pictures"):
        assert "has changed since the run" in texts(_open("Failures", part=part))


def test_each_kind_of_picture_is_shown_with_every_answer(runs: None) -> None:
    page = _open("Failures", part="Pictures")
    comparison = compare([get_run(BEST), get_run(OTHER)])
    for kind, exhibits in (
        ("Hardest", comparison.hardest),
        ("Only one is right", comparison.runs[0].only_right),
        ("Confident mistakes", comparison.runs[0].confident_mistakes),
    ):
        page.segmented_control(key="gallery").set_value(kind).run()
        shown = [text.value for text in calm(page).markdown if "test picture" in text.value]
        assert len(shown) == min(12, len(exhibits))
        assert f"test picture {exhibits[0].position}]" in shown[0]
        for number, answer in enumerate(exhibits[0].answers, start=1):
            named = comparison.data.class_names[answer.answer]
            assert f"{number} {named} {percent(answer.confidence)}" in seen(shown[0])
        legend = next(text.value for text in page.markdown if " 1 " in text.value)
        assert [run.title in seen(legend) for run in comparison.runs] == [True, True]


def test_pictures_in_a_row_are_whole_with_nothing_between() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
    row = words.in_a_row(list(pictures), 2)
    assert row.shape == (4, 3 * 5 + 2 * 2, 4)
    assert (row[:, [5, 6, 12, 13], 3] == 0).all()
    for number, picture in enumerate(pictures):
        place = row[:, 7 * number : 7 * number + 5]
        assert (place[..., 3] == 255).all()
        assert (place[..., :3] == picture).all()


def test_calibration_is_shown_before_and_after(runs: None) -> None:
    page = _open("Confidence")
    runs = compare([get_run(BEST), get_run(OTHER)]).runs
    for row, run in zip(tables(page)[0], runs, strict=True):
        expected = {"Run": run.title, "Temperature": f"{run.believable.temperature:.2f}"}
        for name, (figure, shown) in _CALIBRATION.items():
            expected[name] = shown(getattr(run.believable.before, figure))
            expected[f"{name}, scaled"] = shown(getattr(run.believable.after, figure))
        assert row == expected
    reliability, coverage = (sent["light"]["data"] for sent in charts(page))
    drawn = [line["y"] for line in reliability[1:]]
    assert drawn == [
        [each.accuracy.value for each in found.bins]
        for run in runs
        for found in (run.believable.before, run.believable.after)
    ]
    assert [line["y"] for line in coverage[1::2]] == [
        [point.accuracy.value for point in run.coverage] for run in runs
    ]


def test_averaging_needs_two_runs(runs: None) -> None:
    (one, labels), (other, _) = (get_run(name).predictions() for name in (BEST, OTHER))
    page = _open("Together")
    right = [answers.argmax(1) == labels for answers in (one, other, (one + other) / 2)]
    best_of_one = max(right[0].mean(), right[1].mean())
    assert {metric.label: metric.value for metric in page.metric} == {
        "Average, top-1": f"{100 * right[2].mean():.1f} %",
        "Gain over the best": f"{100 * (right[2].mean() - best_of_one):+.1f} points",
        "Average, top-5": f"{100 * top_k_accuracy_score(labels, one + other, k=5):.1f} %",
        "At least one is right": f"{100 * (right[0] | right[1]).mean():.1f} %",
    }
    (row,) = page.dataframe[0].value.to_dict("records")
    assert row["Same answer"] == pytest.approx((one.argmax(1) == other.argmax(1)).mean())
    assert row["Kappa"] == pytest.approx(cohen_kappa_score(one.argmax(1), other.argmax(1)))
    alone = _open("Together", runs=BEST)
    assert "Choose a second run" in texts(alone)


def test_among_five_classes_being_in_the_best_five_is_no_figure() -> None:
    few = [write_run(f"few-{n}", classes=5, skill=n) for n in (1.0, 2.0)]
    for tab in ("Verdict", "Together"):
        page = _open(tab)
        assert "op-5" not in texts(page)
        assert not any("top-5" in metric.label for metric in page.metric)
    assert "Top-5" not in model_card(few[0])
    assert not any(run.has_top5 for run in compare(few).runs)


def test_without_superclasses_the_classes_are_drawn() -> None:
    write_run(BEST, backbone="vgg16")
    page = _open("Failures")
    assert "Superclass" not in page.dataframe[0].value
    page.segmented_control(key="part").set_value("Confusions").run()
    assert "Which class VGG16 · Frozen backbone · aaaa takes for which" in _names(calm(page))


def test_report_and_cards_are_offered_for_the_runs_shown(runs: None) -> None:
    page = _open("Report")
    labels = [button.proto.label for button in page.get("download_button")]
    assert labels == [
        "Download the report",
        "VGG16 · Frozen backbone · aaaa",
        "MobileNetV2 · Frozen backbone · bbbb",
    ]


@pytest.mark.parametrize(
    ("tab", "part"),
    [*((tab, "Classes") for tab in SECTIONS), ("Failures", "Confusions"), ("Failures", "Pictures")],
)
def test_what_a_run_is_called_is_text_in_every_section(runs: None, tab: str, part: str) -> None:
    about.rename(get_run(BEST), "<b>x</b> **y**")
    page = _open(tab, part=part)
    words = [*page.markdown, *page.caption, *page.header, *page.info, *page.metric]
    said = "".join(str(element.value) for element in words)
    drawn = json.dumps([[sent["light"], sent["dark"]] for sent in charts(page)])
    for markup in ("<b>x", "**y**"):
        assert markup not in said
    assert "<b>x" not in drawn
    offered = "".join(button.proto.label for button in page.get("download_button"))
    assert "<b>x" not in offered
    assert "**y**" not in offered
    shown = [str(frame.value) for frame in page.dataframe]
    assert "<b>x</b> **y**" in "".join([texts(page), offered, *shown, html.unescape(drawn)])


def test_a_choice_that_is_none_any_more_gives_way_to_the_first(runs: None) -> None:
    page = open_page("2_Compare", tab="Failures", part="Pictures")
    page.segmented_control(key="gallery").set_value("Only one is right").run()
    page.multiselect(key="runs").set_value(page.multiselect(key="runs").value[:1]).run()
    assert calm(page).segmented_control(key="gallery").value == "Hardest"
