"""The report of an audit: what was found, how far it can be trusted, with tables and faces."""

from typing import Any, Final

import streamlit as st

from fer_core.audit import KINDS
from fer_core.audit.report import WAYS
from fer_core.datasets import browse
from ui.common.text import plain, sentence
from ui.dataset.open import Opened
from ui.services.audits import AuditJob

#: Faces that are shown of each kind.
_SAMPLES: Final = 10
_PERCENT: Final = st.column_config.NumberColumn(format="percent")


def audit_report(data: Opened, audit: AuditJob) -> None:
    """Show the report of an audit that is done."""
    found = audit.result()
    summary = found.summary
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Faces with a problem**")
        _table(
            [
                {
                    "Kind": KINDS[kind],
                    "Faces": number,
                    "Share": number / max(1, summary["faces"]),
                }
                for kind, number in summary["kinds"].items()
            ],
            f"Kinds of problems among {summary['faces']} faces",
        )
    with right:
        st.markdown("**The surest ones of each kind**")
        with st.grid(min_column_width=300):
            for kind in (one for one in KINDS if summary["kinds"].get(one)):
                rows = found.problems.loc[found.problems["kind"] == kind, "row"].head(_SAMPLES)
                faces = data.dataset.faces[rows.to_numpy()]
                with st.container(gap="xsmall"):
                    st.caption(KINDS[kind])
                    st.image(
                        browse.sheet(faces, len(faces)),
                        width=min(480, 48 * len(faces)),
                        alt=f"{len(faces)} faces of the kind '{KINDS[kind]}'",
                    )
    _labels(summary["labels"])
    copies = summary["copies"]["all"]
    with st.container(horizontal=True):
        st.metric("Pictures that occur more than once", f"{copies['groups']:,}")
        st.metric("of them in several splits", f"{copies['across_splits']:,}")
        st.metric("of them with several labels", f"{copies['labels_differ']:,}")
        st.metric(
            "Test faces with a copy in Training", f"{copies['test_faces_seen_in_training']:,}"
        )
    if finder := summary.get("finder"):
        st.markdown("**How often the audit is right about labels, by the votes of FER+**")
        _table(
            [
                {
                    "Split": split,
                    "Precision": one["precision"],
                    "Recall": one["recall"],
                    "Labels that are wrong": one["wrong"],
                    "Wrong among the first 5 %": one["precision_at"]["5 %"],
                }
                for split, one in finder.items()
            ],
            "Precision and recall of label errors by split",
        )
    if attainable := summary["attainable"]:
        st.markdown("**Accuracy that a perfect model could attain**")
        _table(
            [
                {"Accuracy": value, "Estimated as the share of": WAYS[way]}
                for way, value in attainable.items()
            ],
            "Estimates of the attainable accuracy",
        )


def _labels(found: dict[str, Any]) -> None:
    """Say by what label errors were found."""
    if "error" in found:
        st.warning(sentence(found["error"]), icon=":material/info:")
    else:
        st.caption(
            f"Label errors were found by features of {plain(found['model'])} and by gradients of "
            f"the pixels. What they learned over folds is right on {found['out_of_fold']:.0%}."
        )


def _table(rows: list[dict[str, Any]], alt: str) -> None:
    shares = {name: _PERCENT for row in rows for name, v in row.items() if isinstance(v, float)}
    st.dataframe(rows, hide_index=True, column_config=shares, width="content", alt=alt)
