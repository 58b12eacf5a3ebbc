"""Parsed and drawn datasets, kept as plain arrays under ``FER_HOME/cache``."""

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.files import write_atomic
from fer_core.settings import settings


def cached(
    name: str,
    key: Any,
    make: Callable[[], dict[str, np.ndarray]],
    source: Path | None = None,
) -> dict[str, np.ndarray]:
    """Return what ``make`` returns, from the cache where it was made before with the same key.

    Args:
        name: what the file is called, before the key's digest.
        key: anything JSON can hold; what the result depends on.
        make: makes the arrays (none of type object).
        source: the file or folder they come from. What comes from an upload is kept beside
            it, and goes with it.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    upload = source is not None and source.is_relative_to(settings().saved_files.resolve())
    path = (settings().saved_files if upload else settings().cache) / f"{name}-{digest}.npz"
    try:
        with np.load(path) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)
    arrays = make()
    # A cache that cannot be written costs time, nothing else.
    with contextlib.suppress(OSError):
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    return arrays
