import streamlit as st

from pages.parts import shell

with shell.page("Compare"):
    st.title("Compare")
