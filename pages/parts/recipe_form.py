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


def draw_fields(defaults: dict[str, Any], key: str) -> None:
    """Draw every field with what `defaults` says; `key` names what the defaults belong to."""
    for title, names in _sections().items():
        st.markdown(f"**{title}**")
        with st.grid(3, min_column_width=260):
            for name in names:
                _widget(name, _default(name, defaults), f"{key}_{name}")


def changed_fields(defaults: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the values that were changed, whether or not their fields are drawn now."""
    changed = {}
    for name in (name for names in _sections().values() for name in names):
        default = _default(name, defaults)
        value = _meant(name, st.session_state.get(f"{key}_{name}", default), default)
        if value != default:
            changed[name] = value
    return changed


def start_afresh_unless(key: str) -> None:
    """Forget the fields of other defaults, which stay in memory while they are not drawn."""
    before = st.session_state.get("fields_of", key)
    if before != key:
        for name in Recipe.model_fields:
            st.session_state.pop(f"{before}_{name}", None)
    st.session_state["fields_of"] = key


def field_title(name: str) -> str:
    """Return a field's name as people write it."""
    return name.replace("_", " ").capitalize()


def _widget(name: str, default: Any, key: str) -> None:
    kind, optional = _kind(name)
    title = field_title(name)
    common: dict[str, Any] = {
        "key": key,
        "help": _schema()[name]["description"],
        "persist_state": "page",
    }
    if kind["type"] == "boolean":
        st.toggle(title, default, **common)
    elif kind["type"] == "array":
        options = kind["items"]["enum"]
        st.pills(title, options, selection_mode="multi", default=default, **common)
    elif "enum" in kind:
        st.selectbox(title, kind["enum"], kind["enum"].index(default), **common)
    else:
        number = int if kind["type"] == "integer" else float
        low = kind.get("minimum", kind.get("exclusiveMinimum"))
        high = kind.get("maximum", kind.get("exclusiveMaximum"))
        st.number_input(
            title,
            min_value=None if low is None else number(low),
            max_value=None if high is None else number(high),
            value=None if default is None else number(default),
            step=1 if number is int else min(default or 0.1, 0.1),
            format="%d" if number is int else "%g",
            placeholder="automatic" if optional else None,
            **common,
        )


def _meant(name: str, value: Any, default: Any) -> Any:
    """Return what a widget's value means in a recipe."""
    kind, optional = _kind(name)
    if kind["type"] == "array":
        return tuple(option for option in kind["items"]["enum"] if option in value)
    # An emptied box of a field that needs a value means its default.
    return default if value is None and not optional else value


def _kind(name: str) -> tuple[dict[str, Any], bool]:
    """Return what a field holds, and whether it may be left empty."""
    field = _schema()[name]
    # A field that may be left empty says so as "this, or null".
    return (field["anyOf"][0], True) if "anyOf" in field else (field, False)


def _default(name: str, defaults: dict[str, Any]) -> Any:
    return defaults.get(name, Recipe.model_fields[name].get_default())


@cache
def _sections() -> dict[str, tuple[str, ...]]:
    listed = {name for names in _SECTIONS.values() for name in names}
    rest = tuple(n for n in Recipe.model_fields if n not in listed and n not in _ELSEWHERE)
    return {**_SECTIONS, "Machine": rest}


@cache
def _schema() -> dict[str, Any]:
    properties: dict[str, Any] = Recipe.model_json_schema()["properties"]
    return properties
