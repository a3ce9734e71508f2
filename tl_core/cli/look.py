"""`tl datasets` and `tl backbones`: what there is to choose from."""

from dataclasses import asdict

from tl_core.backbones import BACKBONES
from tl_core.backbones.weights import report
from tl_core.cli.app import app
from tl_core.cli.output import Json, print_json, print_table


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the data sets and whether they were found."""
    from tl_core.data import sources

    found = sources()
    if as_json:
        print_json([asdict(source) for source in found])
        return
    print_table(
        ("data set", "title", "found", "where", "what to do"),
        [
            (s.name, s.title, "yes" if s.found else "no", s.where or s.detail, s.to_do)
            for s in found
        ],
    )


@app.command()
def backbones(as_json: Json = False) -> None:
    """List the pretrained networks and whether their weights were found (`tl doctor`: where)."""
    rows = [(row, report(row)) for row in BACKBONES.values()]
    if as_json:
        print_json([asdict(row) | {"weights": asdict(weights)} for row, weights in rows])
        return
    print_table(
        ("backbone", "parameters", "pixels", "weights", "character"),
        [
            (
                row.name,
                f"{row.parameters / 1e6:.1f} M",
                row.default_size,
                "found" if weights.found else "not here",
                row.character,
            )
            for row, weights in rows
        ],
    )
