"""Where the files that come with the project are, in a checkout and in an installed package.

In a checkout, ``models/``, ``pages/``, ``ui/`` and ``streamlit_app.py`` lie beside
``fer_core/``. An installed package has them inside it, in ``_models/`` and ``_app/``, so that
nothing but ``fer_core`` stands at the top of site-packages.
"""

import os
import site
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_folder() -> Path:
    """Return the folder of the models that ship, which also has ``detectors``."""
    return _folder("_models", _PACKAGE.parent / "models")


def app_folder() -> Path:
    """Return the folder of ``streamlit_app.py``, with ``pages``, ``ui`` and ``static``."""
    return _folder("_app", _PACKAGE.parent)


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules in a process of its own.

    The process keeps the working folder of its parent, so that relative paths mean the same
    in both, but it imports nothing from there: a user's folder may hold a ``queue.py``.

    Args:
        module: Such as ``fer_core.train.worker``; start it with :func:`module_environment`.
        arguments: Those of the module.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """Return this process's environment, with which ``fer_core`` can be imported anywhere."""
    root, found = str(_PACKAGE.parent), os.environ.get("PYTHONPATH", "")
    if root in [*site.getsitepackages(), site.getusersitepackages()]:
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, *([found] if found else [])])}


def _folder(installed: str, checkout: Path) -> Path:
    return _PACKAGE / installed if (_PACKAGE / installed).is_dir() else checkout
