"""The register of architectures: what each is called, where it comes from, how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fer_core.errors import ModelError

if TYPE_CHECKING:
    import keras

#: A function from options to a network.
Builder = Callable[..., "keras.Model"]
_B = TypeVar("_B", bound=Builder)


@dataclass(frozen=True)
class Architecture:
    """A network that can be built and trained.

    Attributes:
        name: What the command line and model folders call it.
        title: What people call it.
        builder: Builds it, from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.
        reference: The paper or report that it comes from.
        options: What the builder is given unless other options are.
        weights: Starting weights there are for it, besides none and a file.
    """

    name: str
    title: str
    builder: Builder
    reference: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ()


_ARCHITECTURES: dict[str, Architecture] = {}


def register(
    name: str,
    title: str,
    reference: str,
    *,
    weights: tuple[str, ...] = (),
    **options: Any,
) -> Callable[[_B], _B]:
    """Register the decorated builder as an architecture.

    One builder may be registered under several names with different options. The builder
    must import Keras inside, so that listing architectures stays quick.

    Args:
        name: What the command line and model folders call it.
        title: What people call it.
        reference: The paper or report that it comes from.
        weights: Starting weights there are for it, besides none and a file.
        options: What the builder is given unless other options are.

    Raises:
        ValueError: Another builder has that name.

    >>> @register("tiny", "A tiny network", "Nobody 2026")  # doctest: +SKIP
    ... def tiny(width: int = 8) -> "keras.Model": ...
    """

    def decorate(builder: _B) -> _B:
        if name in _ARCHITECTURES and _ARCHITECTURES[name].builder is not builder:
            raise ValueError(f"there is an architecture {name} already")
        _ARCHITECTURES[name] = Architecture(name, title, builder, reference, options, weights)
        return builder

    return decorate


def architectures() -> list[Architecture]:
    """Return all architectures, sorted by name."""
    return sorted(_ARCHITECTURES.values(), key=lambda a: a.name)


def architecture(name: str) -> Architecture:
    """Return the architecture called ``name``.

    Raises:
        ModelError: There is none.
    """
    try:
        return _ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ModelError(f"Unknown architecture '{name}': use one of {known}.") from None


def build(name: str, **options: Any) -> "keras.Model":
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Raises:
        ModelError: There is no such architecture, or it does not take one of ``options``.
    """
    chosen = architecture(name)
    try:
        return chosen.builder(**{**chosen.options, **options})
    except TypeError as error:
        raise ModelError(f"{name} cannot be built with {options}: {error}") from error
