import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from tl_core.backbones.table import BACKBONES
from tl_core.evaluation.calibration import calibration
from tl_core.evaluation.coverage import coverage_curve
from tl_core.evaluation.intervals import wilson
from tl_core.evaluation.pareto import COSTS
from tl_core.evaluation.seeds import SeedGroup
from tl_core.evaluation.significance import compare_pairs
from tl_core.figures.cells import shortened
from tl_core.figures.costs import CostPoint, cost_scatter
from tl_core.figures.failures import confusion_heat_map, superclass_heat_map
from tl_core.figures.look import inks
from tl_core.figures.seeds import SeedRow, seed_spread
from tl_core.figures.trust import Coverage, Reliability, coverage_curves, reliability_diagram
from tl_core.figures.verdicts import verdict_table


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


CHANCES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
LABELS = [0, 1, 1, 0]
POINTS = [
    CostPoint("cheap", "mobilenet_v2", 2.0, wilson(60, 100)),
    CostPoint("dear", "vgg16", 40.0, wilson(70, 100)),
    CostPoint("beaten", "convnext_tiny", 50.0, wilson(65, 100)),
]
GROUP = SeedGroup(
    runs=("a", "b"),
    seeds=(0, 1),
    values=(0.6, 0.7),
    mean=0.65,
    spread=0.0707,
    representative="a",
    repeats=(),
)


def named(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_the_scatter_joins_the_front_and_keeps_the_intervals():
    figure = cost_scatter(POINTS, COSTS["latency"])
    front = figure.data[0]
    assert (front.x, front.y) == ((2.0, 40.0), (0.6, 0.7))
    assert front.line.shape == "hv"
    dear = named(figure)["dear"]
    share = wilson(70, 100)
    assert (dear.x, dear.y) == ((40.0,), (0.7,))
    assert dear.y[0] + dear.error_y.array[0] == pytest.approx(share.high)
    assert dear.y[0] - dear.error_y.arrayminus[0] == pytest.approx(share.low)
    assert dear.marker.color == BACKBONES["vgg16"].colour
    assert "40 ms" in dear.text[0]


def test_the_scatter_marks_the_notebook_only_where_it_speaks_of_a_backbone_shown():
    figure = cost_scatter(POINTS, COSTS["latency"])
    assert [line.y0 for line in figure.layout.shapes] == [0.28, 0.31]
    assert figure.layout.yaxis.range[0] < 0.28
    assert cost_scatter(POINTS, COSTS["latency"], references=False).layout.shapes == ()
    assert cost_scatter(POINTS[2:], COSTS["latency"]).layout.shapes == ()


def test_the_scatters_axis_is_logarithmic_only_for_costs_far_apart():
    assert cost_scatter(POINTS, COSTS["size"]).layout.xaxis.type == "log"
    assert cost_scatter(POINTS[1:], COSTS["size"]).layout.xaxis.type is None
    free = [CostPoint("free", None, 0.0, wilson(1, 2)), POINTS[1]]
    assert cost_scatter(free, COSTS["training"]).layout.xaxis.type is None
    assert "minutes" in cost_scatter(free, COSTS["training"]).layout.xaxis.title.text


def test_confusion_scales_by_its_mistakes():
    counts = np.array([[90, 10], [25, 75]])
    (cells,) = confusion_heat_map("r", counts, ["a", "b"], ["a", "b"], [100, 100]).data
    assert [list(row) for row in cells.z] == [[0.9, 0.1], [0.25, 0.75]]
    assert cells.zmax == 0.25
    assert cells.text[1] == ["25", "75"]
    assert "10 of 100 pictures of <b>a</b><br>called <b>b</b>" in cells.customdata[0][1]
    assert "✓" in cells.customdata[0][0]
    assert "✓" not in cells.customdata[0][1]


def test_confusion_without_a_mistake_and_without_a_picture():
    (cells,) = confusion_heat_map("r", np.diag([3, 0]), ["a", "b"], ["a", "b"], [3, 0]).data
    assert cells.zmax == 1
    assert [list(row) for row in cells.z] == [[1, 0], [0, 0]]


def test_many_columns_lose_their_numbers_and_keep_their_hover():
    names = [f"class {i}" for i in range(20)]
    (cells,) = confusion_heat_map("r", np.eye(20, dtype=int), names, names, [1] * 20).data
    assert cells.texttemplate is None
    assert "class 7" in cells.customdata[7][7]
    assert shortened("a very long class name", 12) == "a very long…"


def test_the_table_says_the_verdict_in_both_directions():
    right = np.array([[1] * 40 + [1] * 40, [0] * 40 + [1] * 40], dtype=bool)
    (cells,) = verdict_table(["good", "bad"], compare_pairs(right)).data
    assert [list(row) for row in cells.text] == [["", "better"], ["worse", ""]]
    assert "only the first names right: 40" in cells.customdata[0][1]
    assert "only the first names right: 0" in cells.customdata[1][0]
    assert "below 0.001" in cells.customdata[0][1]


@pytest.mark.parametrize("dark", [False, True])
def test_the_tables_words_read_on_their_cells(dark):
    right = np.array([[1] * 40 + [1] * 40, [0] * 40 + [1] * 40], dtype=bool)
    (cells,) = verdict_table(["good", "bad"], compare_pairs(right), dark=dark).data
    steps = [colour for _, colour in cells.colorscale]
    assert len(set(steps)) == 4
    assert all(contrast(cells.textfont.color, step) > 4.5 for step in steps)


def test_a_table_of_one_run():
    (cells,) = verdict_table(["alone"], ()).data
    assert [list(row) for row in cells.text] == [[""]]


def test_reliability_shows_each_bin_and_the_scaled_one_dotted():
    found = calibration(CHANCES, LABELS)
    figure = reliability_diagram([Reliability("r", "vgg16", found, found)])
    diagonal, before, after = figure.data
    assert diagonal.x == diagonal.y == (0, 1)
    assert before.x == tuple(b.confidence for b in found.bins)
    assert before.y == (1, 1, 0, 1)
    assert (before.line.dash, after.line.dash) == ("solid", "dot")
    assert (before.showlegend, after.showlegend) == (True, False)
    assert "dotted" in figure.layout.title.subtitle.text
    alone = reliability_diagram([Reliability("r", "vgg16", found)])
    assert "dotted" not in alone.layout.title.subtitle.text


def test_coverage_is_drawn_as_it_was_computed():
    curve = coverage_curve(CHANCES, LABELS)
    band, line = coverage_curves([Coverage("r", "vgg16", curve)]).data
    assert line.x == (0.25, 0.5, 0.75, 1)
    assert line.y == pytest.approx((1, 0.5, 2 / 3, 0.75))
    bounds = [
        proportion_confint(k, n, method="wilson") for k, n in ((1, 1), (1, 2), (2, 3), (3, 4))
    ]
    assert band.x == (*line.x, *reversed(line.x))
    expected = [high for _, high in bounds] + [low for low, _ in reversed(bounds)]
    assert band.y == pytest.approx(expected)
    assert "75.0 % (30.1–95.4 %) right on 100.0 %" in line.text[-1]


def test_seeds_are_dots_with_their_mean_and_spread():
    dots, mean = seed_spread([SeedRow("r", "vgg16", GROUP)]).data
    assert dots.x == (0.6, 0.7)
    assert mean.x == (0.65,)
    assert mean.error_x.array[0] == pytest.approx(0.0707)
    one = GROUP.model_copy(update={"seeds": (0,), "values": (0.6,), "mean": 0.6, "spread": None})
    figure = seed_spread([SeedRow("r", "vgg16", one)])
    assert figure.layout.annotations[0].text == "r · 60.0 % · 1 seed"


FIGURES = {
    "costs": lambda dark: cost_scatter(POINTS, COSTS["parameters"], dark=dark),
    "confusion": lambda dark: confusion_heat_map(
        "r", np.eye(2, dtype=int), "ab", "ab", [1, 1], dark=dark
    ),
    "superclasses": lambda dark: superclass_heat_map(
        ["x"], ["r"], np.array([[0.5]]), [2], ([[0.1]], [[0.9]]), dark=dark
    ),
    "verdicts": lambda dark: verdict_table(["r"], (), dark=dark),
    "reliability": lambda dark: reliability_diagram(
        [Reliability("r", None, calibration(CHANCES, LABELS))], dark=dark
    ),
    "coverage": lambda dark: coverage_curves(
        [Coverage("r", None, coverage_curve(CHANCES, LABELS))], dark=dark
    ),
    "seeds": lambda dark: seed_spread([SeedRow("r", "vgg16", GROUP)], dark=dark),
}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_title_that_fits_a_phone(name, dark):
    figure = FIGURES[name](dark)
    assert 0 < len(figure.layout.title.text) <= 44
    assert 0 < len(figure.layout.title.subtitle.text) <= 60
    assert "sendChartToCloud" in figure.layout.modebar.remove
    assert figure.layout.font.color == inks(dark).text
    assert all(trace.hovertemplate or trace.hoverinfo == "skip" for trace in figure.data)


@pytest.mark.parametrize("name", ["costs", "reliability", "coverage"])
def test_axes_say_what_they_measure(name):
    figure = FIGURES[name](False)
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text


@pytest.mark.parametrize("name", FIGURES)
def test_no_axis_makes_the_browser_draw_twice(name):
    layout = FIGURES[name](False).layout
    assert layout.xaxis.automargin is False
    assert layout.yaxis.automargin is False


def test_the_names_of_rows_have_room():
    def room(name):
        return verdict_table([name], ()).layout.margin.l

    assert room("r") < room("a longer name") < room("漢字漢字漢字漢字漢")
    # '&lt;' is one character on the screen.
    assert room("a <b") == room("a xb")
