"""The fields of a recipe as options of a command, so that a new field is an option by itself."""

import inspect
import types
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from tl_core.data.counts import image_counts
from tl_core.training.presets import DEFAULT_PRESET, PRESETS, preset_choices
from tl_core.training.recipe import Recipe, make_recipe
from tl_core.training.unused import refuse_unused

_ELSEWHERE = frozenset({"version", "backbone", "preset"})
_NONE = "none"
_CLEARED = object()


def takes_recipe(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command(recipe, …)` the argument BACKBONE, `--preset` and an option a field."""
    own = [p for n, p in inspect.signature(command).parameters.items() if n != "recipe"]

    @wraps(command)
    def with_options(backbone: str, preset: str, **options: Any) -> None:
        others = {parameter.name: options.pop(parameter.name) for parameter in own}
        given = {name: value for name, value in options.items() if value is not None}
        chosen = {name: None if value is _CLEARED else value for name, value in given.items()}
        # What is wrong with the data is said now, not when the run's turn has come.
        counts = image_counts(chosen.get("dataset", Recipe.model_fields["dataset"].default))
        recipe = make_recipe(**(preset_choices(preset, backbone, counts.labelled) | chosen))
        refuse_unused(recipe, chosen)
        counts.check_limit(recipe.limit)
        command(recipe, **others)

    parameters = [_backbone(), _preset(), *_fields(), *own]
    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    )
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def _backbone() -> inspect.Parameter:
    return _parameter(
        "backbone",
        str,
        typer.Argument(metavar="BACKBONE", help="The network; `tl backbones` lists them."),
        ...,
    )


def _preset() -> inspect.Parameter:
    described = " ".join(f"{preset.name}: {preset.sentence}" for preset in PRESETS.values())
    option = typer.Option(help=f"Where the recipe starts from. {described}")
    return _parameter("preset", Literal[tuple(PRESETS)], option, DEFAULT_PRESET)


def _fields() -> list[inspect.Parameter]:
    return [
        _field(name, info) for name, info in Recipe.model_fields.items() if name not in _ELSEWHERE
    ]


def _field(name: str, info: FieldInfo) -> inspect.Parameter:
    kebab = name.replace("_", "-")
    common: dict[str, Any] = {"help": f"{info.description}{_default(info.default)}"}
    kind, empty = _kind(info.annotation)
    if kind is bool:
        return _parameter(name, bool, typer.Option(f"--{kebab}/--no-{kebab}", **common))
    if get_origin(kind) is tuple:
        names = ",".join(get_args(get_args(kind)[0]))
        common |= {"parser": _listed, "metavar": f"{names}|{_NONE}"}
        kind = str
    elif empty:
        common |= {"parser": _or_none(kind), "metavar": f"{kind.__name__.upper()}|{_NONE}"}
        kind = str
    return _parameter(name, kind, typer.Option(f"--{kebab}", **common))


def _parameter(name: str, kind: Any, info: Any, default: Any = None) -> inspect.Parameter:
    annotated: Any = Annotated
    annotation = annotated[kind if default is not None else kind | None, info]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if default is ... else default,
    )


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return the type inside `Annotated` and `| None`, and whether None was allowed."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inside = [one for one in get_args(annotation) if one is not type(None)]
        return _kind(inside[0])[0], len(inside) < len(get_args(annotation))
    return annotation, False


def _listed(text: str) -> tuple[str, ...]:
    return () if text == _NONE else tuple(part.strip() for part in text.split(","))


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    # None would mean that the option was not given.
    return lambda text: _CLEARED if text == _NONE else kind(text)


def _default(default: Any) -> str:
    # Typer knows of no default: an option that was not given leaves the choice to the preset.
    return "" if default in (None, False, ()) else f" [{default}]"
