"""Recordings and participants of a study: add many, see how far they are, correct and delete."""

from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from fer_core.errors import FerError
from fer_core.study.model import NOTICE, SETTINGS, Recording
from fer_core.study.patterns import FromName, read_name, two_of_one_name
from fer_core.study.tables import PARTICIPANT
from fer_core.timeline import clock
from fer_core.video.formats import SUFFIXES
from ui.common.browser_key import browser_key
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.services import access, sessions, studies, uploads, videos
from ui.services.studies import Study

state = st.session_state


def recordings(study: Study) -> None:
    """Show the recordings; who may change studies adds further ones."""
    if access.is_admin():
        if not study.file.recordings:
            _add(study)
        else:
            with st.expander("Add recordings", icon=":material/add:"):
                _add(study)
        _progress(study)
    for sentence in study.problems():
        st.warning(plain(sentence), icon=":material/info:")
    left, right = st.columns([3, 2], gap="large")
    with left:
        if study.file.recordings:
            _list(study)
    with right:
        if study.file.recordings or access.is_admin():
            _participants(study)


def _progress(study: Study) -> None:
    """Show how far the analyses are that wait; finished ones enter the study."""
    name = study.path.name
    try:
        waited = studies.has_pending(study)
        pending = studies.collect(name)
        if waited and studies.open_study(name).file.recordings != study.file.recordings:
            st.rerun()  # some are finished, and not in what is shown
    except FerError as error:
        say_error(error)
        return
    if not pending:
        return
    before = [bool(one.reason) for one in pending]

    @st.fragment(run_every=2.0 if any(not one.reason for one in pending) else None)
    def bars() -> None:
        now = studies.collect(name)
        waiting = [one for one in now if not one.reason]
        failed = [one for one in now if one.reason]
        if [bool(one.reason) for one in now] != before:
            st.rerun()
        if waiting:
            running = [one for one in waiting if one.status == "running"]
            words = ", ".join(f"{plain(o.name)} {o.share:.0%}" for o in running[:3])
            share = sum(one.share for one in waiting) / len(waiting)
            videos = "1 video" if len(waiting) == 1 else f"{len(waiting)} videos"
            st.progress(share, f"{videos} to analyse · {words or 'waiting'}")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(
                    "Cancel", icon=":material/close:", key="study_cancel", on_click=attempt,
                    args=("study_problem", studies.cancel, name),
                )  # fmt: skip
                st.caption("You may close this page: the work goes on.")
        for one in failed:
            say_error(one.reason, one.name)
        if failed:
            with st.container(horizontal=True):
                st.button(
                    "Try again", icon=":material/refresh:", key="study_retry",
                    on_click=attempt, args=("study_problem", studies.retry_failed, name),
                )  # fmt: skip
                st.button(
                    "Leave the failed ones out", icon=":material/delete_sweep:",
                    key="study_dismiss", on_click=attempt,
                    args=("study_problem", studies.dismiss_failed, name),
                )  # fmt: skip

    bars()


def _add(study: Study) -> None:
    """Ask for videos or a live session, whose they are, and for the consent."""
    kind = st.segmented_control(
        "What", ["Videos", "Video analysis", "Saved live session"], default="Videos", required=True,
        key="study_add_kind", label_visibility="collapsed",
    )  # fmt: skip
    if kind == "Videos":
        _add_videos(study)
    elif kind == "Video analysis":
        _add_analysis(study)
    else:
        _add_session(study)


def _consent() -> tuple[str, str]:
    """Ask for what must be known first; "" where it is not."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        given = st.checkbox("The participants consented", key="study_consent")
        day = st.date_input(
            "Date of the consent", date.today(), max_value=date.today(), key="study_consent_date",
            width=170,
        )  # fmt: skip
        setting = st.selectbox(
            "Setting", SETTINGS, index=None, placeholder="choose", key="study_setting", width=170
        )
    if setting in ("work", "education"):
        st.warning(NOTICE, icon=":material/gavel:")
    if not given or not isinstance(day, date) or not setting:
        st.caption("Without consent, its date and the setting nothing is analysed.")
        return "", ""
    return day.isoformat(), setting


def _add_videos(study: Study) -> None:
    state.setdefault("study_round", 0)
    dropped = st.file_uploader(
        "Drop videos, as many as you like",
        type=[suffix.lstrip(".") for suffix in SUFFIXES],
        accept_multiple_files=True,
        key=f"study_drop_{state['study_round']}",
    )
    for one in dropped:
        uploads.use(one)
    pattern = st.text_input(
        "Pattern of the file names",
        study.file.pattern,
        key=f"study_pattern_{study.path.name}",
        help="Words in braces are read from each name: {participant}, {group}, {stimulus}, or any "
        "column of your own. P07_A_clip2.mp4 fits {participant}_{group}_{stimulus}.",
    )
    try:
        read = [read_name(pattern, one.name) for one in dropped]
        if not dropped:
            shown = read_name(pattern, "P07_A_clip2.mp4")
            _example(shown)
            return
    except FerError as error:
        say_error(error)
        return
    if double := two_of_one_name(one.name for one in dropped):
        st.error(
            f"Two files are called {plain(double[0])}: rename one of them, so that their "
            "recordings can be told apart.",
            icon=":material/error:",
        )
        return
    if missed := [o.name for o, name in zip(dropped, read, strict=True) if not name.matched]:
        st.warning(
            f"{plain(missed[0])}{f' and {len(missed) - 1} more' if len(missed) > 1 else ''} do not "
            "fit the pattern: change it, or fill the table in.",
            icon=":material/rule:",
        )
    table = pd.DataFrame(
        {
            "file": [one.name for one in dropped],
            "participant": [name.participant for name in read],
            "stimulus": [name.stimulus for name in read],
        }
    )
    others = list(dict.fromkeys(column for name in read for column in name.columns))
    for column in others or [study.file.group]:
        table[column] = [name.columns.get(column, "") for name in read]
    edited = st.data_editor(
        table, hide_index=True, disabled=["file"], height=min(300, 38 + 35 * len(table)),
        key=f"study_rows_{state['study_round']}_{pattern}_{len(dropped)}",
        column_config={"file": "File", "participant": "Participant", "stimulus": "Stimulus"},
    )  # fmt: skip
    consent, setting = _consent()
    copy = st.toggle(
        "Keep copies of the videos in the study", key="study_copy",
        help="Needed to look at moments, to label them, to analyse again and to verify. Without, "
        "the uploaded files are deleted when their tables stand.",
    )  # fmt: skip
    if st.button(
        f"Analyse {len(dropped)} {'video' if len(dropped) == 1 else 'videos'}",
        type="primary", icon=":material/play_arrow:", disabled=not consent,
    ):  # fmt: skip
        _submit(study, dropped, edited, consent, setting, copy, pattern)


def _example(shown: FromName) -> None:
    parts = [f"participant {plain(shown.participant)}"]
    parts += [f"{plain(k)} {plain(v)}" for k, v in shown.columns.items()]
    parts += [f"stimulus {plain(shown.stimulus)}"] if shown.stimulus else []
    fits = ", ".join(parts) if shown.matched else "the pattern does not fit"
    st.caption(f"Such as P07\\_A\\_clip2.mp4: {fits}.")


def _submit(
    study: Study,
    dropped: list[Any],
    rows: pd.DataFrame,
    consent: str,
    setting: str,
    copy: bool,
    pattern: str,
) -> None:
    problems = []
    bar = st.progress(0.0, "Storing the videos")
    for number, (one, row) in enumerate(zip(dropped, rows.to_dict("records"), strict=True)):
        columns = {
            k: str(v or "") for k, v in row.items() if k not in ("file", "participant", "stimulus")
        }
        who = FromName(str(row["participant"] or ""), str(row["stimulus"] or ""), columns)
        try:
            studies.submit(
                study.path.name, one, one.name, who, consent=consent, setting=setting, copy=copy
            )
        except FerError as error:
            problems.append(str(error))
        bar.progress((number + 1) / len(dropped), "Storing the videos")
    if pattern != study.file.pattern:
        attempt("study_problem", studies.change, study.path.name, pattern=pattern)
    if problems:
        more = f" ({len(problems) - 1} more could not be added.)" if len(problems) > 1 else ""
        state["study_problem"] = problems[0] + more
    state["study_round"] += 1
    st.rerun()


def _add_analysis(study: Study) -> None:
    key = browser_key()
    jobs = {job.name: job for job in videos.list_jobs(key) if job.has_result()} if key else {}
    if not jobs:
        st.info("There is no analysis of this browser: analyse a video on the page Video.")
        return
    name = st.selectbox(
        "Analysis", list(jobs), format_func=lambda one: jobs[one].config["name"],
        key="study_analysis",
    )  # fmt: skip
    who = _participant_fields(study, read_name(study.file.pattern, jobs[name].config["name"]), name)
    st.caption(
        "One that another model or class prior made is analysed again, where its video was kept."
    )
    consent, setting = _consent()
    ready = bool(consent and who.participant.strip())
    if st.button("Add", type="primary", icon=":material/add:", disabled=not ready):
        attempt(
            "study_problem", studies.add_analysis, study.path.name, jobs[name], who,
            consent=consent, setting=setting,
        )  # fmt: skip
        st.rerun()


def _participant_fields(study: Study, said: FromName, key: str) -> FromName:
    """Ask whose recording it is, beginning with what its name says."""
    with st.container(horizontal=True):
        code = st.text_input("Participant", said.participant, key=f"study_code_{key}")
        group = st.text_input(
            "Group", said.columns.get(study.file.group, ""), key=f"study_group_{key}"
        )
        task = st.text_input("Stimulus", said.stimulus, key=f"study_task_{key}")
    return FromName(code, task, dict(said.columns) | {study.file.group: group})


def _add_session(study: Study) -> None:
    saved = {one.id: one for one in sessions.list_all()}
    if not saved:
        st.info("There is no saved live session: record one on Live and save it.")
        return
    key = st.selectbox(
        "Session", list(saved), format_func=lambda k: saved[k].name, key="study_session"
    )
    who = _participant_fields(study, FromName(""), f"session_{key}")
    delay = saved[key].about.get("delay")
    correct = bool(delay) and st.checkbox(
        "Correct the times of stimuli by the measured delay of the camera",
        help="The median, stored with the session, from the flashes before the first stimulus.",
        key="study_delay",
    )
    consent, setting = _consent()
    if st.button(
        "Add", type="primary", icon=":material/add:", disabled=not (consent and who.participant)
    ):
        attempt(
            "study_problem", studies.add_saved_session, study.path.name, key, who,
            consent=consent, setting=setting, correct_delay=correct,
        )  # fmt: skip
        st.rerun()


def _count_events(study: Study, one: Recording) -> int | None:
    try:
        return len(study.events(one))
    except FerError:
        return None  # the problems above say why


def _list(study: Study) -> None:
    st.subheader("Recordings", anchor=False)
    files = study.file.recordings
    rows = pd.DataFrame(
        {
            "recording": [one.id for one in files],
            "participant": [one.participant for one in files],
            "stimulus": [one.task for one in files],
            "length": [clock(one.seconds) for one in files],
            "events": [_count_events(study, one) for one in files],
            "video": [study.video(one) is not None for one in files],
            "consent": [one.consent for one in files],
            "setting": [one.setting for one in files],
        }
    )
    chosen = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun" if access.is_admin() else "ignore",
        selection_mode="single-row",
        key=f"study_list_{len(files)}",
        height=min(420, 38 + 35 * len(rows)),
        column_config={
            "recording": "Recording", "participant": "Participant", "stimulus": "Stimulus",
            "length": "Length", "events": "Events", "consent": "Consent", "setting": "Setting",
            "video": st.column_config.CheckboxColumn("Video", help="Is it here?"),
        },
        alt="Recordings of the study",
    )  # fmt: skip
    if not access.is_admin() or not chosen.selection.rows:
        if access.is_admin():
            st.caption("Select one to choose the participant's face or to delete it.")
        return
    one = files[min(chosen.selection.rows[0], len(files) - 1)]
    with st.container(horizontal=True, vertical_alignment="bottom", border=True):
        st.markdown(f"**{plain(one.id)}**", width="content")
        seen = study.table(one)["person"].dropna().astype(int)
        counts = seen.value_counts()
        people = counts.index.tolist()
        if len(people) > 1:
            key = f"study_faces_{study.path.name}_{one.id}"
            st.multiselect(
                "Face of the participant", people, [p for p in one.faces if p in people],
                format_func=lambda p: f"Person {p} ({counts[p]} frames)", width=330, key=key,
                on_change=_choose_faces, args=(study.path.name, one.id, key),
                help="Choose several where the participant was taken for several people: they "
                "count as one.",
            )  # fmt: skip
        st.button(
            "Delete recording", icon=":material/delete:", key=f"study_delete_{one.id}",
            on_click=attempt,
            args=("study_problem", studies.delete_recording, study.path.name, one.id),
        )  # fmt: skip
    if len(people) > 1:
        st.caption(
            "Where two people have one number, split them on the page Video: analyse the video "
            "there, and add that video analysis."
        )
        st.page_link("pages/video.py", label="Video", icon=":material/movie:", width="content")
    for sentence in one.problems:
        st.caption(plain(sentence))


def _choose_faces(name: str, id: str, key: str) -> None:
    """Take the faces that were chosen; what cannot be is chosen as before."""
    attempt("study_problem", studies.set_faces, name, id, state[key])
    state[key] = studies.open_study(name).recording(id).faces


def _participants(study: Study) -> None:
    st.subheader("Participants", anchor=False)
    table = study.participants
    edited = st.data_editor(
        table, hide_index=True, disabled=[PARTICIPANT] if access.is_admin() else True,
        key=f"study_people_{study.path.name}_{len(table)}_{len(table.columns)}",
        height=min(420, 38 + 35 * len(table)),
        column_config={PARTICIPANT: "Participant"},
    )  # fmt: skip
    if not access.is_admin():
        return
    if not edited.equals(table):
        attempt("study_problem", studies.set_participants, study.path.name, edited)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Add a participant", icon=":material/person_add:"):
            new = st.text_input(
                "Code", placeholder="P07", key=f"study_new_code_{len(table)}",
                help="Who is added gets recordings later. The place in this list is what a Latin "
                "square on Live goes by.",
            ).strip()  # fmt: skip
            if st.button("Add", disabled=not new, key="study_new_add"):
                attempt(
                    "study_problem", studies.set_participants, study.path.name,
                    pd.concat([table, pd.DataFrame([{PARTICIPANT: new}])], ignore_index=True)
                    .fillna(""),
                )  # fmt: skip
                st.rerun()
        with st.popover("Add a column", icon=":material/add_column_right:"):
            name = st.text_input("Name", placeholder="age", key="study_column")
            if st.button("Add", disabled=not name.strip() or name in table, key="study_column_add"):
                attempt(
                    "study_problem", studies.set_participants, study.path.name,
                    table.assign(**{name.strip(): ""}),
                )  # fmt: skip
                st.rerun()
        if not study.codes():
            return
        code = st.selectbox(
            "Participant", study.codes(), index=None, placeholder="delete…", width=150,
            key=f"study_gone_{len(table)}", label_visibility="collapsed",
        )  # fmt: skip
        if code and st.button("Delete participant", icon=":material/person_remove:"):
            attempt("study_problem", studies.delete_participant, study.path.name, code)
            st.rerun()
