"""Every field of a recipe as a widget, made from the recipe itself."""

from functools import cache
from typing import Any

import streamlit as st

from tl_core.training.recipe import Recipe

# These are chosen elsewhere on the page.
_ELSEWHERE = {"version", "backbone", "preset", "dataset", "weights"}

_SECTIONS: dict[str, tuple[str, ...]] = {
    "Images": ("limit", "input_size", "augmentation", "test_views", "seed"),
    "Head": ("pooled_layers", "head", "hidden_units", "batch_norm", "dropout"),
    "Training": (
        "epochs",
        "batch_size",
        "optimizer",
        "learning_rate",
        "schedule",
        "warmup_epochs",
        "weight_decay",
        "sweep",
        "label_smoothing",
        "early_stopping",
    ),
    "Fine-tuning": (
        "fine_tune_blocks",
        "fine_tune_epochs",
        "fine_tune_rate",
        "fine_tune_batch_size",
        "fine_tune_weight_decay",
        "fine_tune_mixup",
        "fine_tune_shift",
    ),
}


def recipe_fields(defaults: dict[str, Any], key: str) -> dict[str, Any]:
    """Draw every field with what `defaults` says, and return the values that were changed.

    `key` names what the defaults belong to; with another one the fields start afresh.
    """
    listed = {name for names in _SECTIONS.values() for name in names}
    rest = tuple(n for n in Recipe.model_fields if n not in listed and n not in _ELSEWHERE)
    changed = {}
    for title, names in {**_SECTIONS, "Machine": rest}.items():
        st.markdown(f"**{title}**")
        with st.grid(3, min_column_width=260):
            for name in names:
                default = defaults.get(name, Recipe.model_fields[name].get_default())
                value = _widget(name, default, f"{key}_{name}")
                if value != default:
                    changed[name] = value
    return changed


def field_title(name: str) -> str:
    """Return a field's name as people write it."""
    return name.replace("_", " ").capitalize()


def _widget(name: str, default: Any, key: str) -> Any:
    field = _schema()[name]
    common: dict[str, Any] = {"key": key, "help": field["description"]}
    title = field_title(name)
    # A field that may be left empty says so as "this, or null".
    kind, optional = (field["anyOf"][0], True) if "anyOf" in field else (field, False)
    if kind["type"] == "boolean":
        return st.toggle(title, default, **common)
    if kind["type"] == "array":
        options = kind["items"]["enum"]
        chosen = st.pills(title, options, selection_mode="multi", default=default, **common)
        return tuple(option for option in options if option in chosen)
    if "enum" in kind:
        return st.selectbox(title, kind["enum"], kind["enum"].index(default), **common)
    number = int if kind["type"] == "integer" else float
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    high = kind.get("maximum", kind.get("exclusiveMaximum"))
    value = st.number_input(
        title,
        min_value=None if low is None else number(low),
        max_value=None if high is None else number(high),
        value=None if default is None else number(default),
        step=1 if number is int else min(default or 0.1, 0.1),
        format="%d" if number is int else "%g",
        placeholder="automatic" if optional else None,
        **common,
    )
    # An emptied box of a field that needs a value means its default.
    return default if value is None and not optional else value


@cache
def _schema() -> dict[str, Any]:
    properties: dict[str, Any] = Recipe.model_json_schema()["properties"]
    return properties
