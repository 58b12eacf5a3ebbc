"""Values of options that had another name in the version before; it works for one more release."""

import warnings
from collections.abc import Mapping
from typing import Final

#: Present names by former names: of corrections that are no file, and of presets.
CORRECTIONS: Final = {"kept": "saved"}
PRESETS: Final = {"report": "baseline"}


def current_name(value: str, renamed: Mapping[str, str]) -> str:
    """Return what ``value`` is called now, with a warning where it was renamed.

    Args:
        value: What the caller gave.
        renamed: Present names by former names.
    """
    if value not in renamed:
        return value
    new = renamed[value]
    warnings.warn(
        f"'{value}' is now '{new}'; the old name works for one more release.",
        FutureWarning,
        stacklevel=3,
    )
    return new
