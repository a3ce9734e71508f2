"""What `streamlit run` starts: the server behind its door, and Home as its first page.

The server imports this file when it starts, and runs it as a script for each view of Home.
"""

import streamlit as st

from pages.parts import door, plotly_script, shell

if __name__ == "__main__":
    with shell.page("Home"):
        from pages.parts import home

        home.draw()
else:
    app = st.App(
        __file__,
        routes=[plotly_script.route()],
        middleware=door.middleware(),
        on_script_error=shell.unexpected,
    )
