import streamlit as st

from pages.parts import shell

with shell.page("Predict"):
    st.title("Predict")
