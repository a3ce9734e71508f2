"""A Plotly figure that grows in place, keeping the reader's zoom.

`st.plotly_chart` is taken down and built anew whenever its data change; `Plotly.react` is not.
Plotly's script is sent once a page by a component of its own, so that the figures that follow
each other every second stay small.
"""

import json
from importlib.resources import files
from typing import Any

import streamlit as st

_LIBRARY = st.components.v2.component(
    "plotly_library",
    html="<span></span>",
    js=(files("plotly") / "package_data" / "plotly.min.js").read_text("utf-8")
    + "\nexport default function () {}\n",
)

_CHART = st.components.v2.component(
    "live_chart",
    html='<div class="live-chart" role="img"></div>',
    isolate_styles=False,
    js="""
export default function ({ data, parentElement }) {
  const chart = parentElement.querySelector(".live-chart")
  const colour = name => getComputedStyle(chart).getPropertyValue(`--st-${name}`).trim()
  const layout = structuredClone(data.figure.layout)
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)"
  layout.font = { ...layout.font, family: colour("font"), color: colour("text-color") }
  layout.hoverlabel = { bgcolor: colour("background-color"), font: layout.font }
  for (const axis of Object.keys(layout).filter(key => /^[xy]axis/.test(key)))
    Object.assign(layout[axis], {
      gridcolor: colour("border-color"), linecolor: colour("border-color"),
      zeroline: false, automargin: true,
    })
  chart.ariaLabel = data.alt
  chart.style.height = `${layout.height ?? 360}px`
  const draw = () => {
    if (!chart.isConnected) return
    if (!window.Plotly) return setTimeout(draw, 50)
    window.Plotly.react(chart, data.figure.data, layout, { displaylogo: false })
    chart.observer ??= new ResizeObserver(() => window.Plotly.Plots.resize(chart))
    chart.observer.observe(chart)
  }
  draw()
  return () => {
    chart.observer?.disconnect()
    window.Plotly?.purge(chart)
  }
}
""",
)


def load_plotly() -> None:
    """Send Plotly's script to the page; once, outside whatever runs every second."""
    _LIBRARY(key="plotly_library", height=1)


def live_chart(figure: Any, *, key: str, alt: str) -> None:
    """Draw a `plotly.graph_objects.Figure`, or bring the one under `key` up to date."""
    _CHART(key=key, data={"figure": json.loads(figure.to_json()), "alt": alt})
