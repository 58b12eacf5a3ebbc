"""Long work on a study in a process of its own, as it goes: example, verification, other model."""

from typing import Final

import streamlit as st

from fer_core.class_prior import AS_TRAINED
from fer_core.errors import FerError
from fer_core.progress import time_left
from fer_core.study.verify import largest
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.services import access, studies
from ui.services.models import picker_labels
from ui.services.studies import Study, StudyJob

state = st.session_state
_TITLES: Final = {
    "example": "Drawing and analysing twelve people",
    "model": "Analysing every video with the other model",
    "verify": "Analysing three recordings again",
}
_PRIORS: Final = {
    str(AS_TRAINED): "as frequent as in the training data",
    "recommended": "recommended",
    "uniform": "equally frequent",
}


def running_jobs(name: str) -> None:
    """Show the job of a study while it waits or is at work, or why it ended without a result."""
    job = studies.job_of(name)
    if job is not None:
        st.fragment(_show, run_every=1 if job.active else None)(name, job.state()["status"])


def _show(name: str, known: str) -> None:
    job = studies.job_of(name)
    if job is None:
        if known != "done":
            st.rerun()
        return
    now = job.state()
    if now["status"] != known:
        st.rerun()
    if now["status"] == "done":
        _done(job)
        return
    title = _TITLES[job.config["act"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.active:
            said = job.progress()
            left = time_left(said.get("seconds_left"))
            words = f"{title} · {left}" if left else title
            st.progress(said.get("share", 0.0), f"{words}. You may close this page.")
            label = "Cancel"
        else:
            reason = now.get("reason") or "its process was ended. What is finished is kept."
            say_error(f"{title} did not succeed: {reason}")
            label = "Dismiss"
            if access.is_admin() or job.config["act"] == "example":
                st.button(
                    "Try again", icon=":material/refresh:", key=f"study_resume_{name}",
                    on_click=attempt, args=("study_problem", studies.resume_job, name),
                )  # fmt: skip
        if access.is_admin():
            st.button(
                label, icon=":material/close:", key=f"study_end_{name}", on_click=attempt,
                args=("study_problem", studies.end_job, name),
            )  # fmt: skip


def _done(job: StudyJob) -> None:
    """Show or use what a job came to; a verification is shown until it is dismissed."""
    if job.config["act"] == "example":
        if state.pop("study_awaits_example", False):
            state["study_name"] = studies.EXAMPLE
            st.rerun()
    elif job.config["act"] == "model" and access.is_admin():
        studies.end_job(job.name)
        st.toast("Every recording was analysed with the other model.", icon=":material/check:")
        st.rerun()


def verification(study: Study) -> None:
    """Offer to verify the numbers of a study, and show what the last verification found."""
    name = study.path.name
    job = studies.job_of(name)
    if st.button("Verify", icon=":material/fact_check:", disabled=bool(job and job.active)):
        attempt("study_problem", studies.start_verify, name)
        st.rerun()
    if job is None or job.config["act"] != "verify" or job.state()["status"] != "done":
        return
    try:
        found = job.verified()
    except FerError as error:
        say_error(error)
        return
    most = largest(found)
    if most is None:
        st.warning("Nothing could be compared.", icon=":material/info:")
    else:
        st.success(f"Largest difference of a probability: {most:.6f}", icon=":material/check:")
    for one in found:
        if one.reason:
            st.caption(f"{plain(one.recording)}: {plain(one.reason)}")
        elif one.frames is not None and one.frames < 1:
            st.caption(
                f"{plain(one.recording)}: {one.frames:.0%} of the frames have as many faces as "
                "before; only these are compared."
            )


@st.dialog("Model of the study")
def change_model(study: Study) -> None:
    """Ask for the model and class prior that are to make the whole study."""
    file = study.file
    models = picker_labels()
    models = models if file.model in models else {file.model: file.model} | models
    model = st.selectbox(
        "Model", list(models), index=list(models).index(file.model), format_func=models.get,
        key="study_other_model",
    )  # fmt: skip
    priors = _PRIORS if file.class_prior in _PRIORS else {file.class_prior: "as now"} | _PRIORS
    prior = st.selectbox(
        "Assume emotions are", list(priors), index=list(priors).index(file.class_prior),
        format_func=priors.get, key="study_other_prior",
    )  # fmt: skip
    count = len(file.recordings)
    videos = "1 video is" if count == 1 else f"{count} videos are"
    st.caption(
        f"{videos} analysed again. Until all are done the study stays as it is; events, "
        "participants and labels stay in any case."
    )
    try:
        studies.check_model(study)
    except FerError as error:
        say_error(error)
        return
    same = (model, prior) == (file.model, file.class_prior)
    if st.button("Analyse again", type="primary", icon=":material/play_arrow:", disabled=same):
        attempt("study_problem", studies.start_model, study.path.name, model, prior)
        st.rerun()
