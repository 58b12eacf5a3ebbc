"""A key by which this browser finds its own things again; nobody else knows it."""

from typing import Final

import streamlit as st

from ui.common.component import nothing
from ui.services import access

_JS: Final = """
// A cookie, so that the key comes with the next visit at once; never sent to other sites.
export default function ({ data, setStateValue }) {
  const found = document.cookie.match(new RegExp(`(?:^|; )${data.cookie}=([0-9a-f]{32})`));
  let key = found?.[1];
  if (!key) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    key = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  }
  const secure = location.protocol === "https:" ? "; Secure" : "";
  // Every page stands in the app's own folder; other apps of the same host get no key.
  const folder = new URL("./", location.href).pathname;
  const scope = `path=${folder}; max-age=31536000; SameSite=Strict${secure}`;
  document.cookie = `${data.cookie}=${key}; ${scope}`;
  if (data.key !== key) setStateValue("key", key);
}
"""
_COMPONENT: Final = st.components.v2.component("fer_browser_key", html="<span></span>", js=_JS)


def browser_key() -> str | None:
    """Return the key, 32 hexadecimal digits; ``None`` for the moment that the first visit takes."""
    known = st.session_state.get("browser_key", {}).get("key") or access.browser_cookie()
    _COMPONENT(
        key="browser_key",
        data={"cookie": access.COOKIE, "key": known},
        on_key_change=nothing,
        height="content",
    )
    # What a browser reports may be anything.
    if not isinstance(known, str) or not access.KEY.fullmatch(known):
        return None
    st.session_state["visitor"] = known
    return known
