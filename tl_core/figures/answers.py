"""One model's best answers for one picture."""

from collections.abc import Sequence

import plotly.graph_objects as go

from tl_core.figures.bars import bar_value, hide_rows, row_label
from tl_core.figures.look import blank, colour_of, inks, plain
from tl_core.wording import percent


def answer_bars(
    title: str,
    backbone: str | None,
    classes: Sequence[str],
    probabilities: Sequence[float],
    *,
    truth: str | None = None,
    note: str = "",
    dark: bool = False,
) -> go.Figure:
    """Return the model's answers as bars in its colour, the best first.

    `probabilities` (0..1) belong to `classes` one by one, in the order to be drawn; the right
    class, where `truth` names it, carries a tick.
    """
    figure = blank(plain(title), note=plain(note), height=70 + 38 * len(classes), dark=dark)
    colours = inks(dark)
    names = [f"{plain(name)} ✓" if name == truth else plain(name) for name in classes]
    figure.add_bar(
        x=list(probabilities),
        y=list(range(len(classes))),
        orientation="h",
        width=0.34,
        marker={"color": colour_of(backbone, dark), "cornerradius": 3},
        text=[
            f"<b>{name}</b><br>{percent(p)}" for name, p in zip(names, probabilities, strict=True)
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    notes = []
    for place, (name, share) in enumerate(zip(names, probabilities, strict=True)):
        notes.append(row_label(place, name, colours.text, shift=14))
        notes.append(bar_value(place, share, percent(share), colours.quiet))
    figure.update_layout(annotations=notes)
    figure.update_xaxes(range=[0, 1.2], visible=False)
    hide_rows(figure, len(classes))
    return figure
