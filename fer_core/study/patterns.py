"""What the name of a file says: participant, group and stimulus, by a pattern one can edit.

A pattern is the name without its ending, in which words in braces stand for what changes:
``{participant}_{group}_{stimulus}`` reads ``P07_A_clip2.mp4`` as participant P07 of group A, who
saw clip2. Any other word in braces becomes a column of the participants' table.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from fer_core.files import printable
from fer_core.study.model import StudyError
from fer_core.study.tables import check_column

#: What a new study begins with.
DEFAULT: Final = "{participant}_{group}_{stimulus}"
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
#: Not a column of one's own.
_STIMULUS: Final = "stimulus"


@dataclass(frozen=True)
class FromName:
    """What a file name says.

    Attributes:
        participant: Code of the participant.
        stimulus: Stimulus or task, or "".
        columns: Further columns of the participant, such as ``group``.
        matched: Whether the pattern fits. Without, the whole name is the participant.
    """

    participant: str
    stimulus: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    matched: bool = True


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression.

    Raises:
        StudyError: It names no participant, names something twice, or has a word that is no name
            or that the tables of results use.
    """
    names = _FIELD.findall(pattern)
    for name in names:
        if not _NAME.fullmatch(name):
            raise StudyError(
                f"{{{name}}} is not a field: use small letters, digits and underscores, such as "
                "{participant} or {condition}."
            )
        check_column(name)
        if names.count(name) > 1:
            raise StudyError(f"{{{name}}} stands in the pattern twice: use it once.")
    if "participant" not in names:
        raise StudyError("The pattern needs {participant}, which says whose recording it is.")
    parts = _FIELD.split(pattern.strip())
    if any(not parts[i] for i in range(2, len(parts) - 1, 2)):
        raise StudyError(
            "Between two fields the pattern needs a character, such as an underscore, where one "
            "ends and the next begins."
        )
    text = "".join(
        re.escape(part) if i % 2 == 0 else f"(?P<{part}>.+?)" for i, part in enumerate(parts)
    )
    return re.compile(text, re.DOTALL)


def read_name(pattern: str, source: str | PurePath) -> FromName:
    """Return what a file's name says.

    >>> read_name("{participant}_{group}_{stimulus}", "P07_A_clip2.mp4")
    FromName(participant='P07', stimulus='clip2', columns={'group': 'A'}, matched=True)

    Raises:
        StudyError: The pattern cannot be used.
    """
    expression = compile_pattern(pattern)
    stem = PurePath(printable(source)).stem.strip() or "recording"
    found = expression.fullmatch(stem)
    if not found:
        return FromName(stem, matched=False)
    values = {name: value.strip() for name, value in found.groupdict().items()}
    participant, stimulus = values.pop("participant"), values.pop(_STIMULUS, "")
    return FromName(participant or stem, stimulus, values)


def two_of_one_name(sources: Iterable[str | PurePath]) -> list[str]:
    """Return the names that several files have, whose recordings nobody could tell apart."""
    names = [PurePath(printable(source)).name for source in sources]
    return sorted({name for name in names if names.count(name) > 1})
