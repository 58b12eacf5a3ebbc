"""The settings of Keras that results depend on, whatever the user's own settings are.

Keras reads ``~/.keras/keras.json`` (or that of ``KERAS_HOME``) and some variables of the
environment when it is imported. Which backend computes is the user's choice; the rest is
pinned while our own code trains, exports or explains, and is as before afterwards.
"""

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fer_core.errors import FerError
from fer_core.extras import require

#: The backends that training works with, and the module that each needs.
_BACKENDS: Final = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
#: What Keras accepts in its file; anything else ends its import with an error.
_ACCEPTED: Final = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def check_keras(what: str) -> None:
    """Check that Keras can be imported with a backend, without importing it.

    Args:
        what: What needs it, such as ``Training``.

    Raises:
        FerError: Keras or the package of its backend is not installed, or the settings name
            what Keras does not know.
    """
    require("keras", what, "train")
    path, settings = _user_settings()
    for name, accepted in _ACCEPTED.items():
        if settings.get(name, accepted[0]) not in accepted:
            raise FerError(
                f"{path}: {name} is {settings[name]!r}, which Keras does not know: use one of "
                f"{', '.join(accepted)}, or delete the file."
            )
    if not isinstance(settings.get("epsilon", 1e-7), float):
        raise FerError(f"{path}: epsilon is no decimal number: correct it, or delete the file.")
    named = os.environ.get("KERAS_BACKEND")
    backend = named or settings.get("backend", "tensorflow")
    where = "KERAS_BACKEND" if named else f"The backend in {path}"
    if backend not in _BACKENDS:
        raise FerError(
            f"{where} is {backend!r}, with which nothing can be trained: use one of "
            f"{', '.join(_BACKENDS)}."
        )
    if importlib.util.find_spec(_BACKENDS[backend]) is None:
        raise FerError(
            f"{where} is '{backend}', but the package {_BACKENDS[backend]} is not installed: "
            "install it, or set KERAS_BACKEND=tensorflow."
        )


@contextmanager
def our_keras() -> Iterator[None]:
    """Compute with our settings of Keras while the context lasts; it decorates functions too."""
    from keras import config

    before: list[tuple[Any, Any]] = [
        (config.set_floatx, config.floatx()),
        (config.set_epsilon, config.epsilon()),
        (config.set_image_data_format, config.image_data_format()),
        (config.set_dtype_policy, config.dtype_policy()),
        # Limits for debugging, which would end a run early without a word.
        (config.set_max_epochs, config.max_epochs()),
        (config.set_max_steps_per_epoch, config.max_steps_per_epoch()),
    ]
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_dtype_policy("float32")
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)
    try:
        yield
    finally:
        for restore, value in before:
            restore(value)


def _user_settings() -> tuple[Path, dict[str, Any]]:
    """Return the path of Keras' settings and what is in them; Keras ignores a damaged file."""
    home = Path.home()
    # As Keras looks for it.
    base = home if os.access(home, os.W_OK) else Path("/tmp")
    path = Path(os.environ.get("KERAS_HOME", base / ".keras")).expanduser() / "keras.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path, {}
    return path, settings if isinstance(settings, dict) else {}
