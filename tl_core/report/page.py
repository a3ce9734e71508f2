"""A comparison as one HTML file that needs nothing else: it opens offline and asks nobody."""

import time
from collections.abc import Sequence

from tl_core import __version__
from tl_core.compare.document import Comparison
from tl_core.errors import TransferLabError
from tl_core.figures.script import plotly_script
from tl_core.report import figures
from tl_core.report.figures import Chart
from tl_core.report.gallery import gallery
from tl_core.report.html import dot, facts, number, share, table, text, unbroken, word
from tl_core.report.look import SCRIPT, STYLE
from tl_core.report.tables import differences_table, phases_table, runs_table
from tl_core.runs.names import provenance
from tl_core.runs.store import Run
from tl_core.wording import with_interval

# What a browser then refuses to load: everything that is not in this file.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def report(found: Comparison, runs: Sequence[Run]) -> str:
    """Return the report on a comparison as an HTML page, interactive and without any request.

    `runs` are those that were compared; more do no harm. Pictures of the test set are in it where
    they are on this machine.

    Raises:
        TransferLabError: a run of the comparison is not among `runs`.
    """
    stored = {run.id: run for run in runs}
    missing = [run.run for run in found.runs if run.run not in stored]
    if missing:
        raise TransferLabError(f"The report needs the runs it is about; {missing[0]} is missing.")
    page = _Page()
    sections = [
        _answer(found, page),
        _cost(found, page),
        _learning(found, page),
        _failures(found, stored[found.runs[0].run], page),
        _confidence(found, page),
        _together(found),
        _made_of(found, stored),
    ]
    plotly = plotly_script().decode()
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Transfer Lab: {text(found.data.title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main>"
        f'<script type="application/json" id="figures">{page.figures()}</script>'
        f"<script>{plotly}</script><script>{SCRIPT}</script></body></html>\n"
    )


class _Page:
    """The figures of the page so far; each gets an id when it is placed."""

    def __init__(self) -> None:
        self._charts: list[Chart] = []
        self._choices = 0

    def chart(self, chart: Chart | None) -> str:
        if chart is None:
            return ""
        self._charts.append(chart)
        return (
            f'<div class="chart" id="figure-{len(self._charts) - 1}" role="figure" '
            f'aria-label="{text(chart.alt)}"></div>'
        )

    def choice(self, label: str, charts: Sequence[Chart]) -> str:
        """Return charts of which the reader sees one at a time."""
        if len(charts) < 2:
            return "".join(map(self.chart, charts))
        self._choices += 1
        names = [f"choice-{self._choices}-{place}" for place in range(len(charts))]
        options = "".join(
            f'<option value="{name}">{text(chart.option)}</option>'
            for name, chart in zip(names, charts, strict=True)
        )
        panes = "".join(
            f'<div id="{name}"{" hidden" if place else ""}>{self.chart(chart)}</div>'
            for place, (name, chart) in enumerate(zip(names, charts, strict=True))
        )
        # Without autocomplete="off" Firefox keeps the last choice over a reload.
        return f'<label>{text(label)} <select autocomplete="off">{options}</select></label>{panes}'

    def figures(self) -> str:
        charts = (f'"figure-{n}": {chart.as_json()}' for n, chart in enumerate(self._charts))
        return f"{{{', '.join(charts)}}}"


def _answer(found: Comparison, page: _Page) -> str:
    data = found.data
    left_out = "".join(f"<li>{text(left.run)}: {text(left.why)}</li>" for left in found.left_out)
    return "".join(
        (
            f"<h1>Transfer Lab: {text(data.title)}, {data.test_images:,} test images in "
            f"{len(data.class_names)} classes</h1>",
            f'<p class="verdict">{text(found.verdict)}</p>',
            *(f'<p class="caveat">{text(caveat)}</p>' for caveat in found.caveats),
            runs_table(found),
            page.chart(figures.accuracies(found)),
            page.chart(figures.verdicts(found) if found.pairs else None),
            '<p class="note">Exact McNemar test on the same pictures, with Holm\'s correction for '
            "all pairs: 'cannot tell' means that chance alone could make such a difference.</p>"
            if found.pairs
            else "",
            page.chart(figures.seeds(found)),
            differences_table(found),
            f"<h3>Left out</h3><ul>{left_out}</ul>" if left_out else "",
        )
    )


def _cost(found: Comparison, page: _Page) -> str:
    reference = (
        f'<p class="note">{text(found.references[0].source)}</p>' if found.references else ""
    )
    return (
        "<h2>What a point of accuracy costs</h2>"
        f"{page.choice('Cost', figures.costs(found))}{reference}{phases_table(found)}"
    )


def _learning(found: Comparison, page: _Page) -> str:
    return (
        f"<h2>How the runs learned</h2>{page.choice('Curve', figures.curves(found))}"
        f"{page.chart(figures.labels(found))}"
    )


def _failures(found: Comparison, run: Run, page: _Page) -> str:
    columns = ("Class", "Superclass", "Test images", *(r.title for r in found.runs), "Spread")
    rows = (
        (
            word(row.name),
            word(row.superclass or "–"),
            number(row.support, f"{row.support:,}"),
            *(share(accuracy if row.support else None) for accuracy in row.accuracies),
            share(row.spread),
        )
        for row in found.classes
    )
    classes = table("Share of each class's pictures that a run names right", columns, rows)
    return "".join(
        (
            "<h2>Where they fail</h2>",
            page.chart(figures.superclasses(found)),
            page.choice("Confusions of", figures.confusions(found)),
            _opened(found, page),
            gallery(found, run),
            f"<details><summary>All {len(found.classes)} classes</summary>"
            '<label>Show <input type="search" data-of="classes" placeholder="a class"></label>'
            f'<div id="classes">{classes}</div></details>',
        )
    )


def _opened(found: Comparison, page: _Page) -> str:
    charts = figures.opened_pairs(found)
    if not charts:
        return ""
    return (
        "<h3>Inside a pair of superclasses</h3>"
        '<p class="note">The cells of the matrix above with most mistakes, opened into their '
        "classes; where a superclass is called itself, its classes are taken for each other.</p>"
        + page.choice("Open", charts)
    )


def _confidence(found: Comparison, page: _Page) -> str:
    rows = []
    for run in found.runs:
        before, after = run.believable.before, run.believable.after
        temperature = run.believable.temperature
        rows.append(
            (
                word(run.title),
                number(temperature, "–" if temperature is None else f"{temperature:.2f}"),
                share(before.ece),
                share(after.ece if after else None),
                share(before.adaptive_ece),
                share(after.adaptive_ece if after else None),
                number(before.brier, f"{before.brier:.3f}"),
                number(after.brier if after else None, f"{after.brier:.3f}" if after else "–"),
                number(before.loss, f"{before.loss:.3f}"),
                number(after.loss if after else None, f"{after.loss:.3f}" if after else "–"),
            )
        )
    return "".join(
        (
            "<h2>Can it be believed</h2>",
            page.chart(figures.reliability(found)),
            table(
                "Calibration on the test set, before and after temperature scaling fitted on "
                "validation images; less is better",
                (
                    *("Run", "Temperature", "Calibration error", "scaled"),
                    *("Adaptive error", "scaled", "Brier score", "scaled"),
                    *("Log loss (nats)", "scaled"),
                ),
                rows,
            ),
            page.chart(figures.coverage(found)),
        )
    )


def _together(found: Comparison) -> str:
    average = found.together
    if average is None:
        return ""
    best = found.runs[average.best_single]
    rows = (
        (
            word(found.runs[pair.first].title),
            word(found.runs[pair.second].title),
            share(pair.same),
            number(pair.kappa, f"{pair.kappa:.3f}"),
        )
        for pair in found.agreement
    )
    right, any_right = (unbroken(with_interval(p)) for p in (average.top1, average.any_right))
    return (
        "<h2>Together</h2>"
        f"<p>The average of all runs' probabilities names <b>{right}</b> right, "
        f"{100 * average.gain:+.1f} points beside {text(best.title)} alone "
        f"({average.verdict}); at least one run is right on "
        f"{any_right}.</p>"
        + table(
            "How far two runs give the same answer; Cohen's kappa is 0 at chance and 1 always",
            ("Run", "and", "Same answer", "Kappa"),
            rows,
        )
    )


def _made_of(found: Comparison, stored: dict[str, Run]) -> str:
    details = "".join(
        f"<details><summary>{dot(run.backbone)} {text(run.title)}</summary>"
        f"{facts(_facts(stored[run.run]))}</details>"
        for run in found.runs
    )
    when = time.strftime("%Y-%m-%d %H:%M")
    return (
        f"<h2>What the runs were made of</h2>{details}"
        f'<p class="note">Made by Transfer Lab {text(__version__)} on {when}.</p>'
    )


def _facts(run: Run) -> list[tuple[str, object]]:
    outcome = run.outcome
    assert outcome is not None
    weights, data = outcome.weights, outcome.dataset
    pairs: list[tuple[str, object]] = [
        ("run", run.id),
        ("made on", provenance(run)),
        ("data", f"{data.title}: {data.train:,} training, {data.validation:,} validation images"),
        ("weights", weights.kind if weights.file is None else f"{weights.kind}, {weights.file}"),
        ("sha256 of the weights", weights.sha256 or "–"),
        ("engine", f"{outcome.engine}, {outcome.precision}"),
    ]
    chosen = run.recipe.resolved(data.train).model_dump(mode="json", exclude={"version", "dataset"})
    pairs += [(name.replace("_", " "), value) for name, value in chosen.items()]
    pairs += [("note", note) for note in outcome.notes]
    return pairs + [(name, version) for name, version in outcome.versions.items()]
