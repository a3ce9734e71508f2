"""One stored run: its name, tags and note, its archive, and the way to the bin."""

import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from pages.parts import words
from pages.parts.acts import stop_or_resume, train_again
from pages.parts.log import logged
from pages.parts.recipe_form import field_title
from pages.parts.results import link_to_results, warn_of_guessing
from pages.parts.shell import sentences
from pages.parts.table import table
from tl_core.exchange.archive import export_run
from tl_core.paths import without_folders
from tl_core.runs import about, bin
from tl_core.runs.names import run_name
from tl_core.runs.store import Run, get_run
from tl_core.wording import interval, percent

# More file names than these nobody reads on a page; `tl show RUN --json` has them all.
_MOST_SKIPPED = 100


def draw(run: Run, runs: list[Run]) -> None:
    """Draw the run with what can be done to it; `runs` are those whose tags are offered."""
    with st.container(border=True, key="chosen_run"):
        if run.problem:
            st.markdown(f"**{words.plain(run.id)}** {words.UNREADABLE_BADGE}")
            st.caption(words.said(run.problem))
            _delete(run)
            return
        st.markdown(
            f"{words.dot(run.recipe.backbone)} **{words.plain(run_name(run))}** "
            f"{words.STATE_BADGES[run.status.state]} {words.marks(run)}"
        )
        st.caption(words.plain(run.id))
        if run.status.message:
            st.caption(words.said(run.status.message))
        _outcome(run, runs)
        if not run.recorded:
            _words(run, runs)
        if not run.imported:
            train_again(run)
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            stop_or_resume(run, "chosen_")
            if not run.active:
                _export(run)
            if not run.recorded:
                _delete(run)


def _outcome(run: Run, runs: list[Run]) -> None:
    """Draw what came of the run, what there is to know of it, and its recipe."""
    if run.figures:
        top1 = run.figures.top1
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"Top-1 **{percent(top1.value)}** "
                f":gray[(95 %: {interval(top1)}) on {top1.n:,} test images of "
                f"{words.plain(words.dataset_title(run))}]"
            )
            link_to_results(run, runs)
        warn_of_guessing(run)
    if run.outcome:
        for note in run.outcome.notes:
            st.caption(words.said(note))
        skipped = run.outcome.dataset.skipped
        if skipped:
            with st.expander(f"Files passed over: {len(skipped):,}", icon=":material/block:"):
                for name in skipped[:_MOST_SKIPPED]:
                    st.caption(words.plain(without_folders(name)))
    with st.expander("Recipe", icon=":material/tune:"):
        chosen = run.recipe.model_dump(mode="json", exclude={"version"}, exclude_defaults=True)
        table(
            {
                "Choice": [field_title(name) for name in chosen],
                "Value": [without_folders(str(value)) for value in chosen.values()],
            },
            alt="What the run's recipe chooses other than by default",
        )


def _words(run: Run, runs: list[Run]) -> None:
    offered = {tag for one in runs if not one.problem for tag in one.about.tags}
    with st.form(f"about_{run.id}", border=False):
        name = st.text_input(
            "Name", run.about.name or "", max_chars=60, placeholder="Its network and recipe"
        )
        tags = st.multiselect("Tags", sorted(offered), run.about.tags, accept_new_options=True)
        note = st.text_area("Note", run.about.note, max_chars=4000)
        if st.form_submit_button("Save", icon=":material/save:"):
            with sentences():
                about.describe(run, name=name, tags=tags, note=note)
                st.rerun()


def _export(run: Run) -> None:
    with_model = run.model_path.exists() and st.checkbox(
        "With its model", value=True, key=f"with_model_{run.id}"
    )
    st.download_button(
        "Download as one file",
        logged(partial(_archive, run, with_model)),
        f"{run.folder.name}.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
        key=f"export_{run.id}",
        help="A ZIP with a checksum of every file, for `tl import` or the field below elsewhere. "
        "Folders of this machine that the recipe or the log name are in it.",
    )


def _archive(run: Run, with_model: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.zip"
        export_run(run, path, with_model=with_model)
        return path.read_bytes()


def _delete(run: Run) -> None:
    st.button(
        "Delete",
        icon=":material/delete:",
        key=f"delete_{run.id}",
        disabled=not run.problem and run.status.state in ("running", "stopping"),
        on_click=_do_delete,
        args=(run.id,),
        help="Puts it into the bin below, from where it can be restored.",
    )


def _do_delete(run_id: str) -> None:
    with sentences():
        bin.delete(get_run(run_id))
        st.session_state["run"] = None
