"""Every architecture that can be trained, one family per file.

A builder registers itself with :func:`register`. Importing this package imports every
family, but not Keras: builders import it when they are called.
"""

import importlib
import pkgutil

from fer_core.models.architectures.registry import (
    Architecture,
    architecture,
    architectures,
    build,
    register,
)

__all__ = ["Architecture", "architecture", "architectures", "build", "register"]

for _family in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_family.name}")
