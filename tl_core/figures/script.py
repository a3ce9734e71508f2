"""The part of Plotly's script that these figures need, for pages and reports.

`plotly-cartesian.min.js` is Plotly's own bundle of bars, lines, points and heat maps (the npm
package plotly.js-cartesian-dist-min, MIT licence): a third of what plotly.py brings along, which a
browser has to read with every page. Its version is that of plotly.py's script.
"""

import re
from functools import cache
from importlib.resources import files


@cache
def plotly_script() -> bytes:
    """Return the script, UTF-8."""
    return (files("tl_core.figures") / "plotly-cartesian.min.js").read_bytes()


@cache
def plotly_version() -> str:
    """Return the script's version, as its first lines say."""
    return version_of(plotly_script())


def version_of(script: bytes) -> str:
    """Return the version that a script of Plotly's names in its first lines."""
    found = re.search(rb"plotly\.js \D*v(\d+\.\d+\.\d+)", script[:400])
    assert found, "a script of Plotly's begins with its version"
    return found[1].decode()
