"""From what a dataset calls an emotion to one of the seven.

Names are mapped by name. Numbers mean something else in every dataset, so they are read only in an
order that the format or the user gives.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError

#: Names that each emotion goes by, in lower case.
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "Angry": ("angry", "anger", "an", "ang"),
    "Disgust": ("disgust", "disgusted", "di", "dis"),
    "Fear": ("fear", "fearful", "afraid", "scared", "fe", "af", "fea"),
    "Happy": ("happy", "happiness", "joy", "ha", "hap"),
    "Sad": ("sad", "sadness", "sa"),
    "Surprise": ("surprise", "surprised", "su", "sur"),
    "Neutral": ("neutral", "neutrality", "ne", "neu"),
}
#: Classes of other datasets that are none of the seven: left out and counted.
EXTRAS: Final = frozenset(
    {"contempt", "none", "uncertain", "unknown", "other", "no-face", "non-face", "noface", "nf"}
)
_CODES: Final = {name: i for i, emotion in enumerate(EMOTIONS) for name in NAMES[emotion]}
#: What the numbers of a dataset mean.
ORDERS: Final[dict[str, dict[int, str]]] = {
    "fer2013": dict(enumerate(name.lower() for name in EMOTIONS)),
    "affectnet": dict(
        enumerate(
            ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt", "none",
             "uncertain", "no-face")
        )
    ),
    "rafdb": dict(
        enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), start=1)
    ),
    "ckplus": dict(
        enumerate(
            ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
        )
    ),
}  # fmt: skip
#: Pictures of each number that an error has with it.
_SAMPLES: Final = 6
_NUMBER: Final = re.compile(r"([0-9]{1,3})(\.0*)?")


#: A picture that shows what a number means.
Sample = Path | np.ndarray


class LabelOrderError(DatasetError):
    """The labels are numbers, and nothing says what they mean.

    Attributes:
        found: How often each number occurs.
        samples: A few pictures with each number: files, or ``(H, W, 3)`` ``uint8`` RGB.
    """

    def __init__(
        self, name: str, found: Mapping[str, int], samples: Mapping[str, Sequence[Sample]]
    ) -> None:
        counted = ", ".join(f"{number} ({n}×)" for number, n in sorted(found.items()))
        super().__init__(
            f"{name}: its labels are numbers, {counted}, and nothing says which emotion each is. "
            f"Give their order: --label-order {'|'.join(ORDERS)}, or the names of 0, 1, 2, … with "
            "commas."
        )
        self.found = dict(found)
        self.samples: dict[str, list[Sample]] = {key: list(some) for key, some in samples.items()}


def parse_order(text: str) -> dict[int, str]:
    """Read the order of numeric labels.

    Args:
        text: A name of :data:`ORDERS`, or the names of 0, 1, 2, … with commas.

    Returns:
        What each number means, in lower case.

    Raises:
        DatasetError: It is neither.

    >>> parse_order("happy,sad")
    {0: 'happy', 1: 'sad'}
    """
    if text.strip().lower() in ORDERS:
        return ORDERS[text.strip().lower()]
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if code_of(name) is None and name not in EXTRAS:
            raise DatasetError(
                f"The label order '{text}' has '{name}', which is no emotion: use "
                f"{', '.join(ORDERS)}, or names such as {', '.join(EMOTIONS)} or contempt with "
                "commas."
            )
    if len(names) < 2:
        raise DatasetError(f"The label order '{text}' names one class only: name all of them.")
    return dict(enumerate(names))


def code_of(name: str) -> int | None:
    """Return the position of an emotion in ``EMOTIONS`` by one of its names.

    A number before the name, as in ``3_happy``, does not count.
    """
    plain = re.sub(r"^[0-9]+[\s._-]+", "", name.strip().lower())
    return _CODES.get(plain)


def number_of(text: str) -> int | None:
    """Return a label that is a number, such as ``3`` or ``3.0``."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None


class LabelReader:
    """Reads the labels of one dataset, and counts what is left out.

    >>> reader = LabelReader("mine")
    >>> reader.read("Happiness"), reader.read("contempt"), reader.left_out
    (3, None, {'contempt': 1})
    """

    def __init__(self, dataset: str, order: Mapping[int, str] | None = None) -> None:
        """Read labels of a dataset.

        Args:
            dataset: Its name, for errors.
            order: What numbers mean; without, numbers are collected and :meth:`check` refuses
                them.
        """
        self._dataset, self._order = dataset, order
        self._left_out: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._samples: dict[str, list[Path]] = {}

    @property
    def left_out(self) -> dict[str, int]:
        """How many faces of other classes were left out, by class."""
        return dict(self._left_out)

    def read(self, text: str, picture: Path | None = None) -> int | None:
        """Return 0 to 6, or ``None`` for a class that is left out or a number without an order.

        Args:
            text: The label.
            picture: That has it, as a sample of a number without an order.

        Raises:
            ValueError: It is no class that is known.
        """
        number = number_of(text)
        if number is not None:
            if self._order is None:
                self._numbers[str(number)] += 1
                samples = self._samples.setdefault(str(number), [])
                if picture is not None and len(samples) < _SAMPLES:
                    samples.append(picture)
                return None
            if number not in self._order:
                raise ValueError(f"the label {text[:20]!r} is not among {_range(self._order)}")
            text = self._order[number]
        code = code_of(text)
        if code is None:
            name = text.strip().lower()
            if name not in EXTRAS:
                raise ValueError(f"{text[:40]!r} names none of the seven emotions")
            self._left_out[name] += 1
        return code

    def check(self) -> None:
        """Refuse numbers without an order.

        Raises:
            LabelOrderError: There were some.
        """
        if self._numbers:
            raise LabelOrderError(self._dataset, self._numbers, self._samples)

    def leave_out(self, name: str) -> None:
        """Count a face that is left out for another reason."""
        self._left_out[name] += 1


def _range(order: Mapping[int, str]) -> str:
    return f"{min(order)} to {max(order)}"
