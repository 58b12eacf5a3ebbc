"""Fields of the form for a new run: what all have in common, and the options of its network."""

import json
from typing import Any, Final

import streamlit as st

from fer_core.models.architectures.registry import Architecture
from fer_core.train.options import NetworkOption, declared_options

state = st.session_state

#: Keys of the fields of a network's options begin so.
_KEY: Final = "train_option."
_JSON: Final = "train_model_options"
_AS_JSON: Final = "train_options_as_json"


def keyed(widget: Any, key: str, value: Any, *args: Any, **options: Any) -> Any:
    """Show a widget whose first value is ``value``."""
    state.setdefault(key, value)
    return widget(*args, key=key, **options)


def model_options(known: Architecture, options: dict[str, Any]) -> dict[str, Any]:
    """Ask for the options of a network, a field for each that it declares.

    Args:
        known: The network's architecture.
        options: What was chosen so far.

    Returns:
        The options that differ from the architecture's own.

    Raises:
        ValueError: What was written cannot be read.
    """
    declared = declared_options(known)
    shown = [one for one in declared if one.kind != "other"]
    # What has no field, of a run that was begun elsewhere, is seen as JSON only.
    foreign = not {*options} <= {one.name for one in shown} or not all(
        _fits(one, options.get(one.name, one.default)) for one in shown
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Options of **{known.name}**; what you leave as it is stays the architecture's own.",
            width="stretch",
        )
        as_json = keyed(
            st.toggle, _AS_JSON, foreign, "Write them as JSON",
            help="For experts: all options in one text, such as {\"dropout\": 0.4}.",
            on_change=_restart,
        )  # fmt: skip
    if as_json:
        return _read_json(options)
    chosen = {one.name: options.get(one.name, one.default) for one in shown}
    found = dict[str, Any]()
    with st.grid(4, min_column_width=200):
        for option in shown:
            with st.container(gap="xsmall"):
                value = chosen[option.name]
                value = _field(known, option, value if _fits(option, value) else option.default)
            if value != option.default:
                found[option.name] = value
    return found


def _restart() -> None:
    """Fill fields or text with what was chosen so far, when the way of writing changes."""
    for key in [key for key in state if str(key).startswith((_KEY, _JSON))]:
        del state[key]


def _read_json(options: dict[str, Any]) -> dict[str, Any]:
    text = keyed(
        st.text_input, _JSON, json.dumps(options), "Options",
        help="Replaces options of the architecture, by name.",
    )  # fmt: skip
    try:
        read = json.loads(text or "{}")
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ValueError('This is not JSON such as {"dropout": 0.4}.')
    return read


def _fits(option: NetworkOption, value: Any) -> bool:
    """Return whether the field of an option can show a value."""
    if option.kind == "counts":
        return isinstance(value, list) and all(type(one) is int for one in value)
    if option.kind == "switch":
        return isinstance(value, bool)
    if option.kind == "layers" and isinstance(value, bool):
        return value
    numbers = (int, float) if option.kind == "number" else (int,)
    return (
        isinstance(value, numbers)
        and not isinstance(value, bool)
        and option.low <= value <= (float("inf") if option.high is None else option.high)
    )


def _field(known: Architecture, option: NetworkOption, value: Any) -> Any:
    """Show one option and return it."""
    key = f"{_KEY}{known.name}.{option.name}"
    if option.kind == "switch":
        return keyed(st.toggle, key, value, option.title, help=option.help)
    if option.kind == "counts":
        return _counts(option, key, value)
    if option.kind == "layers":
        whole = keyed(
            st.toggle, f"{key}_all", value is True, "Freeze the whole backbone",
            help="All of its layers keep their starting weights; only the head is trained.",
        )  # fmt: skip
        layers = keyed(
            st.number_input, key, 0 if value is True else value, option.title, 0,
            disabled=whole, help=option.help,
        )  # fmt: skip
        return True if whole else int(layers)
    kind = int if option.kind == "integer" else float
    high = "" if option.high is None else f" From {option.low:g} to {option.high:g}."
    return keyed(
        st.number_input, key, kind(value), option.title, kind(option.low),
        None if option.high is None else kind(option.high),
        step=kind(_step(known, option)), format="%d" if kind is int else "%g",
        help=f"{option.help}{high} {known.name} has {option.default:g}.",
    )  # fmt: skip


def _step(known: Architecture, option: NetworkOption) -> float:
    if option.kind == "integer":
        # Networks that crop the face take an equal margin off both sides.
        return 2 if option.name == "size" else 1
    return 0.05 if option.name == "dropout" else 1e-5


def _counts(option: NetworkOption, key: str, value: list[int]) -> list[int]:
    """Ask for several whole numbers."""
    text = keyed(
        st.text_input, key, ", ".join(map(str, value)), option.title,
        help=f"{option.help} Whole numbers with commas between them.", placeholder="None",
    )  # fmt: skip
    try:
        return [int(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise ValueError(
            f"{option.title}: write whole numbers with commas between them, such as 32, 64."
        ) from None
