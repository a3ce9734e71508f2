"""Home: what this is, what was found on this machine, the latest runs and one next step."""

import streamlit as st

from pages.parts import shell

with shell.page("Home"):
    st.title("Which pretrained network should you start from?")
