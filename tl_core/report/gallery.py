"""The part of the page that shows pictures of the test set and what the runs call them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.compare.document import ComparedRun, Comparison
from tl_core.compare.pictures import test_set
from tl_core.errors import TransferLabError
from tl_core.evaluation.mistakes import Answer, Exhibit
from tl_core.report.html import dot, picture, text, unbroken
from tl_core.runs.store import Run
from tl_core.wording import percent

_HARDEST, _EACH, _PAIRS = 12, 6, 6

Pictures = Mapping[int, NDArray[np.uint8]]


def gallery(found: Comparison, run: Run) -> str:
    """Return the hardest pictures, mistakes, lone successes and confused pairs of a comparison.

    The pictures themselves are shown where the data that `run` was tested on is on this machine.
    """
    try:
        positions = sorted(_positions(found))
        shown = test_set(run).pictures(positions)
        pictures, note = dict(zip(positions, shown, strict=True)), ""
    except TransferLabError as error:
        pictures, note = {}, f'<p class="note">{text(error)}</p>'
    legend = (
        f"{dot(run_.backbone)} {number} {text(run_.title)}"
        for number, run_ in enumerate(found.runs, start=1)
    )
    parts = [
        note,
        "<h3>The hardest pictures for all runs</h3>",
        '<p class="note">Bold: the right class. Below it each run\'s answer and how sure it was. '
        f"{' · '.join(legend)}</p>",
        _cards(found, found.hardest[:_HARDEST], pictures),
    ]
    for run_ in found.runs:
        parts += [
            f"<details><summary>{dot(run_.backbone)} {text(run_.title)}: confused pairs, "
            "surest mistakes, and what it alone names right</summary>",
            "<h3>Most confused pairs</h3>",
            _pairs(found, run_, pictures),
            "<h3>Its surest mistakes</h3>",
            _cards(found, run_.confident_mistakes[:_EACH], pictures),
            "<h3>Only this run names them right</h3>" if len(found.runs) > 1 else "",
            _cards(found, run_.only_right[:_EACH], pictures) if len(found.runs) > 1 else "",
            "</details>",
        ]
    return "".join(parts)


def _positions(found: Comparison) -> set[int]:
    exhibits = [
        *found.hardest[:_HARDEST],
        *(e for run in found.runs for e in run.confident_mistakes[:_EACH]),
        *(e for run in found.runs for e in run.only_right[:_EACH]),
    ]
    pairs = [pair for run in found.runs for pair in run.most_confused[:_PAIRS]]
    return {e.position for e in exhibits} | {p for pair in pairs for p in pair.positions}


def _cards(found: Comparison, exhibits: Sequence[Exhibit], pictures: Pictures) -> str:
    if not exhibits:
        return '<p class="note">There are none.</p>'
    names = found.data.class_names
    cards = []
    for exhibit in exhibits:
        answers = "".join(
            _answer(number, run, answer, names, exhibit.label)
            for number, (run, answer) in enumerate(
                zip(found.runs, exhibit.answers, strict=True), start=1
            )
        )
        cards.append(
            f'<div class="card">{_image(exhibit.position, names[exhibit.label], pictures)}<div>'
            f"<b>{text(names[exhibit.label])}</b> "
            f'<span class="note">(test picture {exhibit.position})</span>'
            f"<ul>{answers}</ul></div></div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _answer(number: int, run: ComparedRun, answer: Answer, names: Sequence[str], label: int) -> str:
    right = " ✓" if answer.answer == label else ""
    return (
        f'<li title="{text(run.title)}">{dot(run.backbone)} {number} '
        f"{text(names[answer.answer])}{right} "
        f"{unbroken(percent(answer.confidence))}</li>"
    )


def _pairs(found: Comparison, run: ComparedRun, pictures: Pictures) -> str:
    if not run.most_confused:
        return '<p class="note">It confuses no two classes.</p>'
    names = found.data.class_names
    cards = []
    for pair in run.most_confused[:_PAIRS]:
        images = "".join(_image(p, names[pair.label], pictures) for p in pair.positions)
        many = "1 picture" if pair.count == 1 else f"{pair.count:,} pictures"
        cards.append(
            f'<div class="card pair"><div><b>{text(names[pair.label])}</b> called '
            f"<b>{text(names[pair.answer])}</b><br>{many}, "
            f"{unbroken(percent(pair.share))} of the class<br>{images}</div></div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _image(position: int, label: str, pictures: Pictures) -> str:
    if position not in pictures:
        return ""
    return picture(pictures[position], f"Test picture {position}, {label}")
