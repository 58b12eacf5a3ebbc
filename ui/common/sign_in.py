"""The way to sign in, and what a page shows to those who may not use it."""

import streamlit as st

from fer_core.settings import settings
from ui.services import access


def only_for_admins(what: str) -> bool:
    """Return whether the person may use a page; say so and how to sign in where not."""
    if access.is_admin():
        return True
    st.info(
        f"{what} is for the administrators of this copy. Images, Live, Video and the models are "
        "yours to use.",
        icon=":material/lock:",
    )
    sign_in()
    return False


def sign_in() -> None:
    """Show a button to sign in or out, where that makes a difference and the app knows an
    identity provider (``[auth]`` in ``secrets.toml``).
    """
    if not settings().public or "is_logged_in" not in st.user.to_dict():
        return
    if st.user.is_logged_in:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Signed in as {st.user.to_dict().get('email', 'somebody')}.")
            st.button("Sign out", on_click=st.logout, key="sign_out")
    else:
        st.button("Sign in", icon=":material/login:", on_click=st.login, key="sign_in")
