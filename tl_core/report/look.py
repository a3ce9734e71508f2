"""How the page looks and moves: its style and its script."""

from tl_core.figures.look import DARK, FONT, LIGHT

_LIGHT_PAPER, _DARK_PAPER = "#fcfcfa", "#111917"

STYLE = f"""
:root {{ color-scheme: light dark; --paper: {_LIGHT_PAPER}; --text: {LIGHT.text};
  --quiet: {LIGHT.quiet}; --line: {LIGHT.grid}; --card: {LIGHT.label}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: {_DARK_PAPER}; --text: {DARK.text}; --quiet: {DARK.quiet};
    --line: {DARK.grid}; --card: {DARK.label}; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 70rem; background: var(--paper);
  color: var(--text); font: 15px/1.5 {FONT}; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.1rem; color: var(--quiet); font-weight: 600; margin: 0; }}
h2 {{ font-size: 1.35rem; margin: 2.5rem 0 .25rem; }}
h3 {{ font-size: 1.05rem; margin: 1.5rem 0 .25rem; }}
.verdict {{ font-size: 1.6rem; line-height: 1.35; margin: .5rem 0 1rem; }}
.caveat {{ border-left: 3px solid var(--quiet); padding-left: .75rem; margin: .4rem 0; }}
p.note, caption, figcaption {{ color: var(--quiet); font-size: .875rem; margin: .25rem 0 .75rem;
  text-align: left; }}
.chart {{ width: 100%; margin: .75rem 0; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .75rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }}
th {{ white-space: normal; vertical-align: bottom; }}
th:first-child, td:first-child {{ position: sticky; left: 0; background: var(--paper);
  white-space: normal; min-width: 8rem; }}
.number {{ text-align: right; }}
th button {{ all: unset; cursor: pointer; font-size: .875rem; color: var(--quiet); }}
th button:focus-visible {{ outline: 2px solid currentColor; outline-offset: 2px; }}
select, input {{ font: inherit; color: inherit; background: var(--card); padding: .3rem .5rem;
  border: 1px solid var(--quiet); border-radius: 6px; max-width: 100%; }}
.cards {{ display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }}
.card {{ display: flex; gap: .75rem; padding: .6rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; margin: 0; font-size: .875rem; }}
.card ul {{ list-style: none; margin: .2rem 0 0; padding: 0; overflow-wrap: anywhere; }}
img {{ image-rendering: pixelated; border-radius: 4px; flex: none; object-fit: contain; }}
details {{ margin: .5rem 0; }}
summary {{ cursor: pointer; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }}
dt {{ color: var(--quiet); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
"""

SCRIPT = """
const figures = JSON.parse(document.getElementById("figures").textContent)
const dark = matchMedia("(prefers-color-scheme: dark)")

function draw(chart) {
  if (chart.closest("[hidden]")) return
  const figure = figures[chart.id][dark.matches ? "dark" : "light"]
  chart.style.height = `${figure.layout.height}px`
  Plotly.react(chart, figure.data, figure.layout, { displaylogo: false, responsive: true })
}

function drawAll() {
  document.querySelectorAll(".chart").forEach(draw)
}

for (const choice of document.querySelectorAll("select"))
  choice.addEventListener("change", () => {
    for (const option of choice.options)
      document.getElementById(option.value).hidden = !option.selected
    drawAll()
  })

for (const button of document.querySelectorAll("th button"))
  button.addEventListener("click", () => {
    const head = button.parentElement
    const rows = head.closest("table").tBodies[0]
    const falling = head.ariaSort !== "descending"
    for (const other of head.parentElement.cells) other.ariaSort = null
    head.ariaSort = falling ? "descending" : "ascending"
    const by = row => row.cells[head.cellIndex].dataset.by
    const numeric = rows.rows[0]?.cells[head.cellIndex].className === "number"
    const order = (a, b) => numeric ? by(a) - by(b) : by(a).localeCompare(by(b))
    rows.append(...[...rows.rows].sort((a, b) => falling ? order(b, a) : order(a, b)))
  })

for (const search of document.querySelectorAll("input[type=search]"))
  search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase()
    for (const row of document.querySelectorAll(`#${search.dataset.of} tbody tr`))
      row.hidden = !row.textContent.toLowerCase().includes(wanted)
  })

dark.addEventListener("change", drawAll)
drawAll()
"""
