"""The options of networks, described so that they can be checked without loading Keras."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fer_core.models.architectures.registry import Architecture
from fer_core.models.architectures.transfer import RESNET50_BLOCKS, with_head
from fer_core.preprocess import FACE_SIZE

_Count = Annotated[int, Field(ge=1, le=16_384)]
#: Smallest side in pixels that a backbone can be built for, where it is not this one.
_SMALLEST_SIZE: Final = 32
_SMALLEST: Final = {"inception_v3": 75, "dlib_face": 55}
#: Parameters of every backbone's head, which their builders take as ``**head``.
_HEAD: Final = ("dense", "dropout", "frozen")


class NetworkOptions(BaseModel):
    """Every option that one of our architectures has; each takes some of them."""

    model_config = ConfigDict(strict=True, extra="ignore")

    widths: list[_Count] = Field(
        [], min_length=1, max_length=5, description="Filters of each stage."
    )
    convolutions: list[_Count] = Field([], min_length=1, description="Convolutions of each stage.")
    blocks: list[_Count] = Field([], min_length=1, description="Residual blocks of each stage.")
    dense: list[_Count] = Field(
        [], title="Dense layers", description="Units of each layer before the last; may be empty."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share dropped after each dense layer, or before the last."
    )
    size: int = Field(
        FACE_SIZE, ge=1, le=512, title="Input size",
        description="Side in pixels of the face that the network sees.",
    )  # fmt: skip
    batchnorm_dense: bool = Field(
        False, title="BatchNorm after dense layers",
        description="Normalise after each dense layer as well.",
    )  # fmt: skip
    l2: float = Field(
        0.0, ge=0, le=1, title="L2 penalty", description="Weight of the penalty on the kernels."
    )
    ratio: int = Field(
        8, ge=1, le=16_384, title="Squeeze ratio",
        description="How many times fewer channels squeezing leaves.",
    )  # fmt: skip
    frozen: bool | Annotated[int, Field(ge=0)] = Field(
        0, title="Frozen layers",
        description="How many of the backbone's first layers keep their starting weights.",
    )  # fmt: skip
    variant: int = Field(0, ge=0, le=2, description="0, 1 or 2: the larger, the slower.")


#: How an option is written: several whole numbers, one, a share or weight, yes or no, layers of a
#: backbone (a number, or yes for all), or something that only its builder knows.
Kind = Literal["counts", "integer", "number", "switch", "layers", "other"]


@dataclass(frozen=True)
class NetworkOption:
    """One option of a network, as a form needs it.

    Attributes:
        name: Of the builder's parameter.
        kind: How it is written.
        default: Value unless it is given.
        title: What it is called.
        help: What it means; empty where only its builder knows.
        low: Smallest value of a number.
        high: Largest value; ``None`` where there is none.
    """

    name: str
    kind: Kind
    default: Any
    title: str
    help: str = ""
    low: float = 0
    high: float | None = None


def declared_options(known: Architecture) -> list[NetworkOption]:
    """Return the options that a network takes, in its builder's order."""
    defaults = _defaults(known) | dict(known.options)
    return [_declared(known, name, defaults.get(name)) for name in option_names(known)]


def _declared(known: Architecture, name: str, default: Any) -> NetworkOption:
    if isinstance(default, Sequence) and not isinstance(default, str):
        default = list(default)
    title = name.replace("_", " ").capitalize()
    field = NetworkOptions.model_fields.get(name)
    if field is None:
        return NetworkOption(name, _kind_of(default), default, title)
    bounds = dict[str, float]()
    for one in field.metadata:
        for bound in ("ge", "gt", "le", "lt"):
            if (value := getattr(one, bound, None)) is not None:
                bounds[bound] = value
    low, high = bounds.get("ge", 0), bounds.get("le", bounds.get("lt"))
    if name == "size":
        if "convolutions" in option_names(known):
            low, high = 2, FACE_SIZE
        else:
            low = smallest_size(known.name)
    if "lt" in bounds:
        high = bounds["lt"] - 0.01
    if default is None:
        default = field.default
    kind = "layers" if name == "frozen" else _kind_of(default)
    return NetworkOption(
        name, kind, default, field.title or title, field.description or "", low, high
    )


def _kind_of(default: Any) -> Kind:
    if isinstance(default, bool):
        return "switch"
    if isinstance(default, int):
        return "integer"
    if isinstance(default, float):
        return "number"
    if isinstance(default, list) and all(type(one) is int for one in default):
        return "counts"
    return "other"


def wrong_option(known: Architecture, options: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the options of a network.

    Args:
        known: The network's architecture.
        options: What its builder is to be given, by name.

    Returns:
        A sentence that names the option, or ``None`` where the network can be built.
    """
    taken = option_names(known)
    unknown = [name for name in options if name not in taken]
    if unknown:
        return f"{known.name} has no option '{unknown[0]}': it takes {', '.join(taken)}."
    # What a registered builder of somebody else's takes besides, only that builder knows.
    ours = {name: value for name, value in options.items() if name in NetworkOptions.model_fields}
    try:
        NetworkOptions.model_validate(_as_lists(ours))
    except ValidationError as error:
        first = error.errors()[0]
        return f"The option {first['loc'][0]} of {known.name}: {first['msg']}."
    return _misfit(known, taken, _defaults(known) | dict(known.options) | dict(options))


def option_names(known: Architecture) -> list[str]:
    """Return the names of the options that a network takes."""
    parameters = inspect.signature(known.builder).parameters.values()
    names = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        names += [name for name in _HEAD if name not in names]
    return names


def smallest_size(backbone: str) -> int:
    """Return the smallest side in pixels that faces may be resized to for a backbone."""
    return _SMALLEST.get(backbone, _SMALLEST_SIZE)


def _as_lists(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in options.items()}


def _defaults(known: Architecture) -> dict[str, Any]:
    parameters = inspect.signature(known.builder).parameters.values()
    found = {one.name: one.default for one in parameters if one.default is not one.empty}
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        head = inspect.signature(with_head).parameters
        found = {name: head[name].default for name in _HEAD} | found
    return found


def _misfit(known: Architecture, taken: list[str], options: dict[str, Any]) -> str | None:
    """Say which options do not go together, given values that are right by themselves."""
    if "blocks" in taken and "widths" not in taken:
        blocks = options["blocks"]
        if len(blocks) != len(RESNET50_BLOCKS) or any(
            one > most for one, most in zip(blocks, RESNET50_BLOCKS, strict=True)
        ):
            most = ", ".join(map(str, RESNET50_BLOCKS))
            return f"The option blocks of {known.name} must be four numbers, at most {most}."
    widths: list[int] = list(options.get("widths", ()))
    for name in ("convolutions", "blocks"):
        if name in taken and "widths" in taken and len(options[name]) != len(widths):
            return (
                f"The options widths and {name} of {known.name} have {len(widths)} and "
                f"{len(options[name])} numbers: give one of each for every stage."
            )
    if "ratio" in taken and options["ratio"] > min(widths):
        return f"The option ratio of {known.name} must not exceed its narrowest width."
    if "size" in taken and "convolutions" in taken:
        size, least = options["size"], 2 ** len(widths)
        if size % 2 or not least <= size <= FACE_SIZE:
            return (
                f"The option size of {known.name} must be an even number from {least} to "
                f"{FACE_SIZE}."
            )
    elif "size" in taken:
        least = smallest_size(known.name)
        if options["size"] < least:
            return f"The option size of {known.name} must be {least} or more."
    return None
