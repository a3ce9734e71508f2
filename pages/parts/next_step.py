"""The one obvious thing to do next, given what is on this machine."""

import streamlit as st

from pages.parts import machine, words
from pages.parts.shell import COMPARE, TRAIN
from tl_core.backbones.table import BACKBONES
from tl_core.compare.selection import comparable_sets
from tl_core.runs import queue
from tl_core.runs.store import Run
from tl_core.training.presets import preset_choices
from tl_core.training.recipe import Recipe, make_recipe

# Two, so that there is something to compare: a small network and a plain one.
DEMO_BACKBONES = ("mobilenet_v2", "vgg16")


def demo_recipe(backbone: str, weights_here: bool) -> Recipe:
    """Return a recipe that needs nothing but this installation and takes less than a minute."""
    quick = {"limit": 3000, "input_size": 32, "epochs": 20, "learning_rate": 3e-3}
    return make_recipe(
        **preset_choices("frozen", backbone)
        | {"dataset": "demo", "weights": "imagenet" if weights_here else "random"}
        | quick
    )


def next_step(runs: list[Run]) -> None:
    """Draw the card that says what to do now, with its button."""
    sources = {report.name: report for report in machine.data_sources()}
    weights = [name for name, report in machine.weights_reports().items() if report.found]
    active = [run for run in runs if run.active]
    real = [run for run in runs if run.figures and run.recipe.dataset != "demo"]
    demo = [run for run in runs if run.figures and run.recipe.dataset == "demo"]
    sets, _ = comparable_sets(runs)
    with st.container(border=True):
        if active:
            many = "A run is" if len(active) == 1 else f"{len(active)} runs are"
            st.header(f"{many} on the way")
            st.write("Watch the curves as they grow; closing this tab changes nothing.")
            _link(TRAIN, "Watch it train", ":material/monitoring:", view="Live")
        elif any(len(found.runs) > 1 for found in sets if found.is_demo == (not real)):
            st.header("Compare what you have trained")
            st.write("Accuracy with its uncertainty, cost, and the curves over each other.")
            _link(COMPARE, "Compare runs", ":material/leaderboard:")
        elif real:
            st.header("Train another network beside it")
            st.write("One run alone decides nothing: train a second one on the same data.")
            _link(TRAIN, "Choose what to train", ":material/model_training:")
        elif sources["cifar100"].found and weights:
            names = " or ".join(BACKBONES[name].title for name in weights[:3])
            st.header("Train a pretrained network on CIFAR-100")
            st.write(f"The data is here, and so are the weights of {names}.")
            _link(TRAIN, "Choose what to train", ":material/model_training:")
        elif demo:
            st.header("Train another network beside it")
            st.write("One run alone decides nothing: train a second one on the same data.")
            _link(TRAIN, "Choose what to train", ":material/model_training:")
        else:
            st.header("Try it on the demo data")
            titles = " and ".join(BACKBONES[name].title for name in DEMO_BACKBONES)
            st.write(
                f"One click trains {titles} on pictures made by code. It needs no data, no "
                "weights and no connection, takes a minute or two, and shows every page at work. "
                f"{words.DEMO_BADGE}"
            )
            if st.button(
                "Try it on the demo data",
                type="primary",
                icon=":material/play_arrow:",
                key="try_demo",
            ):
                for name in DEMO_BACKBONES:
                    queue.submit(demo_recipe(name, name in weights))
                st.switch_page(TRAIN, query_params={"view": "Live"})


def _link(target: str, label: str, icon: str, **query_params: str) -> None:
    if st.button(label, type="primary", icon=icon, key="next_step"):
        st.switch_page(target, query_params=query_params)
