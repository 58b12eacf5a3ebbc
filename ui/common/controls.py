"""The row 'Model, Detector, Options', remembered for the session and shared by pages."""

from dataclasses import dataclass

import streamlit as st

from fer_core.classifier import Classifier, load_classifier
from fer_core.emotions import UNSURE_BELOW
from fer_core.errors import FerError
from fer_core.faces import DETECTORS, Detector, get_detector
from fer_core.settings import settings
from ui.common.notices import say_error
from ui.services.models import default_model, labels, set_default


@dataclass(frozen=True)
class Choice:
    """What a visitor chose: both loaded, and how results are to be read."""

    classifier: Classifier
    detector: Detector
    largest: bool
    unsure_below: float

    @property
    def model_key(self) -> tuple[str, str]:
        """Name and content of the model: two are never taken for each other."""
        card = self.classifier.card
        return card.name, card.files[card.exported]


def model_row() -> Choice:
    """Show the row and return what is chosen; stops the page where that cannot be loaded."""
    _set_defaults()
    titles = labels()
    # A default that cannot be used is offered all the same: the error says why.
    models = titles | {name: name for name in [default_model()] if name not in titles}
    names = DETECTORS | {n: n for n in [settings().detector] if n not in DETECTORS}
    st.selectbox(
        "Model",
        list(models),
        format_func=lambda name: models.get(name, name),
        key="model",
        persist_state="session",
        width=290,
    )
    st.selectbox(
        "Detector",
        list(names),
        format_func=lambda name: names.get(name, name),
        key="detector",
        help="What finds the faces. If it misses some, try another.",
        persist_state="session",
        width=280,
    )
    with st.popover("Options", icon=":material/tune:"):
        st.toggle("Largest face only", key="largest", persist_state="session")
        st.slider(
            "Unsure below",
            0,
            100,
            step=5,
            format="%d %%",
            key="unsure_below",
            help="A face whose most probable emotion has less than this is marked 'unsure'.",
            persist_state="session",
        )
    return current()


def current() -> Choice:
    """What was chosen in this session; stops the page where that cannot be loaded."""
    _set_defaults()
    state = st.session_state
    try:
        classifier, detector = load_classifier(state["model"]), get_detector(state["detector"])
    except FerError as error:
        say_error(error)
        st.stop()
    return Choice(classifier, detector, state["largest"], state["unsure_below"] / 100)


def make_default(name: str) -> None:
    """Let all pages begin with a model, and this visit go on with it.

    Raises:
        ModelError: see :func:`ui.services.models.set_default`.
    """
    set_default(name)
    st.session_state["model"] = name


def _set_defaults() -> None:
    st.session_state.setdefault("model", default_model())
    st.session_state.setdefault("detector", settings().detector)
    st.session_state.setdefault("largest", False)
    st.session_state.setdefault("unsure_below", round(UNSURE_BELOW * 100))
