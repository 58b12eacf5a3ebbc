"""A camera without a camera: the example portrait moving about."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.images import example_portrait

WIDTH: Final = 640
HEIGHT: Final = 480
RATE: Final = 30


def moving_portrait(seconds: int = 4) -> Iterator[np.ndarray]:
    """Return frames ``(480, 640, 3)`` ``uint8``, RGB, 30 a second; the last leads to the first."""
    portrait = cv2.resize(example_portrait(), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    count = seconds * RATE
    for i in range(count):
        turn = 2 * np.pi * i / count
        shift = np.float32([[1, 0, 80 + 60 * np.sin(turn)], [0, 1, 8 * np.sin(2 * turn)]])
        yield cv2.warpAffine(portrait, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def faces_at_the_edges(width: int, height: int, seconds: int = 1) -> Iterator[np.ndarray]:
    """Return frames of one shape with a face at each of the four edges, 30 a second.

    Args:
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        seconds: Until it begins again.

    Yields:
        ``(height, width, 3)`` ``uint8``, RGB.
    """
    side = min(width, height) // 3
    portrait = cv2.resize(example_portrait(), (side, side), interpolation=cv2.INTER_AREA)
    frame = np.full((height, width, 3), 110, np.uint8)
    right, bottom = width - side, height - side
    for x, y in ((0, bottom // 2), (right, bottom // 2), (right // 2, 0), (right // 2, bottom)):
        frame[y : y + side, x : x + side] = portrait
    for i in range(seconds * RATE):
        frame[:8, :8] = 40 + 20 * (i % 8)  # a camera's picture never stands still
        yield frame.copy()


def write_y4m(path: Path, frames: Iterable[np.ndarray]) -> Path:
    """Write frames as the raw video that Chromium takes for a camera.

    Args:
        path: Of the file.
        frames: ``(H, W, 3)`` ``uint8``, RGB, all of one shape with even sides.

    Returns:
        ``path``.
    """
    with path.open("wb") as file:
        for place, frame in enumerate(frames):
            height, width = frame.shape[:2]
            if place == 0:
                file.write(f"YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path
