"""The row 'Model, Detector, Options', remembered for the session and shared by pages."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from fer_core.class_prior import AS_TRAINED, ClassPrior, parse
from fer_core.classifier import Classifier, load_classifier
from fer_core.emotions import EMOTIONS, UNSURE_BELOW
from fer_core.errors import FerError
from fer_core.faces import DETECTORS, Detector, get_detector
from fer_core.models.card import NOT_FOR_PHOTOS
from fer_core.settings import settings
from ui.common.notices import say_error
from ui.services import visits
from ui.services.models import default_model, labels, picker_labels, set_default

#: How frequent the emotions are assumed to be, see :mod:`fer_core.class_prior`.
PRIORS: Final = {
    "as-trained": "as frequent as in the training data",
    "recommended": "recommended",
    "uniform": "equally frequent",
    "custom": "custom",
}


@dataclass(frozen=True)
class Choice:
    """What a visitor chose: both loaded, and how results are to be read.

    The classifier has the class prior, whose text :attr:`class_prior` is as it was chosen.
    """

    classifier: Classifier
    detector: Detector
    largest: bool
    unsure_below: float
    class_prior: str = str(AS_TRAINED)

    @property
    def model_key(self) -> tuple[str, str]:
        """Name and content of the model: two are never taken for each other."""
        card = self.classifier.card
        return card.name, card.files[card.exported]


@dataclass(frozen=True)
class Only:
    """What can be chosen where not every model and detector can run.

    Attributes:
        models: Names; the first one stands in for one that cannot run.
        detector: The only one.
        why: A sentence on why there is no other.
    """

    models: list[str]
    detector: str
    why: str

    def model(self, chosen: str) -> str:
        """Return the model that runs where ``chosen`` is wanted."""
        return chosen if chosen in self.models else self.models[0]


def model_row(only: Only | None = None) -> Choice:
    """Show the row and return what is chosen; stops the page where that cannot be loaded.

    Args:
        only: What can be chosen where not everything can run.
    """
    _set_defaults()
    titles = labels() if only else picker_labels()
    # A default that cannot be used is offered all the same: the error says why.
    models = titles | {name: name for name in [default_model()] if name not in titles}
    names = DETECTORS | {n: n for n in [settings().detector] if n not in DETECTORS}
    if only:
        _only(only, models, names)
    else:
        st.selectbox(
            "Model",
            list(models),
            format_func=lambda name: models.get(name, name),
            key="model",
            help="The most accurate suits pictures, the balanced one videos, and the fastest live "
            "pictures on slow machines: among the models measured on FER2013.",
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
    options = st.popover("Options", icon=":material/tune:")
    with options:
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
        _class_prior()
    choice = current(only)
    if choice.classifier.card.drawn:
        st.caption(f":material/draw: {NOT_FOR_PHOTOS}.", width="content")
    if (
        choice.classifier.frequencies is None
        and st.session_state["class_prior"] != choice.class_prior
    ):
        options.caption(
            "This model's card does not state how frequent the emotions are in its training "
            "data, so its answers are used as trained."
        )
    return choice


def _only(only: Only, models: dict[str, str], names: dict[str, str]) -> None:
    """Show what runs where not everything can, and let the visitor choose among that."""
    state = st.session_state
    state["only_model"] = only.model(state["model"])
    st.selectbox(
        "Model",
        only.models,
        format_func=lambda name: models.get(name, name),
        key="only_model",
        on_change=lambda: state.update(model=state["only_model"]),
        width=290,
    )
    st.selectbox(
        "Detector",
        [only.detector],
        format_func=lambda name: names.get(name, name),
        key="only_detector",
        disabled=True,
        help=only.why,
        width=280,
    )


def _class_prior() -> None:
    """Ask how frequent the emotions are assumed to be."""
    name = st.selectbox(
        "Assume emotions are",
        list(PRIORS),
        format_func=PRIORS.__getitem__,
        key="class_prior",
        help="The training data has 16 happy faces for every disgusted one, and models hesitate "
        "to answer what is rare there. 'Recommended' lessens that as far as accuracy on "
        "validation faces allows; the model's card has its strength.",
        persist_state="session",
    )
    if name == "custom":
        st.caption("How frequent each emotion is; only the proportions matter.")
        with st.grid(min_column_width=130):
            for emotion in EMOTIONS:
                st.number_input(
                    emotion,
                    min_value=0.0,
                    step=1.0,
                    format="%g",
                    key=f"prior_{emotion}",
                    persist_state="session",
                )
    if name in ("uniform", "custom"):
        st.slider(
            "Strength",
            0.0,
            1.0,
            step=0.05,
            key="prior_strength",
            help="0 changes nothing; 1 assumes these frequencies fully.",
            persist_state="session",
        )


def current(only: Only | None = None) -> Choice:
    """Return what was chosen in this session; stops the page where that cannot be loaded.

    Args:
        only: As for :func:`model_row`.
    """
    _set_defaults()
    state = st.session_state
    try:
        prior = _chosen_prior()
        model = only.model(state["model"]) if only else state["model"]
        classifier = load_classifier(model)
        detector = get_detector(only.detector if only else state["detector"])
        if classifier.frequencies is None:
            prior = AS_TRAINED
        classifier = classifier.with_prior(prior)
    except FerError as error:
        say_error(error)
        st.stop()
    return Choice(classifier, detector, state["largest"], state["unsure_below"] / 100, str(prior))


def _chosen_prior() -> ClassPrior:
    """Return the class prior that the options say.

    Raises:
        ModelError: All seven numbers are 0.
    """
    state = st.session_state
    name = state["class_prior"]
    if name in ("as-trained", "recommended"):
        return ClassPrior(name)
    chosen = "uniform" if name == "uniform" else [state[f"prior_{e}"] or 0 for e in EMOTIONS]
    return parse(chosen, state["prior_strength"])


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
    visits.remember(
        "choice",
        *("model", "detector", "largest", "unsure_below", "class_prior", "prior_strength"),
        *(f"prior_{emotion}" for emotion in EMOTIONS),
    )
    if "class_prior" not in st.session_state:
        try:
            prior = parse(None)
        except FerError as error:
            st.error(str(error), icon=":material/error:")
            st.stop()
        st.session_state["class_prior"] = prior.name
        st.session_state["prior_strength"] = prior.strength
        for emotion, share in zip(EMOTIONS, prior.target or (1.0,) * 7, strict=True):
            st.session_state[f"prior_{emotion}"] = float(share)
