"""The foot of every page: what can be undone, what a result can tell, and what is stored."""

import streamlit as st

from fer_core.resources import app_folder
from ui.common.stored import offer_deletion
from ui.common.undo import offer_undo


@st.dialog("What this can and cannot tell", width="medium")
def _explain() -> None:
    st.markdown(
        """
**An expression is not a feeling.** A face shows an expression; what a person feels is not
in the picture (Barrett et al. 2019, *Emotional expressions reconsidered*). The seven
categories come from posed and web images, and people agree with their labels on about 65 %
of the faces. Read a result as 'looks happy, 92 %', never as 'is happy'.

**Where it must not be used.** In the European Union, inferring emotions of people at work or
in education is prohibited except for medical or safety reasons (AI Act, Article 5(1)(f), since
February 2025). Elsewhere, whoever uses such a system must tell the people exposed to it
(Article 50(3), since August 2026).

**Where pictures go.** To the machine that runs this app and no farther, in memory, and they
are forgotten two minutes after you close the page; those of *Live* on your own device not even
there. A
video's result is stored there, for this browser to open again, until its time is up or you
delete it. Nothing is sent anywhere else.
"""
    )


@st.dialog("Glossary", width="large")
def _glossary() -> None:
    """Show what the terms of the app mean: the page of the documentation, below its heading."""
    page = (app_folder() / "docs" / "glossary.md").read_text(encoding="utf-8")
    st.markdown(page.partition("\n")[2])


def footer() -> None:
    """Show the caption at the foot of every page, with the whole notice behind it, and the undo."""
    offer_undo()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            "An expression is not a feeling. No picture leaves the machine that runs this app.",
            width="content",
        )
        if st.button(
            "What this can and cannot tell", key="notice", type="tertiary", icon=":material/info:"
        ):
            _explain()
        if st.button("Glossary", key="glossary", type="tertiary", icon=":material/dictionary:"):
            _glossary()
        offer_deletion()
