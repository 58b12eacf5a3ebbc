"""Who sits at the browser, for :mod:`fer_core.roles`, and the way to sign in."""

import secrets

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer_core import roles
from fer_core.settings import settings
from ui.common.browser_key import kept_key


def _who() -> roles.Person | None:
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    # Whoever comes again has a key of their own; a browser that keeps none gets one a visit.
    key = st.session_state.setdefault("visitor", kept_key() or secrets.token_urlsafe(16))
    user = st.user.to_dict()
    # Anyone can ask a provider to put any address into an account; only a verified one counts.
    signed_in = user.get("is_logged_in") and user.get("email_verified") is True
    return roles.Person(key, user.get("email") if signed_in else None)


roles.identify_by(_who)


def only_for_admins(what: str) -> bool:
    """Whether who is here may use a page; says so and how to sign in where not."""
    if roles.is_admin():
        return True
    st.info(
        f"{what} is for the administrators of this copy. Images, Live, Video and the models are "
        "yours to use.",
        icon=":material/lock:",
    )
    sign_in()
    return False


def sign_in() -> None:
    """A button to sign in or out, where that makes a difference and the app knows an identity
    provider (``[auth]`` in ``secrets.toml``).
    """
    if not settings().public or "is_logged_in" not in st.user.to_dict():
        return
    if st.user.is_logged_in:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Signed in as {st.user.to_dict().get('email', 'somebody')}.")
            st.button("Sign out", on_click=st.logout, key="sign_out")
    else:
        st.button("Sign in", icon=":material/login:", on_click=st.login, key="sign_in")
