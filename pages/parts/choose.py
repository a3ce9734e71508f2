"""What a new run is made of: networks, data, a preset, and every other choice behind it."""

from typing import Any

import streamlit as st

from pages.parts import machine, words
from pages.parts.recipe_form import changed_fields, draw_fields, start_afresh_unless
from tl_core.backbones.table import BACKBONES, Backbone
from tl_core.backbones.weights import WeightsReport
from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.training.estimate import estimate
from tl_core.training.presets import DEFAULT_PRESET, PRESETS, preset_choices
from tl_core.training.recipe import Recipe, make_recipe
from tl_core.training.unused import refuse_unused

_WEIGHTS = {"imagenet": "ImageNet", "random": "Random (a baseline)"}


def choose_backbones() -> list[str]:
    """Draw a card for each network and return the names of those that are ticked."""
    reports = machine.weights_reports()
    chosen = []
    with st.grid(4, min_column_width=250, gap="small") as grid:
        for name, row in BACKBONES.items():
            with grid.container(border=True, height="stretch", gap="xsmall"):
                if _card(row, reports[name]):
                    chosen.append(name)
    return chosen


def _card(row: Backbone, weights: WeightsReport) -> bool:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        # Its label is what a screen reader says, so the mark stands beside it.
        ticked = st.checkbox(
            row.title,
            value=row.name == "mobilenet_v2",
            key=f"backbone_{row.name}",
            persist_state="session",
        )
        st.markdown(words.dot(row.name), width="content")
    st.caption(row.character)
    st.space("stretch")
    # Four bytes a parameter: the weights are stored in float32.
    size = words.megabytes(4 * row.parameters)
    st.markdown(f":small[{words.millions(row.parameters)} parameters · {size} · {row.year}]")
    if weights.found:
        st.badge("weights here", icon=":material/check:", color="green")
    else:
        st.badge("weights not here", icon=":material/download:", color="gray", help=weights.to_do)
    return ticked


def choose_data() -> str:
    """Draw the choice of data and return its name in a recipe; a folder may still lack its path."""
    reports = {report.name: report for report in machine.data_sources()}
    first = "cifar100" if reports["cifar100"].found else "demo"
    name = st.segmented_control(
        "Data",
        list(reports),
        default=first,
        required=True,
        format_func=lambda name: reports[name].title,
        wrap=True,
        key="train_data",
        persist_state="session",
    )
    report = reports[name]
    if name.startswith(FOLDER):
        path = st.text_input(
            "Its path on the computer that Transfer Lab runs on",
            key="train_folder",
            persist_state="session",
            placeholder="/home/me/pictures",
        )
        st.caption(
            f"{report.detail[:1].upper()}{report.detail[1:]}, at least three in each. With `train` "
            "and `test` above them these are the split; else a fifth is held out for the test."
        )
        return FOLDER + path.strip()
    if report.found:
        st.caption(report.detail)
    else:
        # Not a caption: those are too pale for the link in it.
        st.markdown(f":small[{report.to_do}]")
    return name


def choose_preset() -> str:
    """Draw the presets and return the chosen one's name."""
    preset = st.segmented_control(
        "Preset",
        list(PRESETS),
        default=DEFAULT_PRESET,
        required=True,
        format_func=lambda name: PRESETS[name].title,
        wrap=True,
        key="train_preset",
        persist_state="session",
    )
    st.caption(PRESETS[preset].sentence)
    return preset


def choose_weights(backbones: list[str], dataset: str) -> str:
    """Draw the choice of weights and say which of the networks' files are missing."""
    reports = machine.weights_reports()
    # The demo needs no connection, so it does not begin with a download; anything real does.
    offline = dataset == "demo" and not any(report.found for report in reports.values())
    weights = st.segmented_control(
        "Weights",
        list(_WEIGHTS),
        default="random" if offline else "imagenet",
        required=True,
        format_func=_WEIGHTS.__getitem__,
        wrap=True,
        key="train_weights_offline" if offline else "train_weights",
        persist_state="session",
    )
    missing = [BACKBONES[name].title for name in backbones if not reports[name].found]
    if weights == "random":
        st.caption("The network has learned nothing yet: what any pretrained one must beat.")
    elif missing:
        st.caption(
            f"Not on this machine: {', '.join(missing)}. They are downloaded when the run starts; "
            "without a network the run fails and says which file to put where."
        )
    else:
        st.caption("What the network learned from 1.3 million photographs.")
    return weights


def choose_fields(preset: str, backbones: list[str], dataset: str) -> dict[str, Any]:
    """Draw every other field, filled in by the preset, and return those that were changed."""
    first = backbones[0] if backbones else next(iter(BACKBONES))
    expander = st.expander(
        "Every choice of the recipe", icon=":material/tune:", key="fields", on_change="rerun"
    )
    defaults = preset_choices(preset, first, _labelled(dataset))
    # A preset may fill in another limit or more epochs for other data.
    filled = (defaults.get("limit"), defaults.get("epochs"))
    key = "_".join(str(part) for part in (preset, first, *filled) if part is not None)
    start_afresh_unless(key)
    # Some 30 widgets are much of what opening the page takes, and most readers leave them be.
    if expander.open:
        with expander:
            st.caption(
                "Filled in by the preset; what you change holds for every chosen network. "
                "The question mark says what a field does."
            )
            draw_fields(defaults, key)
    return changed_fields(defaults, key)


def _labelled(dataset: str) -> int | None:
    try:
        return machine.counted(dataset).labelled
    except TransferLabError:
        # What is wrong with the data is said where the recipes are made.
        return None


def make_recipes(
    backbones: list[str], dataset: str, preset: str, weights: str, changed: dict[str, Any]
) -> list[Recipe]:
    """Return one recipe a network; raises TransferLabError where a choice is impossible."""
    counts = machine.counted(dataset)
    elsewhere = {"dataset": dataset, "weights": weights}
    recipes = [
        make_recipe(**preset_choices(preset, name, counts.labelled) | elsewhere | changed)
        for name in backbones
    ]
    for recipe in recipes:
        refuse_unused(recipe, changed)
        counts.check_limit(recipe.limit)
    return recipes


def show_estimate(recipes: list[Recipe]) -> None:
    """Say how long the recipes will take together, and what they will leave on the disk."""
    counts = machine.counted(recipes[0].dataset)
    if recipes[0].dataset.startswith(FOLDER):
        said = (
            f"{counts.labelled:,} pictures to train on and {counts.test:,} to test on, in "
            f"{counts.classes:,} classes."
        )
        if counts.passed_over:
            said += f" Passed over: {counts.passed_over:,}, links or kinds that are not read."
        st.caption(said)
    estimates = [estimate(recipe, counts.labelled, counts.test) for recipe in recipes]
    time = words.duration(sum(one.seconds for one in estimates))
    disk = words.megabytes(sum(one.disk_bytes for one in estimates))
    basis = (
        "" if all(one.measured for one in estimates) else ", guessed until this machine has run it"
    )
    st.markdown(f"About **{time}** :gray[and {disk} of disk{basis}]")
