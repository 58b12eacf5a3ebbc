"""From single analyses to steady ones: person numbers, probabilities smoothed over time,
labels that do not flicker.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fer_core.analysis import Analysis, Face
from fer_core.emotions import EMOTIONS
from fer_core.tracking.tracker import RETENTION, Tracker

#: Time constant of the smoothing in seconds, unless told otherwise.
SMOOTHING: Final = 0.4
#: Another emotion becomes the label at once when it leads by this much …
LEAD: Final = 0.15
#: … or when it has led for this many seconds without a break.
PATIENCE: Final = 0.8


@dataclass
class _State:
    """What is remembered of one person."""

    time: float
    probabilities: np.ndarray
    label: int
    challenger: int | None = None
    since: float = 0.0


class EmotionSmoother:
    """Follows the faces of successive analyses.

    >>> smoother = EmotionSmoother()
    >>> [face.person for face in smoother(analysis).faces]  # doctest: +SKIP
    [1]
    """

    def __init__(self, retention: float = RETENTION) -> None:
        self._tracker = Tracker(retention)
        self._states: dict[int, _State] = {}

    def __call__(self, analysis: Analysis, smoothing: float = SMOOTHING) -> Analysis:
        """Return the same analysis with person numbers, smoothed probabilities and held labels.

        Args:
            analysis: with its ``time``, never before the last one's.
            smoothing: time constant in seconds of an exponential average whose weights
                follow the time between frames, so that it does the same at any rate;
                0 leaves the probabilities as they are.
        """
        if analysis.time is None:
            raise ValueError("the analysis has no time")
        boxes = [face.box for face in analysis.faces]
        size = (analysis.width, analysis.height)
        numbers = self._tracker.update(boxes, analysis.time, size)
        faces = tuple(
            self._smooth(face, number, analysis.time, smoothing)
            for face, number in zip(analysis.faces, numbers, strict=True)
        )
        known = self._tracker.known()
        self._states = {n: state for n, state in self._states.items() if n in known}
        return replace(analysis, faces=faces)

    def _smooth(self, face: Face, number: int, time: float, smoothing: float) -> Face:
        now = np.array(face.probabilities)
        state = self._states.get(number)
        if state is None:
            state = self._states[number] = _State(time, now, int(now.argmax()))
        else:
            weight = 1 - np.exp(-(time - state.time) / smoothing) if smoothing > 0 else 1.0
            state.probabilities = state.probabilities + weight * (now - state.probabilities)
            state.time = time
            self._hold_label(state, time)
        return replace(
            face,
            person=number,
            probabilities=tuple(state.probabilities.tolist()),
            label=EMOTIONS[state.label],
        )

    @staticmethod
    def _hold_label(state: _State, time: float) -> None:
        top = int(state.probabilities.argmax())
        if top == state.label:
            state.challenger = None
            return
        if top != state.challenger:
            state.challenger, state.since = top, time
        lead = state.probabilities[top] - state.probabilities[state.label]
        if lead >= LEAD or time - state.since >= PATIENCE:
            state.label, state.challenger = top, None
