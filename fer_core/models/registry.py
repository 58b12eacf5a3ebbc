"""Every architecture that can be trained, by name."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fer_core.errors import ModelError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A network that can be built and trained.

    Attributes:
        name: as used on the command line and in model folders.
        title: what people call it.
        module: where its ``build(**options)`` lives; imported only when built, since
            that imports Keras.
        reference: the paper or report it comes from.
    """

    name: str
    title: str
    module: str
    reference: str


_ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture(
            "mini_xception",
            "mini-Xception (the report's variant)",
            "fer_core.models.mini_xception",
            "Arriaga et al. 2017, arXiv 1710.07557, with two residual branches",
        ),
    )
}


def architectures() -> list[Architecture]:
    """All architectures, by name."""
    return sorted(_ARCHITECTURES.values(), key=lambda a: a.name)


def architecture(name: str) -> Architecture:
    """The architecture called ``name``.

    Raises:
        ModelError: there is none.
    """
    try:
        return _ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ModelError(f"Unknown architecture '{name}': use one of {known}.") from None


def build(name: str, **options: Any) -> "keras.Model":
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Raises:
        ModelError: no such architecture, or it does not take one of ``options``.
    """
    module = importlib.import_module(architecture(name).module)
    try:
        return module.build(**options)
    except TypeError as error:
        raise ModelError(f"{name} cannot be built with {options}: {error}") from error
