"""Clips that the tests of video make."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fer_core.datasets.demo import draw_face
from fer_core.images import example_portrait
from fer_core.video.clips import write_clip

SIZE = (320, 240)


def portrait(count: int, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """The example portrait, moving a little."""
    width, height = size
    picture = cv2.resize(example_portrait(), (height, height), interpolation=cv2.INTER_AREA)
    for i in range(count):
        frame = np.full((height, width, 3), 128, np.uint8)
        x = (width - height) // 2 + i % 8
        frame[:, x : x + height] = picture[:, : width - x]
        yield frame


def grey(count: int) -> Iterator[np.ndarray]:
    for _ in range(count):
        yield np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def drawn(*spans: tuple[str, float], seed: int = 4, rate: int = 25) -> Iterator[np.ndarray]:
    """A drawn person who shows one emotion after another."""
    for emotion, seconds in spans:
        picture = draw_face(emotion, 220, seed)
        for i in range(round(seconds * rate)):
            frame = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            x = 40 + i % 10
            frame[10:230, x : x + 220] = picture
            yield frame


def clip(path: Path, seconds: float = 2.0, **how: object) -> Path:
    return write_clip(path, portrait(round(seconds * 25)), **how)
