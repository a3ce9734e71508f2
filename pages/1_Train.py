import streamlit as st

from pages.parts import shell

with shell.page("Train"):
    st.title("Train")
