"""The app's door: set up when the server starts, and asked again at the top of every page."""

import os
import sys
from collections import deque
from functools import cache

import streamlit as st
from starlette.middleware import Middleware
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tl_core.door.asgi import COOKIE, Door
from tl_core.door.logins import Logins
from tl_core.door.passwords import HASH, PASSWORD
from tl_core.door.rules import Rules, rules
from tl_core.door.uploads import Held, Uploads
from tl_core.errors import TransferLabError

# Sessions that a provider's login opened. A session has not more than a few of them a day.
_admitted: deque[str] = deque(maxlen=10_000)


def middleware() -> list[Middleware]:
    """Return what stands between the network and the app; ends the process where it may not run."""
    try:
        _has_all_for_oidc()
        in_force = _rules()
    except TransferLabError as error:
        sys.exit(f"Transfer Lab does not start: {error}")
    return [
        Middleware(
            Door,
            rules=in_force,
            logins=_logins(),
            uploads=Uploads(_held, lambda session: not in_force.users or session in _admitted),
            base_path=st.get_option("server.baseUrlPath") or "",
        )
    ]


def ask() -> None:
    """End the page here unless its reader may be on it."""
    try:
        in_force, logins = _rules(), _logins()
    except TransferLabError as error:
        st.error(f"This app does not run: {error}", icon=":material/lock:")
        st.stop()
    if logins is not None and not logins.knows(st.context.cookies.get(COOKIE)):
        st.info("You are not logged in; reload the page.", icon=":material/lock:")
        st.stop()
    if in_force.users:
        _ask_provider(in_force)


def way_out() -> None:
    """Draw the way to log out, where somebody is logged in."""
    if _rules().users:
        st.button("Log out", type="tertiary", icon=":material/logout:", on_click=st.logout)
    elif _logins() is not None:
        base = (st.get_option("server.baseUrlPath") or "").strip("/")
        address = f"/{base}/logout" if base else "/logout"
        st.space("stretch")
        st.html(
            f'<a href="{address}" style="color: inherit; font-size: 0.875rem">Log out</a>',
            width="content",
        )


def _ask_provider(in_force: Rules) -> None:
    if not st.user.is_logged_in:
        st.title("Transfer Lab")
        st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
        st.stop()
    if not in_force.lets_in(st.user.get("email"), st.user.get("email_verified")):
        st.error("Your account is not among those that may come in here.", icon=":material/lock:")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
        st.stop()
    context = get_script_run_ctx()
    if context is not None and context.session_id not in _admitted:
        _admitted.append(context.session_id)


@cache
def _rules() -> Rules:
    found = rules(st.get_option("server.address"), os.environ, oidc=_provider())
    # A process that trains needs no password, and what a process has may be read by others.
    os.environ.pop(PASSWORD, None)
    os.environ.pop(HASH, None)
    return found


@cache
def _logins() -> Logins | None:
    password = _rules().password
    return None if password is None else Logins(password)


def _provider() -> bool:
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return False


def _has_all_for_oidc() -> None:
    if not _provider():
        return
    try:
        import authlib  # noqa: F401
    except ImportError as error:
        raise TransferLabError(
            "secrets.toml has an [auth] section, which needs Authlib; install it with "
            "`pip install 'streamlit[auth]'`."
        ) from error


def _held() -> Held:
    files = get_instance().uploaded_file_mgr.file_storage
    return {
        session: {name: len(file.data) for name, file in list(kept.items())}
        for session, kept in list(files.items())
    }
