"""What is done with models in processes of their own, as it goes."""

import streamlit as st

from fer_core.errors import FerError
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.common.words import duration_in_words
from ui.services import models
from ui.services.models import ModelJob

state = st.session_state


def at_work() -> None:
    """All of it; the page is run anew when something ends."""
    found = models.list_jobs()
    if found:
        moving = any(work.busy() for work in found)
        st.fragment(_show, run_every=1 if moving else None)(_standing(found))


def _standing(found: list[ModelJob]) -> list[tuple[str, str]]:
    return [(work.name, work.state()["status"]) for work in found]


def _show(known: list[tuple[str, str]]) -> None:
    found = models.list_jobs()
    done = [work for work in found if work.state()["status"] == "done"]
    for work in done:
        models.end_job(work)
        st.toast(f"The model {plain(work.name)} is ready.", icon=":material/check:")
        if state.get("models_waits_for") == work.name:
            state["models_chosen"] = [work.name]
    if done or _standing(found) != known:
        st.rerun()
    for work in found:
        _one(work)


def _one(work: ModelJob) -> None:
    now = work.state()
    try:
        asked = work.config["what"]
    except FerError as error:
        say_error(error)
        asked = "ensemble"
    what = {
        "ensemble": f"Making {work.name}",
        "private": f"Measuring {work.name} on PrivateTest",
        "source": f"Measuring {work.name} on a further source",
    }[asked]
    with st.container(horizontal=True, vertical_alignment="center"):
        if now["status"] in ("created", "running"):
            said = work.progress()
            left = said.get("seconds_left")
            words = f"{plain(what)} · {duration_in_words(left)} left" if left else f"{plain(what)}…"
            st.progress(said.get("share", 0.0), f"{words} · you can leave the page")
            label = "Cancel"
        else:
            reason = now.get("reason") or "its process ended without a result. Try again."
            say_error(f"{what} failed: {reason}")
            label = "Dismiss"
        st.button(
            label,
            icon=":material/close:",
            key=f"models_work_{work.name}",
            on_click=attempt,
            args=("models_problem", models.end_job, work),
        )
