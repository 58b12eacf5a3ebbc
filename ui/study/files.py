"""What leaves a study: report, tables, figures, BIDS, archive; and its own deletion."""

import streamlit as st

from fer_core.files import named_after
from fer_core.study.compare import Choice
from fer_core.study.measures import has_baseline, measures, per_participant, title
from ui.common.notices import attempt
from ui.common.text import plain
from ui.services import access, studies
from ui.services.studies import Study
from ui.study.compare import chosen
from ui.study.jobs import verification

state = st.session_state


def files(study: Study) -> None:
    """Show every export with what it is for."""
    name, title = study.path.name, study.file.name
    faces = False
    with st.grid(min_column_width=300):
        with st.container(border=True):
            st.markdown("**Report**")
            st.caption(
                "One HTML file: a summary, participants, quality, what was left out, events, "
                "curves, comparisons, settings and versions."
            )
            choice = _comparisons(study)
            if access.is_admin():
                faces = st.toggle(
                    "With a picture of each participant", key="study_faces",
                    help="Without this nobody is to be seen in it.",
                )  # fmt: skip
            st.download_button(
                "Report (HTML)", lambda: studies.to_report(name, faces, choice),
                named_after(title, "report", ".html"), "text/html", on_click="ignore",
                icon=":material/description:",
            )  # fmt: skip
        _archive(
            study, "tables", "Tables and figures", ":material/table:",
            "Events, long and wide tables as CSV, Parquet and SPSS, each with a codebook; "
            "figures as SVG and PNG.",
        )  # fmt: skip
        _archive(
            study, "bids", "BIDS", ":material/account_tree:",
            "The study in the form of the Brain Imaging Data Structure, with expression tables "
            "under derivatives.",
        )  # fmt: skip
        if access.is_admin():
            _admin(study)


def _comparisons(study: Study) -> Choice | None:
    """Ask which comparisons the report shows, and say which these are; ``None`` are its own."""
    all_measures = "All emotions"
    kind = st.segmented_control(
        "Comparisons", ["As in Compare", all_measures], default="As in Compare", required=True,
        key="study_report_comparisons", persist_state="session",
        help="All emotions: the seven means and the valence index, of groups and of events. p is "
        "corrected for the comparisons that are shown, so it is larger the more there are.",
    )  # fmt: skip
    if kind == all_measures:
        return None
    people = per_participant(measures(study))
    choice, baseline = chosen(study, people), has_baseline(people)
    what = "Events, each person with themselves" if choice.paired else "Groups"
    named = "; ".join(title(name, baseline) for name in choice.measures) or "no measure"
    st.caption(plain(f"{what}: {named}, in {', '.join(choice.events) or 'no event'}."))
    return choice


def _archive(study: Study, what: str, title: str, icon: str, words: str) -> None:
    """Show one kind of export that is a ZIP file."""
    name = study.path.name
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption(words)
        st.download_button(
            f"{title} (ZIP)", lambda: studies.to_zip(name, what),
            named_after(study.file.name, what, ".zip"), "application/zip", on_click="ignore",
            icon=icon,
        )  # fmt: skip


def _admin(study: Study) -> None:
    name, title = study.path.name, study.file.name
    with st.container(border=True):
        st.markdown("**Archive**")
        st.caption("The whole study as one file, to open on another machine.")
        videos = st.toggle("With the videos", key="study_pack_videos")
        st.download_button(
            "Archive (ZIP)", lambda: studies.to_archive(name, videos),
            named_after(title, "study", ".zip"), "application/zip", on_click="ignore",
            icon=":material/archive:",
        )  # fmt: skip
    with st.container(border=True):
        st.markdown("**Verify**")
        st.caption("Analyses three recordings again and says how far the numbers differ.")
        verification(study)
    copies = sum(bool(one.video and one.video.copied) for one in study.file.recordings)
    with st.container(border=True):
        st.markdown("**Delete**")
        st.caption(
            f"The study has {copies} {'copy' if copies == 1 else 'copies'} of videos. Nothing "
            "outside of the study is touched."
        )
        with st.container(horizontal=True):
            if st.button("Delete video copies", disabled=not copies, icon=":material/movie_off:"):
                attempt("study_problem", studies.delete_video_copies, name)
                st.rerun()
            if st.button("Delete study", icon=":material/delete:"):
                attempt("study_problem", studies.delete, name)
                state["study_name"] = None
                st.query_params.pop("study", None)
                st.rerun()
