"""Faces that the program draws, so that everything can be tried with no download.

Brows, eyes, lids, nose and mouth are moved as the facial action coding system describes
the expressions (Ekman & Friesen 1978); head shape, skin, hair, glasses, beard, head
pose, light, sharpness, noise and background vary by seed. A good result on them says
that the machinery works, and nothing about real faces.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from fer_core.datasets.base import SPLITS, Dataset
from fer_core.datasets.cache import cached
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.preprocess import FACE_SIZE, LUMA

#: Faces are drawn this many times larger and reduced by area.
_SUPER: Final = 3
_TURN: Final = np.linspace(0, 2 * np.pi, 33)
_CIRCLE: Final = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_ACROSS: Final = np.linspace(-1, 1, 13)
#: A parabola through three points, the middle one half way.
_PARABOLA: Final = np.stack(
    [_ACROSS * (_ACROSS - 1) / 2, 1 - _ACROSS**2, _ACROSS * (_ACROSS + 1) / 2], axis=1
)
_NECK: Final = np.array([[-0.5, 0.5], [0.5, 0.5], [0.55, 3], [-0.55, 3]])
_SHOULDERS: Final = np.array([[-0.6, 1.75], [0.6, 1.75], [2, 2.3], [2, 4], [-2, 4], [-2, 2.3]])
_DARK: Final = np.array([28.0, 22.0, 22.0])
_WHITE: Final = np.array([238.0, 238.0, 234.0])
_IRIS: Final = np.array([52.0, 40.0, 34.0])
_MOUTH: Final = np.array([52.0, 16.0, 18.0])
_TOOTH_GAP: Final = np.array([110.0, 90.0, 88.0])


@dataclass(frozen=True)
class _Expression:
    """Departures from a face at rest, in half widths of the head."""

    brow_inner: float = 0.0  # up
    brow_outer: float = 0.0  # up
    brow_gap: float = 0.0  # apart
    lid: float = 0.0  # upper lids up
    low: float = 0.0  # lower lids up
    wrinkle: float = 0.0  # of the nose, 0 to 1
    corner: float = 0.0  # mouth's corners up
    wide: float = 0.0  # mouth wider
    lip: float = 0.0  # upper lip up
    jaw: float = 0.0  # mouth open
    thin: float = 0.0  # lips pressed, 0 to 1
    teeth: float = 0.0  # 0 none, 0.5 the upper row, 1 both
    forehead: float = 0.0  # lines across it, 0 to 1
    frown: float = 0.0  # lines between the brows, 0 to 1
    fold: float = 0.0  # from nose to the mouth's corners, 0 to 1


#: Each emotion has one or two ways to show.
_EXPRESSIONS: Final[dict[str, tuple[_Expression, ...]]] = {
    "Angry": (
        _Expression(-0.17, 0.05, -0.06, -0.05, 0.03, 0.2, -0.05, -0.06, thin=0.9, frown=1),
        _Expression(
            -0.17, 0.06, -0.06, 0.0, 0.03, 0.4, -0.04, 0.02, 0.03, 0.2, 0.5, 1.0, frown=1, fold=0.5
        ),
    ),
    "Disgust": (
        _Expression(-0.09, -0.05, -0.03, -0.09, 0.08, 1, -0.07, -0.04, 0.15, 0.02, fold=1),
        _Expression(
            -0.09, -0.06, -0.03, -0.09, 0.08, 1, -0.11, 0.0, 0.16, 0.16, teeth=0.5, fold=1
        ),
    ),
    "Fear": (
        _Expression(0.17, 0.02, -0.07, 0.11, 0.0, 0, -0.08, 0.12, 0, 0.17, 0.4, 0.5, 1, 0.3),
        _Expression(0.18, 0.03, -0.07, 0.11, 0.0, 0, -0.06, 0.1, 0, 0.07, 0.5, 1, 1, 0.3),
    ),
    "Happy": (
        _Expression(0.0, 0.01, 0, -0.03, 0.07, 0, 0.17, 0.13, 0, 0.01, 0.2, fold=0.9),
        _Expression(0.02, 0.02, 0, -0.04, 0.08, 0, 0.17, 0.16, 0, 0.22, 0.2, 0.5, fold=0.9),
    ),
    "Sad": (
        _Expression(0.13, -0.11, -0.03, -0.10, 0, 0, -0.14, -0.05, 0, 0, 0.1, forehead=0.3),
        _Expression(0.13, -0.12, -0.02, -0.12, 0, 0, -0.12, 0.0, 0, 0.05, 0.1, forehead=0.3),
    ),
    "Surprise": (
        _Expression(0.2, 0.2, 0.02, 0.12, -0.02, 0, 0.0, -0.14, 0, 0.42, 0.1, forehead=0.8),
        _Expression(0.18, 0.18, 0.02, 0.11, -0.02, 0, 0.0, -0.1, 0, 0.27, 0.1, forehead=0.8),
    ),
    "Neutral": (_Expression(),),
}  # fmt: skip


@dataclass(frozen=True)
class _Person:
    """What stays the same when the expression changes."""

    skin: np.ndarray
    hair: np.ndarray
    shirt: np.ndarray
    lips: np.ndarray
    length: float
    jaw: float
    eyes: float  # half of the distance between them
    eye: float  # half of an eye's width
    eye_y: float
    brow: float  # thickness
    nose: float
    mouth: float  # half width
    mouth_y: float
    cut: str
    glasses: bool
    beard: float


class _View(NamedTuple):
    """Degrees by which the head is turned: to the side, up or down, leaning."""

    yaw: float
    pitch: float
    roll: float


class _Sketch:
    """Shapes in the head's own coordinates: x to the right, y down, the head 2 wide."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._colours: list[np.ndarray] = []
        self._widths: list[float] = []

    def fill(self, points: np.ndarray, colour: np.ndarray) -> None:
        self.line(points, colour, 0.0)

    def line(self, points: np.ndarray, colour: np.ndarray, width: float) -> None:
        self._points.append(points)
        self._colours.append(colour)
        self._widths.append(width)

    def paint(
        self, canvas: np.ndarray, scale: float, centre: tuple[float, float], view: _View
    ) -> None:
        """Draw on ``canvas``, grey or RGB, with ``scale`` pixels to half a head's width."""
        yaw, pitch, roll = np.deg2rad(view)
        turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        # All at once: there are some forty shapes, and one call costs more than one shape.
        x, y = np.concatenate(self._points).T
        # The face is the front of an ellipsoid: what lies nearer moves more when it turns.
        depth = 0.9 * np.sqrt(np.maximum(0.0, 1 - x**2 - (y / 1.35) ** 2))
        x = x * np.cos(yaw) + depth * np.sin(yaw)
        y = y * np.cos(pitch) + depth * np.sin(pitch)
        pixels = centre + scale * (np.stack([x, y], axis=1) @ turn)
        fixed = np.round(pixels * 16).astype(np.int32)
        colours = np.array(self._colours)
        inks = (colours @ LUMA)[:, None].tolist() if canvas.ndim == 2 else colours.tolist()
        start = 0
        for points, ink, width in zip(self._points, inks, self._widths, strict=True):
            placed = [fixed[start : start + len(points)]]
            start += len(points)
            if width:
                pixels_wide = max(1, round(width * scale))
                cv2.polylines(canvas, placed, False, ink, pixels_wide, cv2.LINE_AA, 4)
            else:
                cv2.fillPoly(canvas, placed, ink, cv2.LINE_AA, 4)


def draw_face(
    emotion: str,
    size: int = 256,
    seed: int = 0,
    *,
    strength: float = 1.0,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
) -> np.ndarray:
    """A drawn person showing an emotion, framed as FER2013 frames its faces.

    One seed is one person, so pictures of different ``emotion`` or ``strength`` make a
    video of somebody whose face changes.

    Args:
        emotion: one of :data:`fer_core.emotions.EMOTIONS`.
        size: pixels of a side.
        seed: the person.
        strength: 0 is a face at rest, 1 the whole expression.
        yaw: degrees that the head is turned to the picture's right.
        pitch: degrees that it looks down.
        roll: degrees that it leans, clockwise in the picture.

    Returns:
        ``(size, size, 3)`` ``uint8``, RGB.

    >>> draw_face("Surprise", size=64, seed=3).shape
    (64, 64, 3)
    """
    if emotion not in EMOTIONS:
        raise DatasetError(f"Unknown emotion '{emotion}': use one of {', '.join(EMOTIONS)}.")
    rng = np.random.default_rng([seed, 1])
    person = _person(rng)
    ways = _EXPRESSIONS[emotion]
    face = _scaled(ways[seed % len(ways)], strength)
    large = size * 2
    canvas = np.empty((large, large, 3), np.uint8)
    canvas[:] = np.round(rng.uniform(60, 220, 3))
    view = _View(yaw, pitch, roll)
    _sketch(person, face).paint(canvas, large * 0.36, (large * 0.5, large * 0.5), view)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def load(
    training: int = 2800,
    public: int = 700,
    private: int = 700,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> Dataset:
    """The demo dataset: as many faces per split as asked, emotions equally often.

    No person appears twice. The same arguments give the same faces; they are drawn once
    (about a thousand a second) and then read from the cache.

    Args:
        training: Faces of the split Training.
        public: Of PublicTest.
        private: Of PrivateTest.
        seed: Equal seeds give equal faces.
        on_progress: Told the share that is drawn, 0 to 1.

    Returns:
        A :class:`Dataset` called ``demo``.
    """
    counts = dict(zip(SPLITS, (training, public, private), strict=True))
    if min(counts.values()) < 0 or not sum(counts.values()):
        raise DatasetError("The demo dataset needs at least one face.")

    def draw() -> dict[str, np.ndarray]:
        faces: list[np.ndarray] = []
        for s, split in enumerate(SPLITS):
            for i in range(counts[split]):
                faces.append(_random_face(i % len(EMOTIONS), np.random.default_rng([seed, s, i])))
                if on_progress and len(faces) % 50 == 0:
                    on_progress(len(faces) / sum(counts.values()))
        return {"faces": np.stack(faces)}

    # The drawing's own text is part of the key: another way to draw gives other faces.
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    arrays = cached("demo", [training, public, private, seed, own], draw)
    return Dataset(
        "demo",
        arrays["faces"],
        np.concatenate([np.arange(n) % len(EMOTIONS) for n in counts.values()]),
        np.repeat(SPLITS, list(counts.values())),
    )


def _random_face(label: int, rng: np.random.Generator) -> np.ndarray:
    """``(48, 48)`` ``uint8``: somebody new, somehow lit and held."""
    side = FACE_SIZE * _SUPER
    person = _person(rng)
    ways = _EXPRESSIONS[EMOTIONS[label]]
    face = _scaled(ways[rng.integers(len(ways))], rng.uniform(0.75, 1.15))
    face = replace(
        face,
        **{f.name: getattr(face, f.name) + rng.normal(0, 0.015) for f in fields(_Expression)[:5]},
        corner=face.corner + rng.normal(0, 0.015),
        wide=face.wide + rng.normal(0, 0.03),
    )
    view = _View(rng.normal(0, 9), rng.normal(0, 5), rng.normal(0, 7))
    canvas = _background(side, rng)
    centre = side * (0.5 + rng.uniform(-0.05, 0.05, 2))
    _sketch(person, face).paint(
        canvas, side * rng.uniform(0.31, 0.40), (centre[0], centre[1]), view
    )

    out = cv2.resize(canvas, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
    out = out.astype(np.float32)
    if rng.random() < 0.4:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.9))
    # Light from one side, contrast, exposure, noise.
    ramp = np.linspace(-1, 1, FACE_SIZE, dtype=np.float32)
    angle, force = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    out *= 1 + force * (np.cos(angle) * ramp[None, :] + np.sin(angle) * ramp[:, None])
    mean = out.mean()
    out = (out - mean) * rng.uniform(0.7, 1.15) + mean + rng.uniform(-25, 25)
    out += rng.normal(0, rng.uniform(1, 7), out.shape)
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def _background(side: int, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.uniform(30, 225) + rng.normal(0, 25, (4, 4))
    coarse = np.clip(coarse, 0, 255).astype(np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)


def _person(rng: np.random.Generator) -> _Person:
    tone = rng.uniform(0.33, 1.0)
    skin = np.array([238.0, 205.0, 180.0]) * tone + rng.normal(0, 5, 3)
    hair = np.array([[24, 20, 18], [70, 45, 28], [150, 110, 60], [190, 185, 180], [120, 60, 35]])
    return _Person(
        skin=np.clip(skin, 30, 245),
        hair=hair[rng.choice(5, p=[0.4, 0.28, 0.14, 0.1, 0.08])] * rng.uniform(0.8, 1.1),
        shirt=rng.uniform(20, 230, 3),
        lips=np.clip(skin * [0.86, 0.58, 0.58], 15, 235),
        length=rng.uniform(1.18, 1.38),
        jaw=rng.uniform(0.12, 0.38),
        eyes=rng.uniform(0.38, 0.48),
        eye=rng.uniform(0.17, 0.22),
        eye_y=rng.uniform(-0.2, -0.1),
        brow=rng.uniform(0.05, 0.095),
        nose=rng.uniform(0.12, 0.2),
        mouth=rng.uniform(0.32, 0.42),
        mouth_y=rng.uniform(0.6, 0.7),
        cut=str(rng.choice(["short", "fringe", "long", "bald"], p=[0.4, 0.2, 0.3, 0.1])),
        glasses=bool(rng.random() < 0.12),
        beard=float(rng.uniform(0.3, 0.8) if rng.random() < 0.12 else 0.0),
    )


def _scaled(face: _Expression, strength: float) -> _Expression:
    return _Expression(*(getattr(face, f.name) * strength for f in fields(_Expression)))


def _oval(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    return _CIRCLE * (rx, ry) + (x, y)


def _curve(*points: tuple[float, float]) -> np.ndarray:
    """A parabola through three points."""
    return _PARABOLA @ np.array(points)


def _lip(half: float, ends: float, middle: float, round_: float = 0.0) -> np.ndarray:
    """From corner to corner of a mouth; ``round_`` 0 is a parabola, 1 half an ellipse."""
    bow = (1 - _ACROSS**2) ** (1 - 0.5 * round_)
    return np.stack([half * _ACROSS, ends + (middle - ends) * bow], axis=1)


def _sketch(person: _Person, face: _Expression) -> _Sketch:
    sketch = _Sketch()
    _draw_head(sketch, person, face)
    _draw_lines(sketch, person, face)
    _draw_nose(sketch, person, face)
    for side in (-1, 1):
        _draw_eye(sketch, person, face, side)
    _draw_mouth(sketch, person, face)
    return sketch


def _draw_head(sketch: _Sketch, person: _Person, face: _Expression) -> None:
    skin, hair, length = person.skin, person.hair, person.length
    if person.cut == "long":
        sketch.fill(_oval(0, 0.1, 1.18, length + 0.25), hair)
    sketch.fill(np.array([[-0.5, 0.5], [0.5, 0.5], [0.55, 3], [-0.55, 3]]), skin * 0.8)
    sketch.fill(
        np.array([[-0.6, 1.75], [0.6, 1.75], [2, 2.3], [2, 4], [-2, 4], [-2, 2.3]]), person.shirt
    )
    for side in (-1, 1):
        sketch.fill(_oval(side * 0.98, 0.02, 0.13, 0.24), skin * 0.9)
    if person.cut != "bald":
        sketch.fill(_oval(0, -0.3, 1.06, length - 0.12), hair)
    # Narrower towards the chin; an open mouth takes the chin along.
    cos, sin = _CIRCLE[:, 0], _CIRCLE[:, 1]
    down = np.maximum(sin, 0)
    outline = np.stack(
        [cos * (1 - person.jaw * down**2), sin * length + face.jaw * 0.35 * down], axis=1
    )
    sketch.fill(outline, skin)
    if person.beard:
        shade = skin * (1 - person.beard) + hair * person.beard
        lower = outline[sin >= 0.25]
        sketch.fill(np.concatenate([lower, [[-0.62, 0.42], [0, 0.36], [0.62, 0.42]]]), shade)
    if person.cut != "bald":
        low, middle = (-0.66, -0.6) if person.cut == "fringe" else (-0.75, -0.95)
        line = _curve((0.8, low), (0, middle), (-0.8, low))
        sketch.fill(np.concatenate([outline[sin <= low + 0.18], line]), hair)
    for side in (-1, 1):  # cheeks
        sketch.fill(_oval(side * 0.55, 0.32, 0.2, 0.16), np.minimum(skin * 1.05, 255))


def _draw_lines(sketch: _Sketch, person: _Person, face: _Expression) -> None:
    shade = person.skin * 0.68
    if face.forehead > 0.2 and person.cut != "fringe":
        for y in (-0.68, -0.56):
            half = 0.4 * face.forehead
            sketch.line(_curve((-half, y), (0, y - 0.04), (half, y)), shade, 0.02)
    if face.frown > 0.2:
        for side in (-1, 1):
            top = person.eye_y - 0.3
            sketch.line(
                np.array([[side * 0.07, top], [side * 0.05, top + 0.24 * face.frown]]), shade, 0.03
            )
    if face.fold > 0.2:
        x, y = person.mouth + face.wide + 0.1, person.mouth_y - face.corner
        for side in (-1, 1):
            sketch.line(
                _curve((side * 0.2, 0.28), (side * (x - 0.06), 0.36), (side * x, y)), shade, 0.03
            )


def _draw_nose(sketch: _Sketch, person: _Person, face: _Expression) -> None:
    n, y, shade = person.nose, 0.32 - 0.05 * face.wrinkle, person.skin * 0.72
    sketch.line(_curve((0.07, -0.1), (0.09, 0.1), (n, y)), person.skin * 0.85, 0.03)
    sketch.line(_curve((-n, y), (0, y + 0.07), (n, y)), shade, 0.04)
    for side in (-1, 1):
        sketch.fill(_oval(side * n * 0.5, y + 0.02, 0.045, 0.028), person.skin * 0.4)
        if face.wrinkle > 0.3:
            for k in range(3):
                top = -0.16 + 0.09 * k
                sketch.line(
                    _curve(
                        (side * 0.02, top),
                        (side * 0.1, top + 0.02),
                        (side * 0.19, top + 0.09),
                    ),
                    shade,
                    0.025 * face.wrinkle,
                )


def _draw_eye(sketch: _Sketch, person: _Person, face: _Expression, side: int) -> None:
    x, y, half = side * person.eyes, person.eye_y, person.eye
    up, low = max(0.02, 0.11 + face.lid), 0.075 - face.low
    low = max(low, 0.015 - up)
    across, bow = x + half * _ACROSS, 1 - _ACROSS**2
    upper = np.stack([across, y - up * bow], axis=1)
    lower = np.stack([across, y + low * bow], axis=1)
    sketch.fill(np.concatenate([upper, lower[::-1]]), _WHITE)
    iris = _oval(x, y - 0.01, 0.095, 0.095)
    bow = np.maximum(0, 1 - ((iris[:, 0] - x) / half) ** 2)
    iris[:, 1] = np.minimum(np.maximum(iris[:, 1], y - up * bow), y + low * bow)
    sketch.fill(iris, _IRIS)
    sketch.line(upper, _DARK, 0.045)
    sketch.line(lower, person.skin * 0.6, 0.022)

    inner, outer = x - side * (half + 0.03 - face.brow_gap), x + side * (half + 0.06)
    rest, mean = y - 0.3, (face.brow_inner + face.brow_outer) / 2
    arch = rest - 0.05 - (max(face.brow_inner, face.brow_outer, mean) + mean) / 2
    sketch.line(
        _curve(
            (inner, rest - face.brow_inner),
            ((inner + outer) / 2, arch),
            (outer, rest + 0.03 - face.brow_outer),
        ),
        np.minimum(person.hair, person.skin * 0.55),
        person.brow,
    )
    if person.glasses:
        sketch.line(_oval(x, y, 0.31, 0.25), _DARK, 0.03)
        sketch.line(np.array([[side * 0.12, y], [0, y - 0.03]]), _DARK, 0.03)


def _draw_mouth(sketch: _Sketch, person: _Person, face: _Expression) -> None:
    half, y = person.mouth + face.wide, person.mouth_y
    corner = y - face.corner
    full = 1 - 0.75 * min(1.0, max(0.0, face.thin))
    # Of lips that part, the upper one hardly moves.
    top, bottom = y - face.lip - 0.12 * face.jaw, y + 0.88 * face.jaw
    open_ = min(1.0, max(0.0, (bottom - top - 0.2) / 0.2))
    upper = _lip(half, corner, top - 0.085 * full, open_)
    lower = _lip(half, corner, bottom + 0.1 * full, open_)
    sketch.fill(np.concatenate([upper, lower[::-1]]), person.lips)
    if bottom - top < 0.06:
        sketch.line(_lip(half, corner, (top + bottom) / 2), person.skin * 0.3, 0.035)
        return
    roof, floor = _lip(half * 0.9, corner, top, open_), _lip(half * 0.9, corner, bottom, open_)
    sketch.fill(np.concatenate([roof, floor[::-1]]), _MOUTH)
    if face.teeth > 0.3:
        share = 0.42 if face.teeth < 0.75 else 1.0
        sketch.fill(np.concatenate([roof, (roof + share * (floor - roof))[::-1]]), _WHITE)
        if share == 1.0:
            sketch.line((roof + floor) / 2, _TOOTH_GAP, 0.02)
