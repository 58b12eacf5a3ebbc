"""The pictures that speed is measured on: known faces, at a camera's and a phone's size.

All of them are made from the photographs that come with scikit-image.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from benchmarks.scenes import Scene
from fer_core.images import example_portrait

#: Name → height and width.
SIZES: Final = {"640×480": (480, 640), "12 megapixels": (3000, 4000)}
#: ``(x, y, side)`` of the face in the example portrait, framed as FER2013 frames faces.
_FACE: Final = (178, 68, 109)
#: Of a face's side: how much of its surroundings is pasted with it, on each side.
_MARGIN: Final = 0.4
#: Sides of the faces in the group pictures, in pixels.
_GROUP: Final = {"640×480": (50, 70, 100, 150), "12 megapixels": (90, 130, 200, 300, 450, 700)}


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture whose faces are known.

    Attributes:
        name: what it shows.
        size: one of :data:`SIZES`.
        image: ``(H, W, 3)`` ``uint8``, RGB.
        faces: ``(x, y, side)`` of each face.
    """

    name: str
    size: str
    image: np.ndarray
    faces: tuple[tuple[float, float, float], ...]

    def found(self, boxes: list[list[float]]) -> tuple[set[int], int]:
        """Return which faces a detector's boxes hit, and how many boxes hit none."""
        hits = [
            {i for i, face in enumerate(self.faces) if Scene(self.image, face).found_by(tuple(b))}
            for b in boxes
        ]
        return set().union(*hits), sum(not hit for hit in hits)


def make_pictures() -> list[Picture]:
    """Return for each size: one person, a group among textures, and a scene without a face."""
    return [
        picture
        for size in SIZES
        for picture in (
            _portrait(size),
            _group(size),
            Picture("no face", size, _textures(SIZES[size]), ()),
        )
    ]


def _portrait(size: str) -> Picture:
    height, width = SIZES[size]
    side = (width - height) // 2
    image = cv2.resize(example_portrait(), (height, height), interpolation=cv2.INTER_CUBIC)
    image = cv2.copyMakeBorder(image, 0, 0, side, side, cv2.BORDER_REFLECT)
    x, y, s = (v * height / 512 for v in _FACE)
    return Picture("one person", size, image, ((x + side, y, s),))


def _group(size: str) -> Picture:
    """Put faces side by side from the left, every second one mirrored, some darker."""
    image = _textures(SIZES[size])
    x0, y0, s0 = _FACE
    margin = round(s0 * _MARGIN)
    patch = example_portrait()[y0 - margin : y0 + s0 + margin, x0 - margin : x0 + s0 + margin]
    faces, left = [], round(_GROUP[size][0] * _MARGIN)
    for number, side in enumerate(_GROUP[size]):
        whole = round(side * (1 + 2 * _MARGIN))
        top = (SIZES[size][0] - whole) * (number % 3) // 2
        shown = cv2.resize(
            patch[:, ::-1] if number % 2 else patch,
            (whole, whole),
            interpolation=cv2.INTER_AREA if whole < len(patch) else cv2.INTER_CUBIC,
        )
        image[top : top + whole, left : left + whole] = shown * (1.0, 0.75, 0.5)[number % 3]
        faces.append((left + side * _MARGIN, top + side * _MARGIN, float(side)))
        left += round(side * (1 + _MARGIN))
    return Picture("a group", size, image, tuple(faces))


def _textures(size: tuple[int, int]) -> np.ndarray:
    """Return a mosaic of photographs at about their own resolution, so that the canvas has as
    much detail as a sharp picture of its size.
    """
    from skimage import data

    photos = [data.coffee(), data.chelsea(), data.rocket()]
    photos += [np.repeat(grey[..., None], 3, 2) for grey in (data.brick(), data.grass())]
    tile = 240 if size[0] < 1000 else 500
    image = np.empty((*size, 3), np.uint8)
    for number, (y, x) in enumerate(
        (y, x) for y in range(0, size[0], tile) for x in range(0, size[1], tile)
    ):
        photo = cv2.resize(photos[number % len(photos)], (tile, tile), interpolation=cv2.INTER_AREA)
        image[y : y + tile, x : x + tile] = photo[: size[0] - y, : size[1] - x]
    return image
