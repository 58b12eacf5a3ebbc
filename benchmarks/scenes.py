"""Pictures whose faces are known, and pictures without any, for measuring detectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.images import read_image

#: Height and width of a scene, as a camera gives it.
SIZE: Final = (480, 640)


@dataclass(frozen=True)
class Scene:
    """A picture with one face in a known place.

    Attributes:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        frame: ``(x, y, side)`` of the dataset's crop, before it was turned about its
            centre.
        roll: by how many degrees clockwise it was turned.
    """

    image: np.ndarray
    frame: tuple[float, float, float]
    roll: float = 0.0

    def found_by(self, box: tuple[float, float, float, float]) -> bool:
        """Return whether a detector's box counts as this face.

        Its centre lies within 0.35 face widths of the true one, and its width is 0.5 to
        1.6 of the true one.
        """
        x, y, side = self.frame
        distance = np.hypot(box[0] + box[2] / 2 - x - side / 2, box[1] + box[3] / 2 - y - side / 2)
        return bool(distance <= 0.35 * side and 0.5 <= box[2] / side <= 1.6)


def compose(
    face: np.ndarray,
    side: int,
    rng: np.random.Generator,
    *,
    roll: float = 0.0,
    size: tuple[int, int] = SIZE,
    covered: bool = False,
    fade: bool = False,
) -> Scene:
    """Return a face in a random place of a canvas: its own blurred enlargement.

    Args:
        face: ``(48, 48)`` grey or ``(S, S, 3)`` RGB, ``uint8``.
        side: how many pixels wide the face becomes.
        rng: decides the place and, with ``covered``, the half.
        roll: turns the face, in degrees clockwise.
        size: height and width of the canvas.
        covered: half of the face (left, right or lower) is hidden by a flat grey.
        fade: continue the border by reflection and let it fade into the canvas, since a
            photo has no seam around a face.
    """
    if face.ndim == 2:
        face = np.repeat(face[..., None], 3, axis=2)
    height, width = size
    grown = cv2.INTER_CUBIC if side > face.shape[0] else cv2.INTER_AREA
    patch = cv2.resize(face, (side, side), interpolation=grown)
    if covered:
        half = side // 2
        part = ((slice(None), slice(half)), (slice(None), slice(half, None)), (slice(half, None),))
        patch[part[rng.integers(3)]] = patch.mean(axis=(0, 1)).astype(np.uint8)

    margin = side // 4 if fade else 0
    patch = cv2.copyMakeBorder(patch, *[margin] * 4, cv2.BORDER_REFLECT_101)
    rise = (np.arange(margin) + 1) / (margin + 1)
    ramp = np.concatenate([rise, np.ones(side), rise[::-1]]).astype(np.float32)
    # Blurring a small copy is the same and quick.
    small = cv2.GaussianBlur(cv2.resize(face, (width // 8, height // 8)), (0, 0), width / 80)
    canvas = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)

    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    reach = side / 2 * (abs(turn[0, 0]) + abs(turn[0, 1]))
    centre = np.array(
        [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (width, height)]
    )
    if roll == 0:  # on whole pixels, so that nothing is interpolated twice
        centre = np.floor(centre - side / 2) + side / 2
    matrix = np.column_stack([turn, centre - turn @ np.full(2, len(ramp) / 2 - 0.5) - 0.5])
    placed = cv2.warpAffine(patch, matrix, (width, height), flags=cv2.INTER_LINEAR)
    weight = np.minimum(ramp[:, None], ramp)
    inside = cv2.warpAffine(weight, matrix, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    image = (inside * placed + (1 - inside) * canvas).round().astype(np.uint8)
    return Scene(image, (*(float(v) for v in centre - side / 2), float(side)), roll)


def faceless(number: int, seed: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Return pictures without any face: clouds, foliage, gradients, boards, circles, shapes, text.

    Args:
        number: how many, the kinds in turn.
        seed: decides everything.
        size: height and width.

    Returns:
        ``(H, W, 3)`` ``uint8`` each.
    """
    rng = np.random.default_rng(seed)
    kinds = (_clouds, _foliage, _gradient, _board, _circles, _shapes, _text)
    return [kinds[i % len(kinds)](rng, *size) for i in range(number)]


def _clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Make coloured noise whose spectrum falls as those of natural pictures do."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = rng.normal(size=(2, 3, *frequency.shape)) / frequency ** rng.uniform(0.8, 2.2)
    channels = np.fft.irfft2(spectrum[0] + 1j * spectrum[1], s=(height, width))
    low, high = channels.min(axis=(1, 2)), channels.max(axis=(1, 2))
    return np.moveaxis((channels.T - low) / (high - low) * 255, 0, 1).astype(np.uint8)


def _foliage(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw leaves of many greens over each other, with light and shade."""
    image = np.full((height, width, 3), (20, 40, 15), np.uint8)
    for _ in range(1500):
        green = rng.uniform(40, 220)
        colour = (green * rng.uniform(0.3, 0.9), green, green * rng.uniform(0.1, 0.5))
        place = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(4, 26)), int(rng.integers(2, 12)))
        cv2.ellipse(image, place, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    light = cv2.resize(
        rng.uniform(0.3, 1.2, (6, 8)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    corners = rng.uniform(0, 255, (2, 2, 3))
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _board(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    square = int(rng.integers(8, 80))
    odd = (np.arange(height)[:, None] // square + np.arange(width)[None] // square) % 2
    return rng.integers(0, 256, (2, 3)).astype(np.uint8)[odd]


def _circles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    image = np.full((height, width, 3), rng.uniform(0, 255, 3), np.float64).astype(np.uint8)
    for _ in range(int(rng.integers(5, 40))):
        x, y, radius = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(6, 80))
        cv2.circle(image, (x, y), radius, rng.uniform(0, 255, 3).tolist(), int(rng.choice([-1, 3])))
    return image


def _shapes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    image = np.full((height, width, 3), rng.uniform(0, 255, 3), np.float64).astype(np.uint8)
    for _ in range(int(rng.integers(5, 80))):
        points = rng.integers((0, 0), (width, height), (int(rng.integers(2, 5)), 2)).astype(
            np.int32
        )
        if len(points) == 2:
            cv2.rectangle(image, *points.tolist(), rng.uniform(0, 255, 3).tolist(), -1)
        else:
            cv2.fillPoly(image, [points], rng.uniform(0, 255, 3).tolist())
    return image


def _text(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    image = np.full((height, width, 3), 255, np.uint8)
    scale, letters = rng.uniform(0.4, 1.4), list("abcdefghijklmnopqrstuvwxyz   OQ8@%&")
    for y in range(20, height, int(40 * scale)):
        line = "".join(rng.choice(letters, 80))
        cv2.putText(image, line, (5, y), cv2.FONT_HERSHEY_COMPLEX, scale, (0, 0, 0), 1)
    return image


#: Of the pictures that come with scikit-image: photographs, textures and scans in which
#: nobody is. The astronaut and the cameraman are people, the coins show heads.
EXAMPLES: Final = (
    "brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "color.png",
    "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png",
    "microaneurysms.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png",
    "page.png", "phantom.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip


def examples() -> dict[str, np.ndarray]:
    """Return pictures without a face that come with scikit-image, by name."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    names = [name for name in EXAMPLES if (folder / name).is_file()]
    return {name: read_image(folder / name) for name in names}
