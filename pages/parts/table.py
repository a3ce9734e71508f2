"""A table of plain texts, which scrolls by itself where the page is narrow."""

from collections.abc import Mapping, Sequence

import streamlit as st

_TABLE = st.components.v2.component(
    "table",
    html='<div class="tl-table" role="region" tabindex="0"></div>',
    css="""
.tl-table { overflow-x: auto }
.tl-table table {
  width: 100%;
  border-collapse: collapse;
  font-size: 0.875rem;
  font-variant-numeric: tabular-nums;
}
.tl-table th, .tl-table td {
  padding: 0.45rem 0.9rem 0.45rem 0;
  border-bottom: 1px solid var(--st-border-color);
  text-align: left;
  vertical-align: top;
}
.tl-table th { font-weight: 600 }
.tl-table td:first-child { min-width: 9rem }
""",
    isolate_styles=False,
    js="""
export default function ({ data, parentElement }) {
  const row = (texts, kind) => {
    const line = document.createElement("tr")
    line.append(...texts.map(text =>
      Object.assign(document.createElement(kind), { textContent: text })))
    return line
  }
  const table = document.createElement("table")
  table.createTHead().append(row(data.names, "th"))
  table.createTBody().append(...data.rows.map(texts => row(texts, "td")))
  const place = parentElement.querySelector(".tl-table")
  place.ariaLabel = data.alt
  place.replaceChildren(table)
}
""",
)


def table(columns: Mapping[str, Sequence[str]], *, alt: str) -> None:
    """Draw columns of equally many texts under their names; `alt` says what they are.

    `st.table` renders each cell as Markdown, which takes a browser a millisecond or more a cell.
    """
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    _TABLE(key=alt, data={"names": list(columns), "rows": rows, "alt": alt})
