"""Where a face will be: a Kalman filter for its place and size.

The model is nearly constant velocity (Bar-Shalom, Li and Kirubarajan 2001, ch. 6) whose velocity
fades, so that a face that is hidden for a while is not expected outside the picture. Lengths are
counted in sides of the face, so that the constants hold for faces of any size.
"""

import copy
import math
from dataclasses import dataclass
from typing import Final

Box = tuple[float, float, float, float]

#: Standard deviation of a detector's box: of its place in sides, of the logarithm of its side.
PLACE_NOISE: Final = 0.1
SIZE_NOISE: Final = 0.12
#: How much movement changes: sides per second^1.5, and the same of the logarithm of the side.
PLACE_DRIFT: Final = 2.0
SIZE_DRIFT: Final = 0.4
#: Standard deviation of the velocity of a face seen for the first time, per second.
PLACE_SPEED: Final = 1.5
SIZE_SPEED: Final = 0.3
#: Seconds in which a velocity that is not seen any more falls to a third.
FADE: Final = 1.0


@dataclass
class Axis:
    """One coordinate and its velocity, with their covariance.

    Attributes:
        value: Of the coordinate.
        speed: Change per second.
        variance: Of the value.
        shared: Covariance of value and speed.
        speed_variance: Of the speed.
    """

    value: float
    speed: float
    variance: float
    shared: float
    speed_variance: float

    def predict(self, seconds: float, drift: float) -> None:
        """Move on by some seconds; ``drift`` is in units of the value."""
        left = math.exp(-seconds / FADE)
        reach = FADE * (1 - left)
        noise = drift * drift
        self.value += reach * self.speed
        self.speed *= left
        self.variance += reach * (2 * self.shared + reach * self.speed_variance)
        self.variance += noise * seconds**3 / 3
        self.shared = left * (self.shared + reach * self.speed_variance) + noise * seconds**2 / 2
        self.speed_variance = left * left * self.speed_variance + noise * seconds

    def update(self, seen: float, noise: float) -> None:
        """Take a measurement with its standard deviation."""
        total = self.variance + noise * noise
        gain, speed_gain = self.variance / total, self.shared / total
        error = seen - self.value
        self.value += gain * error
        self.speed += speed_gain * error
        self.speed_variance -= speed_gain * self.shared
        self.shared *= 1 - gain
        self.variance *= 1 - gain


class Motion:
    """A face in motion.

    >>> motion = Motion((10, 10, 80, 80), 0.0)
    >>> motion.predict(0.1)
    >>> motion.update((14, 10, 80, 80))
    >>> motion.predict(0.2)
    >>> motion.box[0] > 14
    True
    """

    def __init__(self, box: Box, time: float) -> None:
        """Begin with a box ``(x, y, width, height)`` at a time in seconds."""
        x, y, size = _measured(box)
        side = math.exp(size)
        place, speed = PLACE_NOISE * side, PLACE_SPEED * side
        self.time = time
        self._x = Axis(x, 0.0, place**2, 0.0, speed**2)
        self._y = Axis(y, 0.0, place**2, 0.0, speed**2)
        self._size = Axis(size, 0.0, SIZE_NOISE**2, 0.0, SIZE_SPEED**2)
        self._shape = math.sqrt(max(box[2], 1e-6) / max(box[3], 1e-6))

    @property
    def side(self) -> float:
        """Expected side of the face in pixels: the square root of its area."""
        return math.exp(self._size.value)

    @property
    def box(self) -> Box:
        """Expected ``(x, y, width, height)`` in pixels."""
        width, height = self.side * self._shape, self.side / self._shape
        return self._x.value - width / 2, self._y.value - height / 2, width, height

    def copy(self) -> "Motion":
        """Return one that goes its own way from here."""
        other = copy.copy(self)
        other._x, other._y = copy.copy(self._x), copy.copy(self._y)
        other._size = copy.copy(self._size)
        return other

    def predict(self, time: float) -> None:
        """Move on to a time in seconds, never before the last one."""
        seconds = time - self.time
        if seconds <= 0:
            return
        drift = PLACE_DRIFT * self.side
        self._x.predict(seconds, drift)
        self._y.predict(seconds, drift)
        self._size.predict(seconds, SIZE_DRIFT)
        self.time = time

    def update(self, box: Box) -> None:
        """Take what was found at the time of the last prediction."""
        x, y, size = _measured(box)
        noise = PLACE_NOISE * self.side
        self._x.update(x, noise)
        self._y.update(y, noise)
        self._size.update(size, SIZE_NOISE)
        self._shape = math.sqrt(max(box[2], 1e-6) / max(box[3], 1e-6))

    def distance(self, box: Box) -> tuple[float, float]:
        """Return how unlikely a box is for this face.

        Returns:
            The squared Mahalanobis distance in three dimensions, and the logarithm of the
            determinant of its covariance, lengths in sides. Their sum is twice the negative
            logarithm of the likelihood but for a constant.
        """
        x, y, size = _measured(box)
        square = self.side**2
        spread = self._x.variance / square + PLACE_NOISE**2
        spread_y = self._y.variance / square + PLACE_NOISE**2
        size_spread = self._size.variance + SIZE_NOISE**2
        away = (x - self._x.value) ** 2 / square / spread
        away += (y - self._y.value) ** 2 / square / spread_y
        away += (size - self._size.value) ** 2 / size_spread
        return away, math.log(spread * spread_y * size_spread)

    def rescale(self, x: float, y: float) -> None:
        """Follow a change of the picture's size, by these factors."""
        for axis, factor in ((self._x, x), (self._y, y)):
            axis.value *= factor
            axis.speed *= factor
            axis.variance *= factor * factor
            axis.shared *= factor * factor
            axis.speed_variance *= factor * factor
        self._size.value += math.log(x * y) / 2
        self._shape *= math.sqrt(x / y)


def _measured(box: Box) -> tuple[float, float, float]:
    """Centre, and logarithm of the side."""
    x, y, width, height = box
    return x + width / 2, y + height / 2, math.log(max(width * height, 1e-6)) / 2
