"""The settings of a study: smoothing, threshold, baseline, quality, the column of groups."""

from contextlib import suppress

import streamlit as st

from fer_core.study.model import Baseline, QualityRules, StudyError
from fer_core.study.tables import PARTICIPANT
from ui.common.notices import attempt
from ui.services import access, studies
from ui.services.studies import Study
from ui.study.jobs import change_model

_KINDS = {
    "none": "None",
    "event": "An event",
    "recording": "Another recording of the person",
    "window": "Some seconds before each event",
}


def event_names(study: Study) -> list[str]:
    """Return the names of all events of a study."""
    found: dict[str, None] = {}
    for one in study.file.recordings:
        # A damaged table is named where the events are shown.
        with suppress(StudyError):
            found |= dict.fromkeys(study.events(one)["trial_type"].astype(str))
    return list(found)


def study_settings(study: Study) -> None:
    """Show the settings, which visitors may look at, and offer another model."""
    with st.popover("Settings", icon=":material/tune:"):
        _form(study, disabled=not access.is_admin())
    if access.is_admin() and st.button("Model", icon=":material/cached:"):
        change_model(study)


def _form(study: Study, disabled: bool) -> None:
    file = study.file
    with st.form("study_settings", border=False):
        left, right = st.columns(2)
        smoothing = left.number_input(
            "Smoothing, seconds", 0.0, 60.0, file.smoothing, 0.1, disabled=disabled,
            help="Stored values are averaged over this time; no video is analysed again.",
        )  # fmt: skip
        threshold = right.number_input(
            "Threshold", 0.01, 0.99, file.threshold, 0.05, disabled=disabled,
            help="Probability above which an emotion counts as shown.",
        )  # fmt: skip
        columns = [str(name) for name in study.participants if name != PARTICIPANT]
        group = st.selectbox(
            "Column of groups", columns or [file.group], disabled=disabled,
            index=columns.index(file.group) if file.group in columns else 0,
        )  # fmt: skip
        kind = st.selectbox(
            "Baseline", list(_KINDS), format_func=_KINDS.get, disabled=disabled,
            index=list(_KINDS).index(file.baseline.kind),
            help="Means are given as difference to it.",
        )  # fmt: skip
        names = event_names(study)
        tasks = sorted({one.task for one in file.recordings if one.task})
        event = st.selectbox(
            "Event that is the baseline", names or [""], disabled=disabled,
            index=names.index(file.baseline.event) if file.baseline.event in names else 0,
        )  # fmt: skip
        task = st.selectbox(
            "Recording that is the baseline, by its task", tasks or [""], disabled=disabled,
            index=tasks.index(file.baseline.task) if file.baseline.task in tasks else 0,
        )  # fmt: skip
        seconds = st.number_input(
            "Seconds before each event", 0.1, 600.0, file.baseline.seconds, disabled=disabled
        )
        st.markdown("**When a frame is valid**")
        rules = file.quality
        left, right = st.columns(2)
        turn = left.number_input(
            "Head turned at most, degrees", 1.0, 90.0, rules.head_turn, disabled=disabled,
            placeholder="any",
        )  # fmt: skip
        width = right.number_input(
            "Face width at least, pixels", 0.0, 4000.0, rules.face_width, disabled=disabled,
            placeholder="any",
        )  # fmt: skip
        sharp = left.number_input(
            "Sharpness at least", 0.0, 1e6, rules.sharpness, disabled=disabled, placeholder="any"
        )
        dark = right.number_input(
            "Brightness at least", 0.0, 1.0, rules.darkest, 0.05, disabled=disabled,
            placeholder="any",
        )  # fmt: skip
        alone = left.toggle("Only one person in view", rules.alone, disabled=disabled)
        sure = right.toggle("Leave out unsure frames", rules.sure, disabled=disabled)
        share = st.slider(
            "An event counts when so much of it is valid", 0, 100, round(rules.share * 100), 5,
            format="%d %%", disabled=disabled,
        )  # fmt: skip
        st.caption("What a recording does not have is unknown and excludes nothing.")
        if st.form_submit_button("Apply", type="primary", disabled=disabled):
            attempt(
                "study_problem",
                studies.change,
                study.path.name,
                smoothing=smoothing,
                threshold=threshold,
                group=group,
                baseline=Baseline(kind=kind, event=event or "", task=task or "", seconds=seconds),
                quality=QualityRules(
                    head_turn=turn, face_width=width, sharpness=sharp, darkest=dark, alone=alone,
                    sure=sure, share=share / 100, brightest=rules.brightest,
                ),
            )  # fmt: skip
            st.rerun()
