"""The optional parts of the package: which extra brings which packages, and how to get it."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fer_core.errors import FerError

_DATA: Final = (
    "pandas", "pyarrow", "scipy", "sklearn", "cleanlab", "imagehash", "plotly",
)  # fmt: skip
_VIDEO: Final = ("av", "pandas", "pyarrow", "scipy", "ruptures", "plotly", "jinja2")
_STUDY: Final = (*_VIDEO, "sklearn", "matplotlib", "pyreadstat", "pympi", "pyxdf")
#: The modules that each extra brings, the smallest extra first.
_BRINGS: Final[dict[str, tuple[str, ...]]] = {
    "data": _DATA,
    "video": _VIDEO,
    "train": (*_DATA, "tensorflow", "keras", "h5py"),
    "study": _STUDY,
    "app": (*_DATA, *_STUDY, "streamlit", "streamlit_webrtc", "aiortc", "authlib", "httpx"),
    "dask": ("dask", "distributed"),
    "onnx": ("onnx", "tf2onnx"),
}


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, quoted as shells and PowerShell need it."""
    return f'pip install "fer-core[{extra}]"'


def explain(error: ModuleNotFoundError, what: str, extra: str | None = None) -> FerError | None:
    """Return what to tell a user who lacks a package.

    Args:
        error: The failed import.
        what: What needs the package, such as ``to_dataframe()``.
        extra: The extra that brings what is usually needed here. If it does not bring this
            package, the smallest one that does is named.

    Returns:
        An error with one sentence, or ``None`` if no extra brings the package.
    """
    module = (error.name or "").split(".")[0]
    bringing = [name for name, modules in _BRINGS.items() if module in modules]
    if not bringing:
        return None
    chosen = extra if extra in bringing else bringing[0]
    return FerError(_sentence(what, module, chosen))


@contextmanager
def needed_by(what: str, extra: str) -> Iterator[None]:
    """Say in one sentence which extra is missing, if an import in the block fails.

    Raises:
        FerError: A package of an extra is not installed.

    >>> with needed_by("to_dataframe()", "data"):
    ...     import pandas as pd
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if known := explain(error, what, extra):
            raise known from error
        raise


def require(module: str, what: str, extra: str) -> None:
    """Check that a package is installed, without importing it.

    Args:
        module: A module of the package, such as ``keras``.
        what: What needs it.
        extra: The extra that brings it.

    Raises:
        FerError: It is not installed; one sentence says how to get it.
    """
    if importlib.util.find_spec(module) is None:
        raise FerError(_sentence(what, module, extra))


def _sentence(what: str, module: str, extra: str) -> str:
    return f"{what} needs the package {module}: {how_to_install(extra)}"
