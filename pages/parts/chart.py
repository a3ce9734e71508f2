"""A Plotly figure that changes in place, keeping the reader's zoom, in the theme on the screen.

`st.plotly_chart` is taken down and built anew whenever its data change; `Plotly.react` is not.
The server learns late which theme a reader sees, so a figure is sent for both and the page takes
its own. Plotly's script is fetched from this server by the first figure of a page.
"""

import hashlib
import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.parts import plotly_script

_LOAD = f"""
const address = {json.dumps(plotly_script.address())}
const plotly = () => window.tlPlotly ??= new Promise((loaded, failed) => {{
  const script = document.createElement("script")
  script.src = address
  script.onload = loaded
  script.onerror = () => {{
    // Asked for again soon: the server may be starting anew.
    window.tlPlotly = undefined
    script.remove()
    failed(new Error(`${{address}} did not load`))
  }}
  document.head.append(script)
}})
"""

_CHART = st.components.v2.component(
    "chart",
    html='<div class="tl-chart" role="figure"></div>',
    css=".tl-chart {\n  background: var(--st-background-color);\n}",
    isolate_styles=False,
    js=_LOAD
    + """
export default function ({ data, parentElement, setTriggerValue }) {
  const chart = parentElement.querySelector(".tl-chart")
  const paper = getComputedStyle(chart).backgroundColor.match(/[\\d.]+/g).map(Number)
  const figure = paper[0] + paper[1] + paper[2] < 384 ? data.dark : data.light
  chart.ariaLabel = data.alt
  chart.style.height = `${figure.layout.height}px`
  const draw = () => {
    // The page may have been left while the script was on its way.
    if (!chart.isConnected) return
    window.Plotly.react(chart, figure.data, figure.layout, { displaylogo: false })
    chart.tell = setTriggerValue
    if (chart.observer) return
    if (data.clickable)
      chart.on("plotly_click", ({ points: [point] }) =>
        chart.tell("clicked", { x: point.x, y: point.y }))
    // Also called when the page is left, when there is nothing to fit any more.
    chart.observer = new ResizeObserver(
      () => chart.offsetParent && window.Plotly.Plots.resize(chart))
    chart.observer.observe(chart)
  }
  // Each figure in a task of its own: the first is seen before the next is drawn. One that is not
  // on the screen yet lets the page come to rest first.
  const unseen = () => !chart.data && chart.getBoundingClientRect().top > window.innerHeight
  const idle = window.requestIdleCallback ?? setTimeout
  const soon = () => chart.isConnected && plotly().then(
    () => (unseen() ? idle : setTimeout)(draw), () => setTimeout(soon, 1000))
  soon()
  return () => {
    chart.observer?.disconnect()
    window.Plotly?.purge(chart)
  }
}
""",
)


# A figure of `tl_core.figures` with everything given but the theme.
Draw = partial[go.Figure]


def chart(
    draw: Draw, *, key: str, alt: str, on_click: Callable[[Any, Any], None] | None = None
) -> None:
    """Draw a figure, or bring the one under `key` up to date.

    `on_click` hears the place (x, y) of a point that was clicked, before the page runs again.
    """
    # Building a figure takes many times as long as recognising what it is built from.
    content = pickle.dumps((draw.func, draw.args, draw.keywords))
    figures = _figures(key, hashlib.sha256(content).hexdigest(), draw)

    def clicked() -> None:
        point = st.session_state[key].clicked
        if on_click and point:
            on_click(point["x"], point["y"])

    _CHART(
        key=key,
        data={**figures, "alt": alt, "clickable": on_click is not None},
        on_clicked_change=clicked,
    )


@st.cache_resource(max_entries=300, show_spinner=False)
def _figures(key: str, content: str, _draw: Draw) -> dict[str, Any]:
    themes = {"light": _draw(dark=False), "dark": _draw(dark=True)}
    for figure in themes.values():
        # The same value at each draw is what tells Plotly to keep the reader's zoom.
        figure.update_layout(uirevision=key)
    return {name: json.loads(figure.to_json()) for name, figure in themes.items()}
