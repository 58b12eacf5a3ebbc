"""What is done with models in processes of their own, as it goes."""

import streamlit as st

from fer_core.errors import FerError
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.common.words import duration_in_words
from ui.services import models
from ui.services.models import ModelJob

state = st.session_state


def running_jobs() -> None:
    """Show all of it; the page is run anew when something ends."""
    found = models.list_jobs()
    if found:
        moving = any(job.busy() for job in found)
        st.fragment(_show, run_every=1 if moving else None)(_standing(found))


def _standing(found: list[ModelJob]) -> list[tuple[str, str]]:
    return [(job.name, job.state()["status"]) for job in found]


def _show(known: list[tuple[str, str]]) -> None:
    found = models.list_jobs()
    done = [job for job in found if job.state()["status"] == "done"]
    for job in done:
        models.end_job(job)
        st.toast(f"The model {plain(job.name)} is ready.", icon=":material/check:")
        if state.get("models_waits_for") == job.name:
            state["models_chosen"] = [job.name]
    if done or _standing(found) != known:
        st.rerun()
    for job in found:
        _one(job)


def _one(job: ModelJob) -> None:
    now = job.state()
    try:
        asked = job.config["what"]
    except FerError as error:
        say_error(error)
        asked = "ensemble"
    what = {
        "ensemble": f"Making {job.name}",
        "private": f"Measuring {job.name} on PrivateTest",
        "source": f"Measuring {job.name} on a further source",
    }[asked]
    with st.container(horizontal=True, vertical_alignment="center"):
        if now["status"] in ("created", "running"):
            said = job.progress()
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
            key=f"models_job_{job.name}",
            on_click=attempt,
            args=("models_problem", models.end_job, job),
        )
