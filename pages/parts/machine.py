"""What lies on this machine, though not where, looked up at most once a minute."""

from dataclasses import replace

import streamlit as st

from tl_core.backbones.table import BACKBONES
from tl_core.backbones.weights import WeightsReport, report
from tl_core.data import SourceReport, sources
from tl_core.data.counts import ImageCounts, image_counts
from tl_core.paths import without_folders
from tl_core.runs.machine import versions
from tl_core.settings import settings

# Looking up weights reads whole files where Keras publishes a hash.
_KEPT_FOR = 60.0


def data_sources() -> list[SourceReport]:
    """Return which data sets were found, and what to do about the others."""
    return _data_sources(str(settings()))


def weights_reports() -> dict[str, WeightsReport]:
    """Return by backbone whether its ImageNet weights lie here."""
    return _weights_reports(str(settings()))


@st.cache_data(ttl=_KEPT_FOR, max_entries=16, show_spinner=False)
def counted(dataset: str) -> ImageCounts:
    """Return how many images a data set holds; raises TransferLabError where it cannot be used."""
    return image_counts(dataset)


@st.cache_data(ttl=_KEPT_FOR, show_spinner=False)
def installed() -> dict[str, str]:
    """Return the versions of the libraries here; each is a file to be found and read."""
    return versions()


@st.cache_data(ttl=_KEPT_FOR, max_entries=8, show_spinner=False)
def _data_sources(settings_in_force: str) -> list[SourceReport]:
    return [
        replace(r, where="", detail=without_folders(r.detail), to_do=without_folders(r.to_do))
        for r in sources()
    ]


@st.cache_data(ttl=_KEPT_FOR, max_entries=8, show_spinner=False)
def _weights_reports(settings_in_force: str) -> dict[str, WeightsReport]:
    reports = {name: report(row) for name, row in BACKBONES.items()}
    return {
        name: replace(r, where="", to_do=without_folders(r.to_do)) for name, r in reports.items()
    }
