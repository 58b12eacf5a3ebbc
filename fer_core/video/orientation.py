"""The orientation in which a player shows a frame, from its display matrix."""

from dataclasses import dataclass

import av
import numpy as np
from av.sidedata.sidedata import Type


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture down: four rotations, each with or without a flip.

    Attributes:
        transposed: Whether rows become columns, before the flips.
        mirrored: Whether left and right are exchanged.
        upside_down: Whether top and bottom are exchanged.
    """

    transposed: bool = False
    mirrored: bool = False
    upside_down: bool = False

    def upright(self, stored: np.ndarray) -> np.ndarray:
        """Return a stored picture ``(H, W, 3)`` as a player shows it."""
        shown = stored.swapaxes(0, 1) if self.transposed else stored
        if self.mirrored:
            shown = shown[:, ::-1]
        return shown[::-1] if self.upside_down else shown


def orientation(raw: av.VideoFrame) -> Orientation:
    """Return the orientation of a decoded frame; upright if the file does not say."""
    try:
        data = raw.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    except ValueError:  # another side data is unknown to PyAV
        turns = round(raw.rotation / 90) % 4
        return Orientation(turns % 2 == 1, turns in (2, 3), turns in (1, 2))
    return of_matrix(np.frombuffer(bytes(data), np.int32)[:9]) if data else Orientation()


def of_matrix(matrix: np.ndarray) -> Orientation:
    """Return the orientation that comes next to a display matrix.

    The matrix takes a point (p, q) of the stored picture to (a·p + c·q, b·p + d·q) on the
    screen, both with y downwards (QuickTime File Format; libavutil/display.h).

    Args:
        matrix: ``a, b, u, c, d, v, x, y, w``, fixed-point numbers.
    """
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
