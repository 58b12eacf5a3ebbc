"""The settings of a run to come: a widget for each, made from the configuration itself."""

import types
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from fer_core.datasets.labels import ORDERS
from fer_core.errors import FerError
from fer_core.faces import DETECTORS
from fer_core.models.architectures import registry
from fer_core.train import configure, estimate
from fer_core.train.augment import Augmentation
from fer_core.train.check import check
from fer_core.train.command import command
from fer_core.train.config import TrainConfig
from fer_core.train.presets import PRESETS
from ui.common.notices import say_error
from ui.common.reading import read_dataset
from ui.common.text import plain
from ui.common.words import duration_in_words
from ui.services import collected, datasets, training
from ui.services.corrections import SAVED
from ui.services.models import labels, models_to_begin_as
from ui.training.fields import keyed, model_options

#: What is seen at once; the rest is in tabs.
_FIRST: Final = ("data", "corrections", "model", "weights", "epochs", "batch_size", "seed")
_TABS: Final[dict[str, tuple[str, ...]]] = {
    "Learning": (
        "optimizer", "learning_rate", "schedule", "warmup", "plateau_patience", "plateau_factor",
        "weight_decay", "label_smoothing", "class_weights", "mixup", "ema", "precision",
        "monitor", "early_stopping",
    ),
    "Network": ("model_options",),
    "Augmentation": tuple(Augmentation.model_fields),
    "Data": (
        "votes", "votes_share", "relabel", "drop_not_faces", "detector", "skip_bad", "mix",
        "mix_label_order",
    ),
}  # fmt: skip
#: Narrower than what is allowed, where most of that is folly.
_SANE: Final[dict[str, tuple[float, float]]] = {
    "epochs": (1, 1000),
    "batch_size": (8, 1024),
    "learning_rate": (1e-6, 1.0),
    "plateau_patience": (1, 200),
    "early_stopping": (0, 500),
    "mixup": (0, 2),
}
_STEPS: Final = {"learning_rate": 1e-4, "weight_decay": 1e-3, "ema": 1e-3}
_NAMES: Final = {
    "ema": "Weight average (EMA)",
    "seed": "Seed",
    "weights": "Starting weights",
    "data": "Dataset",
    "votes": "FER+ votes",
    "tensorboard": "TensorBoard events",
    "drop_not_faces": "Leave out pictures without a face",
    "skip_bad": "Leave out damaged rows",
    "mix": "Further datasets",
}

#: Settings that are chosen among what there is: the choices with what they are called.
_PICKED: Final[dict[str, Callable[[], dict[str, str]]]] = {
    "teacher": labels,
    "detector": lambda: dict(DETECTORS),
    "label_order": lambda: {name: name for name in ORDERS},
}

#: Of the corrections.
_NONE: Final = "none"

state = st.session_state


def begin(fields: dict[str, Any]) -> None:
    """Fill the form with ``fields`` of a configuration."""
    for key in [key for key in state if str(key).startswith("train_")]:
        del state[key]
    state["training_draft"] = fields


def form() -> TrainConfig | None:
    """Show all settings; the configuration, or ``None`` where it cannot be."""
    draft = state["training_draft"]
    slots: dict[str, Any] = {}
    values: dict[str, Any] = {}
    unreadable: dict[str, str] = {}

    def show(name: str, info: FieldInfo, value: Any, key: str) -> Any:
        with st.container(gap="xsmall"):
            try:
                got = _widget(name, info, value, f"train_{key}")
            except ValueError as error:
                unreadable[key] = str(error)
                got = value
            slots[key] = st.empty()
        return got

    fields = TrainConfig.model_fields
    with st.grid(4, min_column_width=220):
        for name in _FIRST:
            values[name] = show(name, fields[name], draft[name], name)
        _presets(values)
    known = {name for names in _TABS.values() for name in names} | set(_FIRST)
    rest = tuple(n for n in fields if n not in known and n not in ("augmentation", "fold"))
    for tab, names in zip(st.tabs([*_TABS, "More"]), [*_TABS.values(), rest], strict=True):
        with tab, st.container() if names is _TABS["Network"] else st.grid(4, min_column_width=200):
            if names is _TABS["Augmentation"]:
                values["augmentation"] = {
                    name: show(
                        name,
                        Augmentation.model_fields[name],
                        draft["augmentation"][name],
                        f"augmentation.{name}",
                    )
                    for name in names
                }
            else:
                for name in (n for n in names if n in fields):
                    values[name] = show(name, fields[name], draft[name], name)
    state["training_draft"] = values
    wrong = check(values) | unreadable
    for key, said in wrong.items():
        with slots.get(key, slots["model"]):
            say_error(said)
    if wrong:
        places = ", ".join(f"**{plain(_place(key))}**" for key in wrong)
        st.error(
            f"These settings need a change, and say why beside them: {places}.",
            icon=":material/error:",
        )
        return None
    return TrainConfig.model_validate(values)


def _place(key: str) -> str:
    """Return where a setting stands: its tab and its label."""
    name = key.removeprefix("augmentation.")
    label = _label(name)
    if name in _FIRST or key not in {*TrainConfig.model_fields, f"augmentation.{name}"}:
        return label
    return f"{next((tab for tab, names in _TABS.items() if name in names), 'More')} › {label}"


def _label(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def cross_validation() -> tuple[int, training.By | None]:
    """Ask whether to train one run or one per fold; the number of folds, 0 for one run."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input(
            "Folds", 0, 100, 0, key="training_folds_count", width=160,
            help="0: one run. 2 and more: cross-validation of a small dataset. Every run leaves "
            "out one part of the faces and is measured on it, so each face is measured once.",
        )  # fmt: skip
        by = st.selectbox(
            "Faces are divided", [None, "person", "random"],
            format_func={
                None: "by person, where the dataset knows them",
                "person": "by person",
                "random": "at random",
            }.get,
            key="training_folds_by", width=320, disabled=count < 2,
            help="By person, all faces of a person are in the same part: no run is measured on a "
            "person that it was trained on.",
        )  # fmt: skip
    if count == 1:
        st.error("One fold leaves no faces to train on. Choose 2 or more.", icon=":material/error:")
    return int(count), by


def expected_duration(config: TrainConfig, folds: int = 0, by: training.By | None = None) -> None:
    """Show how long it will take here, and the equal command line."""
    faces = _training_faces(config.data)
    found = estimate.rate(config)
    if found and faces:
        left = estimate.seconds(config, faces)
        st.markdown(
            f"**About {duration_in_words(left)}** for {config.epochs} epochs of {faces:,} faces, "
            f"at {found[0]:,.0f} faces a second by {found[1]}."
            + (f" Each of the {folds} runs takes less." if folds else "")
        )
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("The speed of this network with this batch size was not measured yet.")
            if st.button("Measure it here", icon=":material/timer:", key="training_measure"):
                try:
                    with st.spinner("A few updates on random faces…"):
                        training.measure(config)
                except FerError as error:
                    say_error(error)
                else:
                    st.rerun()
    st.caption("The same run from a terminal:")
    st.code(command(config, folds, by), language="bash", wrap_lines=True)


def first_dataset() -> str:
    """Return what a new run begins with: the machine's dataset, or the demo faces."""
    return next(iter(datasets.offered()), "demo")


def _presets(values: dict[str, Any]) -> None:
    """Show a choice of recipes for the chosen network, which fills in the rest."""
    recipes = [name for name in PRESETS if values["model"] in PRESETS[name]]

    def fill() -> None:
        if not state["train_preset"]:
            return
        retained = {
            "model": values["model"],
            "data": state["train_data"],
            "seed": state["train_seed"],
        }
        chosen = configure(preset=state["train_preset"], **retained)
        begin(chosen.model_dump(mode="json") | {"corrections": values["corrections"]})

    st.selectbox(
        "Recipe",
        recipes,
        index=None,
        placeholder="Fill in a recipe…" if recipes else "None for this network",
        disabled=not recipes,
        key="train_preset",
        on_change=fill,
        help="Settings that belong together: those of the 2021 project report, our recommended "
        "ones, or a quick try.",
    )


def _widget(name: str, info: FieldInfo, value: Any, key: str) -> Any:
    """Show one setting and return it; raise ``ValueError`` where its text cannot be read."""
    label = _label(name)
    help_ = info.description
    kind = _kind(info.annotation)
    if name == "data":
        options = list(dict.fromkeys([value, "demo", *datasets.offered()]))
        got = keyed(st.selectbox, key, value, label, options, help=help_, accept_new_options=True)
        if got != value and (order := datasets.request_of(got).label_order):
            state["train_label_order"] = order  # as it was opened
        return got
    if name == "model":
        names = [a.name for a in registry.architectures()]
        titles = {a.name: f"{a.name}: {a.title}" for a in registry.architectures()}
        return keyed(
            st.selectbox, key, value, label, names, help="The network.", format_func=titles.get
        )
    if name == "weights":
        chosen = registry.architecture(state["train_model"])
        trained = models_to_begin_as(chosen.name)
        options = list(dict.fromkeys([value, "none", *chosen.weights, *trained]))
        return keyed(st.selectbox, key, value, label, options, help=help_, accept_new_options=True)
    if name == "corrections":
        names = {_NONE: "None", SAVED: "Those of this machine"}
        given = str(value or _NONE)
        got = keyed(
            st.selectbox, key, given, label, list(dict.fromkeys([*names, given])), help=help_,
            format_func=lambda one: names.get(one, one), accept_new_options=True,
        )  # fmt: skip
        return None if got == _NONE else got
    if name in _PICKED:
        names = _PICKED[name]()
        options = list(dict.fromkeys([None, *names, value, state.get(key)]))
        return keyed(
            st.selectbox, key, value, label, options, help=help_,
            format_func=lambda one: names.get(one, one) if one else "None", placeholder="None",
            accept_new_options=name == "label_order",
        )  # fmt: skip
    if name == "model_options":
        model = state["train_model"]
        if model != state.get("train_options_of", model):
            value = {}  # of another network
            state.pop(key, None)
        state["train_options_of"] = model
        return model_options(registry.architecture(model), value)
    if name == "mix":
        return _mix(label, help_, value, key)
    if name == "mix_label_order":
        return _mix_orders(value, key)
    if get_origin(kind) is Literal:
        return keyed(st.selectbox, key, value, label, list(get_args(kind)), help=help_)
    if kind is bool:
        return keyed(st.toggle, key, value, label, help=help_)
    if kind in (int, float):
        low, high = _range(name, info, value)
        return keyed(
            st.number_input,
            key,
            kind(value),
            label,
            kind(low),
            kind(high),
            step=kind(_STEPS.get(name, 1 if kind is int else 0.05)),
            format="%d" if kind is int else "%g",
            help=f"{help_} From {low:g} to {high:g}.",
        )
    text = keyed(st.text_input, key, "" if value is None else str(value), label, help=help_)
    return text.strip() or ("" if _required(info) else None)


def _mix(label: str, help_: str | None, value: dict[str, float], key: str) -> dict[str, float]:
    """Ask for further datasets, each with its weight."""
    known = ["demo", *datasets.offered(), collected.NAME]
    chosen = keyed(
        st.multiselect, f"{key}_names", list(value), label,
        list(dict.fromkeys([*known, *value, *state.get(f"{key}_names", [])])),
        help=f"{help_} Choose one, or write the path of another.", placeholder="None",
        accept_new_options=True,
    )  # fmt: skip
    return {
        one: keyed(
            st.number_input, f"{key}_weight_{one}", float(value.get(one, 1.0)),
            f"Weight of {plain(PurePath(one).name)}", 0.01, 100.0, step=0.1, format="%g",
        )
        for one in chosen
    }  # fmt: skip


def _mix_orders(value: dict[str, str], key: str) -> dict[str, str]:
    """Ask what numeric labels mean, of each of the further datasets."""
    chosen = {
        one: keyed(
            st.selectbox, f"{key}_{one}", value.get(one),
            f"Label order of {plain(PurePath(one).name)}",
            list(dict.fromkeys([None, *ORDERS, value.get(one), state.get(f"{key}_{one}")])),
            help="What numeric labels mean: an order that is known, or names with commas between "
            "them.",
            format_func=lambda order: order or "None", placeholder="None", accept_new_options=True,
        )
        for one in state["train_mix_names"]
    }  # fmt: skip
    return {one: order for one, order in chosen.items() if order}


def _kind(annotation: Any) -> Any:
    """Return the plain type behind an annotation: ``dict`` of ``dict[str, float]``, ``str`` of a
    path.
    """
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Literal:
        return annotation
    return get_origin(annotation) or annotation


def _required(info: FieldInfo) -> bool:
    return type(None) not in get_args(info.annotation)


def _range(name: str, info: FieldInfo, value: float) -> tuple[float, float]:
    low, high = 0.0, 2.0**31 - 1
    for one in info.metadata:
        low = getattr(one, "ge", getattr(one, "gt", low))
        high = getattr(one, "le", getattr(one, "lt", high))
    sane = _SANE.get(name, (low, high))
    # A run that was started otherwise can be cloned all the same.
    return min(sane[0], value), max(sane[1], value)


def _training_faces(data: str) -> int | None:
    """Return faces in the split Training; ``None`` where the dataset cannot be read."""
    try:
        found = read_dataset(datasets.request_of(data), PurePath(data).name)
    except FerError:
        return None
    return None if found is None else int((found.usage == "Training").sum())
