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
    """Frames ``(480, 640, 3)`` ``uint8``, RGB, 30 a second; the last leads to the first."""
    portrait = cv2.resize(example_portrait(), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    count = seconds * RATE
    for i in range(count):
        turn = 2 * np.pi * i / count
        shift = np.float32([[1, 0, 80 + 60 * np.sin(turn)], [0, 1, 8 * np.sin(2 * turn)]])
        yield cv2.warpAffine(portrait, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def write_y4m(path: Path, frames: Iterable[np.ndarray]) -> Path:
    """Frames as the raw video that Chromium takes for a camera; returns ``path``."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path
