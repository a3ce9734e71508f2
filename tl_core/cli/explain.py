"""`tl explain`: where in pictures trained models saw their answers."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from tl_core.cli.app import app
from tl_core.cli.asking import HowToFit, Images, RunsToAsk, files_in, runs_to_ask
from tl_core.cli.output import Json, err, print_json, print_table, printable, share
from tl_core.cli.quiet import start_tensorflow
from tl_core.data.images import read_image
from tl_core.errors import TransferLabError, UnreadableImage
from tl_core.files import replacing
from tl_core.inference.explain import STRENGTH, overlay
from tl_core.inference.predictor import Predictor
from tl_core.runs.store import Run

_SIDE = 384


@app.command()
def explain(
    images: Images,
    run: RunsToAsk = None,
    of_class: Annotated[
        str | None, typer.Option("--class", help="The class to look for; else each model's own.")
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="Of the colour.")] = STRENGTH,
    output: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path(),
    fit: HowToFit = "crop",
    as_json: Json = False,
) -> None:
    """Draw where in pictures trained models saw their answers (Grad-CAM).

    Writes one PNG for each picture and model.
    """
    runs = runs_to_ask(run or [])
    start_tensorflow()
    predictor = Predictor(max_models=len(runs))
    drawn: list[dict[str, object]] = []
    failed: dict[str, str] = {}
    for path in files_in(images):
        for one in runs:
            assert one.outcome is not None
            data = one.outcome.dataset
            try:
                picture = read_image(path, data.resolution, fit)
            except UnreadableImage as error:
                failed[str(path)] = str(error)
                err().print(printable(str(error)))
                break
            chances = predictor.predict(one.model_path, picture[None]).probabilities[0]
            target = int(chances.argmax()) if of_class is None else _number(one, of_class)
            shown = overlay(picture, predictor.explain(one.model_path, picture, target), strength)
            file = output / _file_name(path.stem, one, data.class_names[target])
            with replacing(file) as temporary:
                enlarged = Image.fromarray(shown).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                enlarged.save(temporary, format="PNG")
            drawn.append(
                {
                    "image": str(path),
                    "run": one.id,
                    "class": data.class_names[target],
                    "probability": float(chances[target]),
                    "file": str(file),
                }
            )
    if as_json:
        print_json({"explanations": drawn, "unreadable": failed})
    elif drawn:
        print_table(
            ("image", "run", "class", "probability", "drawn in"),
            [
                (one["image"], one["run"], one["class"], share(chance), one["file"])
                for one in drawn
                if isinstance(chance := one["probability"], float)
            ],
        )
    if failed:
        raise typer.Exit(1)


def _number(run: Run, name: str) -> int:
    assert run.outcome is not None
    names = run.outcome.dataset.class_names
    if name not in names:
        alike = get_close_matches(name, names) or names[:3]
        raise TransferLabError(
            f"Run {run.id} knows no class {name!r}; it knows for instance {', '.join(alike)}."
        )
    return names.index(name)


def _file_name(picture: str, run: Run, class_name: str) -> str:
    """Return a name that stays in its folder and is not too long, whatever a class is called."""
    parts = ((picture, 90), (run.folder.name, 60), (class_name, 60))
    safe = (re.sub(r"[^\w .+-]", "_", part).encode()[:most] for part, most in parts)
    return "-".join(part.decode(errors="ignore") for part in safe) + ".png"
