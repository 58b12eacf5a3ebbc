"""What people must know before they believe a result."""

from collections.abc import Callable, Container, Iterable
from typing import Any

import streamlit as st

from fer_core.errors import FerError
from ui.common.text import plain, sentence


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
