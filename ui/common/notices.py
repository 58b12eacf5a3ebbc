"""What people must know before they believe a result."""

from collections.abc import Callable, Container, Iterable
from typing import Any

import streamlit as st

from fer_core.errors import FerError
from ui.common.text import plain, sentence
from ui.common.undo import offer_undo


def attempt(problem: str, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do something; where it cannot be, :func:`say_problem` says so at the next run.

    Args:
        problem: key of the session's state that takes the sentence.
        act: what to do, with what follows.
        args: likewise.
        options: likewise.
    """
    try:
        return act(*args, **options)
    except FerError as error:
        st.session_state[problem] = str(error)
        return None


def say_error(error: object, title: str = "", icon: str = ":material/error:") -> None:
    """Say what went wrong.

    Args:
        error: An error, or its sentence, as it was raised.
        title: Stands above it, such as the name of a file.
        icon: Stands beside it.
    """
    st.error(sentence(error), title=plain(title) or None, icon=icon)


def say_problem(problem: str) -> None:
    """Say once what could not be done, if anything."""
    if said := st.session_state[problem]:
        say_error(said)
        st.session_state[problem] = None


def say_missing(what: str, asked: Iterable[str], there: Container[str]) -> None:
    """Say which of the things that were asked for, by a link for example, do not exist.

    Args:
        what: What they are called, such as 'run'.
        asked: Their names.
        there: The names that exist.
    """
    if missing := [name for name in asked if name not in there]:
        names = ", ".join(map(plain, missing))
        st.warning(
            f"There is no {what} called {names}. It may have been deleted or renamed."
            if len(missing) == 1
            else f"There are no {what}s called {names}. They may have been deleted or renamed.",
            icon=":material/search_off:",
        )


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
are forgotten when you close the page; those of *Live* on your own device not even there. A
video's result is stored there, for this browser to open again, until its time is up or you
delete it. Nothing is sent anywhere else.
"""
    )


def footer() -> None:
    """The caption at the foot of every page, with the whole notice behind it, and the undo."""
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
