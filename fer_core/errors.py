"""Errors that a user can cause. Each carries one sentence that says what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class FerError(Exception):
    """Base of every error whose message is meant for the person using the program."""


class ImageError(FerError):
    """A picture cannot be read."""


class VideoError(FerError):
    """A video cannot be read or written."""


class DetectorError(FerError):
    """A face detector cannot be used on this machine."""


class ModelError(FerError):
    """A trained model or an architecture cannot be used."""


class DatasetError(FerError):
    """A dataset cannot be read or does not hold what is asked of it.

    Attributes:
        problems: every row or file that is wrong, and what is wrong with it.
    """

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def listing(cls, name: str, problems: Sequence[str]) -> "DatasetError":
        """Return the error of a dataset with ``problems``: the message names the first of them."""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return cls(f"{name}: {problems[0]}{more}. Correct it, or leave such rows out.", problems)


class TrainingError(FerError):
    """A training run cannot start or cannot go on."""


@dataclass(frozen=True)
class Damaged:
    """An item of a list that is stored but cannot be read; it can only be deleted.

    Attributes:
        name: By which it is deleted.
        reason: What is wrong with it, as a sentence.
    """

    name: str
    reason: str
