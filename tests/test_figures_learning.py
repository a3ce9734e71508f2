import json

import numpy as np
import pytest

from tl_core.backbones.table import BACKBONES
from tl_core.evaluation.document import Proportion
from tl_core.evaluation.intervals import wilson, wilson_bounds
from tl_core.figures.answers import answer_bars
from tl_core.figures.bars import AccuracyBar, accuracy_bars
from tl_core.figures.curves import CurveData, CurvePoint, training_curves
from tl_core.figures.failures import superclass_heat_map
from tl_core.figures.look import colour_scale, inks, plain, styles, wrapped


def point(epoch, accuracy, *, phase="head", ends=True):
    return CurvePoint(
        epoch=epoch,
        seconds=60.0 * epoch,
        phase=phase,
        ends_epoch=ends,
        loss=1 - accuracy,
        accuracy=accuracy,
        val_loss=1.1 - accuracy if ends else None,
        val_accuracy=accuracy - 0.1 if ends else None,
    )


FROZEN = CurveData("frozen", "vgg16", (point(1, 0.5), point(2, 0.6), point(3, 0.55)), best_epoch=2)


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_training_is_dashed_and_validation_solid_in_the_backbones_colour():
    training, validation = traces(training_curves([FROZEN]), "frozen")
    assert (training.line.dash, validation.line.dash) == ("dash", "solid")
    assert {training.line.color, validation.line.color} == {BACKBONES["vgg16"].colour}
    assert training.y == (0.5, 0.6, 0.55)
    assert validation.y == pytest.approx((0.4, 0.5, 0.45))
    assert [training.showlegend, validation.showlegend] == [False, True]


def test_the_epoch_kept_carries_the_star():
    (star,) = [t for t in training_curves([FROZEN]).data if t.marker.symbol == "star"]
    assert (star.x, star.y) == ((2,), (0.5,))
    assert "kept" in star.text[0]


def test_minutes_and_loss():
    figure = training_curves([FROZEN], "loss", "minutes")
    training, validation = traces(figure, "frozen")
    assert training.x == (1, 2, 3)
    assert training.y == pytest.approx((0.5, 0.4, 0.45))
    assert validation.y == pytest.approx((0.6, 0.5, 0.55))
    assert "minutes" in figure.layout.xaxis.title.text
    assert "nats" in figure.layout.yaxis.title.text


def test_only_the_running_epoch_shows_its_steps():
    points = (
        point(0.5, 0.3, ends=False),
        point(1, 0.5),
        point(1.3, 0.55, ends=False),
        point(1.6, 0.57, ends=False),
    )
    training, validation = traces(training_curves([CurveData("live", "vgg16", points)]), "live")
    assert training.x == (1, 1.3, 1.6)
    assert validation.x == (1,)


def test_the_first_epoch_shows_its_steps():
    points = (point(0.2, 0.1, ends=False), point(0.4, 0.2, ends=False))
    training, validation = traces(training_curves([CurveData("new", "vgg16", points)]), "new")
    assert training.x == (0.2, 0.4)
    assert validation.x == ()
    assert validation.showlegend


def test_a_long_running_epoch_is_thinned():
    points = tuple(point(i / 5000, 0.5, ends=False) for i in range(1, 5000))
    training, _ = traces(training_curves([CurveData("long", "vgg16", points)]), "long")
    assert 100 < len(training.x) < 250


def test_ticks_less_than_a_point_apart_are_not_rounded_to_the_same_number():
    # Where accuracy has hardly begun to grow, Plotly puts its ticks at halves of a point.
    assert training_curves([FROZEN], "accuracy").layout.yaxis.tickformat == ".1~%"


def test_fine_tuning_is_marked_where_it_begins():
    points = (point(1, 0.5), point(2, 0.6), point(3, 0.7, phase="fine-tune"))
    (line,) = training_curves([CurveData("tuned", "vgg16", points)]).layout.shapes
    assert (line.x0, line.line.color) == (2, BACKBONES["vgg16"].colour)
    assert training_curves([FROZEN]).layout.shapes == ()


def test_a_run_without_a_report_yet_is_named_all_the_same():
    figure = training_curves([CurveData("queued", "vgg16", ())])
    assert [trace.showlegend for trace in figure.data] == [False, True]


def test_runs_of_one_backbone_share_the_colour_and_not_the_symbol():
    drawn = styles(["vgg16", "vgg16", "resnet50", "vgg16"], dark=False)
    assert {style.colour for style in drawn if style is not drawn[2]} == {drawn[0].colour}
    assert drawn[2].colour == BACKBONES["resnet50"].colour
    assert len({style.symbol for style in drawn if style is not drawn[2]}) == 3


def test_no_two_of_eight_runs_have_one_symbol():
    """Not even where they have two colours, which some people cannot tell apart."""
    for backbones in (list(BACKBONES), ["vgg16"] * 5 + [None, "resnet50", "mobilenet_v2"]):
        drawn = styles(backbones, dark=False)
        assert len({style.symbol for style in drawn}) == len(backbones)
    again = styles(["vgg16"] * 11, dark=False)
    assert [style.symbol for style in again[8:]] == [style.symbol for style in again[:3]]


def test_bars_carry_the_interval_and_the_notebooks_mark():
    share = wilson(71, 100)
    figure = accuracy_bars(
        [AccuracyBar("a", "mobilenet_v2", share), AccuracyBar("together", None, share)]
    )
    bars, marks = figure.data
    assert bars.x == (0.71, 0.71)
    assert bars.x[0] + bars.error_x.array[0] == pytest.approx(share.high)
    assert bars.x[0] - bars.error_x.arrayminus[0] == pytest.approx(share.low)
    assert (marks.x, marks.y) == ((0.28,), (0,))
    assert bars.marker.color == (BACKBONES["mobilenet_v2"].colour, inks(False).neutral)


@pytest.mark.parametrize(("which", "references"), [("top-5", True), ("top-1", False)])
def test_the_notebooks_mark_stands_beside_nothing_it_did_not_measure(which, references):
    bars = [AccuracyBar("a", "vgg16", wilson(1, 2))]
    figure = accuracy_bars(bars, which, references=references)
    assert figure.data[1].x == ()
    assert "notebook" not in figure.layout.title.subtitle.text


def test_answers_keep_their_order_and_tick_the_truth():
    figure = answer_bars("VGG16", "vgg16", ["cat", "dog"], [0.9, 0.1], truth="dog", note="20 ms")
    assert figure.data[0].x == (0.9, 0.1)
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["cat", "90.0 %", "dog ✓", "10.0 %"]


BOUNDS = wilson_bounds([[0.9, 0.7], [0.2, 0.4], [0, 0]], [[10], [20], [0]])


def test_heat_map_puts_the_hardest_on_top_and_leaves_the_untested_empty():
    accuracy = np.array([[0.9, 0.7], [0.2, 0.4], [np.nan, np.nan]])
    figure = superclass_heat_map(
        ["trees", "people", "fish"], ["a", "b"], accuracy, [10, 20, 0], BOUNDS
    )
    assert figure.layout.yaxis.ticktext == ("people", "trees", "fish")
    assert list(figure.data[0].z) == [[0.2, 0.4], [0.9, 0.7], [None, None]]
    said = json.dumps(figure.to_plotly_json(), default=str)
    assert "20.0 % of 20 pictures<br>95 %: 8.1 % to 41.6 %" in said
    assert "90.0 % of 10 pictures<br>95 %: 59.6 % to 98.2 %" in said
    assert figure.layout.yaxis.autorange == "reversed"


def test_names_from_a_folder_are_shown_and_not_obeyed():
    name = '<a href="https://example.org">%{x}</a>'
    figure = answer_bars("t", None, [name], [1.0])
    assert "<a" not in json.dumps(figure.to_plotly_json(), default=str)
    assert figure.layout.annotations[0].text == plain(name)
    assert wrapped("one two three", 7) == "one two<br>three"


@pytest.mark.parametrize("dark", [False, True])
def test_text_reads_on_paper_and_on_every_step_of_the_heat_map(dark):
    paper = "#111917" if dark else "#fcfcfa"
    colours = inks(dark)
    assert contrast(colours.text, paper) > 4.5
    assert contrast(colours.quiet, paper) > 4.5
    assert contrast(colours.neutral, paper) > 3
    assert contrast(colours.text, colours.label) > 4.5
    for _, step in colour_scale(dark):
        assert contrast(colours.text, step) > 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_every_backbones_colour_stands_out_from_the_paper(dark):
    paper = "#111917" if dark else "#fcfcfa"
    for row in BACKBONES.values():
        assert contrast(row.colour, paper) > 2.5, row.name


FIGURES = {
    "curves": lambda dark: training_curves([FROZEN], dark=dark),
    "loss": lambda dark: training_curves([FROZEN], "loss", "minutes", dark=dark),
    "bars": lambda dark: accuracy_bars(
        [AccuracyBar("a", "vgg16", Proportion(value=0.5, low=0.4, high=0.6, n=9))], dark=dark
    ),
    "heat map": lambda dark: superclass_heat_map(
        ["x"], ["a"], np.array([[0.5]]), [2], ([[0.1]], [[0.9]]), dark=dark
    ),
}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_title_that_fits_a_phone_and_no_way_out(name, dark):
    figure = FIGURES[name](dark)
    assert 0 < len(figure.layout.title.text) <= 44
    assert 0 < len(figure.layout.title.subtitle.text) <= 60
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert "sendChartToCloud" in figure.layout.modebar.remove
    assert figure.layout.font.color == inks(dark).text
    assert all(trace.hovertemplate for trace in figure.data)
    assert figure.layout.width is None
