"""BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047), MediaPipe's face detector.

Two of its models work together. The 'back camera' one (256×256) searches the picture,
large ones in tiles as well; whatever it suspects to be a face, the 'short range' one
(128×128, a seventh of the time) looks at again from close by, turned upright. The second
look decides, and its box is the one that counts: it frames small and leaning faces as
well as large upright ones.

The models are Google's, Apache License 2.0; they lie in ``models/detectors``, whose README
names their source.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.errors import DetectorError
from fer_core.faces.base import Detection, Detector, frame, largest_first
from fer_core.faces.framing import FRAMINGS
from fer_core.faces.pyramid import Pyramid, Window
from fer_core.litert import Runner
from fer_core.resources import models_folder

#: The file that searches and the one that looks closer, with their SHA-256.
_FILES: Final = {
    "face_detection_back.tflite": (
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8"
    ),
    "face_detection_short_range.tflite": (
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
    ),
}

#: Score from which the search suspects a face.
SUSPECT: Final = 0.1
#: Logit of clear suspects, a score of 0.2; fainter ones matter where those come to nothing.
CLEAR: Final = -1.4
#: Score from which a crop pass sees one: faint, since it is weighed with other passes.
CROP_SCORE: Final = 0.01
#: Logit of a crop pass that sees none.
NOTHING: Final = -5.0
#: Logit from which a suspect is so likely that what is suspected within it is part of it.
LIKELY: Final = 1.0
#: At most so many suspects get a crop pass, the likeliest first.
MAX_CROP_PASSES: Final = 200
#: Overlap (intersection over union) from which two boxes are one face.
OVERLAP: Final = 0.3
#: Sides of the looks' windows, in sides of the box.
FIRST_ZOOM: Final = 2.0
SECOND_ZOOM: Final = 1.6
#: Mean of the search's and the first look's logits from which it is a face; from which it
#: is worth a second look.
SURE: Final = 1.0
UNSURE: Final = -0.45
#: Share of contrast that is in fine details, of one to three pixels where the box has 48:
#: blurred faces have 0.19 and more, smooth blobs that pass for faces 0.1.
DETAIL: Final = 0.15
DETAIL_SIZE: Final = 48
#: The same with the second look, which counts twice; in tiles, which ask many more
#: questions than the whole picture, and where this is the last word.
DECIDED: Final = 0.45
DECIDED_IN_TILES: Final = 0.8
#: Mean of six opinions from which it is a face after all: the search's, both looks', and the
#: search network's looking closer at three zooms; each that looked, looks at the mirrored
#: window too. All these were chosen on FER2013 Training and PublicTest and on pictures
#: without faces.
IN_FAVOUR: Final = 0.06
#: The three zooms, the one that tells most first.
THIRD_ZOOMS: Final = (5.0, 2.5, 3.5)
#: How far the mean of the opinions must lie from :data:`IN_FAVOUR` before each of the three, to
#: spare it and those after it. Of 344 doubts in 2,900 pictures (FER2013 Training and pictures
#: without faces) all were decided as all six opinions decide, with half of the passes.
ENOUGH: Final = (0.43, 0.23, 0.13)
#: Pictures of this longer side are always searched in tiles as well, smaller ones where
#: nothing was found so far, or a face below this share of the longer side.
LARGE: Final = 1000
SMALL: Final = 0.06
#: How many times as close the tiles look as the whole, how far they overlap, and up to
#: which share of a tile a face is theirs to find: larger ones show in the whole.
TILES_ACROSS: Final = 4.0
TILES_OVERLAP: Final = 0.125
TILES_LARGEST: Final = 0.4
#: What the networks take for each value of a pixel: from -1 to 1.
_SCALED: Final = np.arange(256, dtype=np.float32) / 127.5 - 1


class Network:
    """One BlazeFace model: a square window in, candidates out.

    Args:
        content: the ``.tflite`` file.
        layers: stride and number of anchors per place, as MediaPipe's options give them
            (``face_detection_back_desktop_live.pbtxt`` and
            ``face_detection_short_range_common.pbtxt``: anchors of fixed size, offset 0.5).
    """

    def __init__(self, content: bytes, layers: tuple[tuple[int, int], ...]) -> None:
        self._run = Runner(content, fill=_fill)
        self.size = self._run.input_shape[1]
        self._anchors = np.concatenate(
            [_anchors(self.size // stride).repeat(number, axis=0) for stride, number in layers]
        ) * self.size  # fmt: skip

    def __call__(
        self, pyramid: Pyramid, windows: Sequence[Window], threshold: float
    ) -> list["Candidates"]:
        """Look at windows of a picture: all above a threshold, unmerged, in windows' pixels."""
        # Each is cut by the thread that looks at it.
        inputs = [(pyramid, window) for window in windows]
        return [
            self._decode(regressors[0], logits[0], threshold)
            for regressors, logits in self._run(inputs)
        ]

    def _decode(self, regressors: np.ndarray, logits: np.ndarray, threshold: float) -> "Candidates":
        logits = logits[:, 0]
        kept = np.flatnonzero(logits > _logit(threshold))
        points = regressors[kept].astype(np.float64).reshape(-1, 8, 2)
        sizes = points[:, 1].copy()
        points += self._anchors[kept, None]
        return Candidates(points[:, 0], sizes, points[:, 2:], logits[kept])


def _fill(memory: np.ndarray, seen: tuple[Pyramid, Window]) -> None:
    """Write a window of a picture into a network's memory ``(1, S, S, 3)``."""
    pyramid, window = seen
    cv2.LUT(pyramid.cut(window), _SCALED, memory[0])


@dataclass(frozen=True)
class Candidates:
    """What may be faces.

    Attributes:
        centres: ``(N, 2)`` of the boxes, in pixels.
        sizes: ``(N, 2)``, widths and heights.
        keypoints: ``(N, 6, 2)``: the person's right eye, left eye, nose, mouth, right
            ear, left ear.
        logits: ``(N,)``, how sure the network is.
    """

    centres: np.ndarray
    sizes: np.ndarray
    keypoints: np.ndarray
    logits: np.ndarray

    def __len__(self) -> int:
        return len(self.logits)

    def take(self, rows: np.ndarray) -> "Candidates":
        """Return the candidates of some rows."""
        return Candidates(
            self.centres[rows], self.sizes[rows], self.keypoints[rows], self.logits[rows]
        )

    def first(self, number: int) -> "Candidates":
        """Return no more than ``number`` of them."""
        return self.take(np.arange(min(number, len(self))))

    def merged(self) -> "Candidates":
        """Return overlapping ones averaged, the surest first."""
        return together([self.first(0), *self.groups()])

    def groups(self) -> Iterator["Candidates"]:
        """Yield one after another, the surest that is left, averaged with all that overlap it.

        BlazeFace's own way, weighted by scores, instead of plain suppression: the mean is
        smoother.
        """
        order = np.argsort(-self.logits)
        values = np.hstack([self.centres, self.sizes, self.keypoints.reshape(len(self), 12)])[order]
        logits = self.logits[order]
        scores = _sigmoid(logits)
        # Sides of the boxes, each in a row of its own, which is what NumPy adds quickest.
        (left, top), (width, height) = (values[:, :2] - values[:, 2:4] / 2).T, values[:, 2:4].T
        right, bottom = (values[:, :2] + values[:, 2:4] / 2).T
        areas = width * height
        rest = np.arange(len(order))
        while len(rest):
            first = rest[0]
            across = np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest])
            down = np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest])
            common = np.maximum(across, 0) * np.maximum(down, 0)
            same = common > OVERLAP * (areas[first] + areas[rest] - common)
            same[0] = True
            group, rest = rest[same], rest[~same]
            weights = scores[group]
            mean = (weights @ values[group] / weights.sum())[None]
            logit = logits[first : first + 1]
            yield Candidates(mean[:, :2], mean[:, 2:4], mean[:, 4:].reshape(1, 6, 2), logit)

    def without_nested(self) -> "Candidates":
        """Drop the less sure of two faces where the smaller has its centre within the larger.

        A large face and a part of it look like two; nobody's face lies within another's.
        """
        areas = self.sizes.prod(axis=1)
        away = np.abs(self.centres[:, None] - self.centres[None])
        inside = (away < self.sizes[None] / 2).all(axis=-1) & (areas[:, None] < areas[None])
        surer = self.logits[None] > self.logits[:, None]
        return self.take(~((inside | inside.T) & surer).any(axis=1))

    def moved(self, window: "Window") -> "Candidates":
        """Return them in pixels of the picture instead of the window's."""
        return Candidates(
            window.to_picture(self.centres),
            self.sizes * window.step,
            window.to_picture(self.keypoints),
            self.logits,
        )

    @property
    def rolls(self) -> np.ndarray:
        """Return ``(N,)`` degrees that the line of the eyes leans clockwise."""
        eyes = self.keypoints[:, 1] - self.keypoints[:, 0]
        return np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))


def together(parts: list[Candidates]) -> Candidates:
    """Return all candidates in one."""
    return Candidates(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("centres", "sizes", "keypoints", "logits")
        )
    )


class BlazeFaceDetector(Detector):
    """Upright and leaning faces, from a few per cent of the picture's width."""

    name = "blazeface"
    title = "BlazeFace, fast and finds turned faces"

    def __init__(self) -> None:
        self._framing = FRAMINGS[self.name]
        search, crop_network = read_models()
        self._search = Network(search, ((16, 2), (32, 6)))
        self._crop_network = Network(crop_network, ((8, 2), (16, 6)))

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        pyramid = Pyramid(image)
        faces = self._in_whole(pyramid, doubtful=not fast)
        if not fast and self._needs_tiles(pyramid, faces):
            tiles = pyramid.tiles(self._search.size, TILES_ACROSS, TILES_OVERLAP)
            suspects = self._suspects(pyramid, tiles)
            suspects = suspects.take(suspects.logits > CLEAR)
            close = self._faces(pyramid, suspects, DECIDED_IN_TILES, doubtful=False)
            small = close.sizes.max(axis=1, initial=0) < TILES_LARGEST * tiles[0].side
            faces = together([faces, close.take(small)]).merged().without_nested()
        return self._detections(faces)

    def search(self, image: np.ndarray) -> list[Detection]:
        """Search as a fast :meth:`detect`, but doubtful ones get all opinions, which takes long for
        them: for recorded video, which can wait.
        """
        return self._detections(self._in_whole(Pyramid(image), doubtful=True))

    def track(self, image: np.ndarray, faces: list[Detection]) -> list[Detection] | None:
        """Find faces again that were found a moment ago, by one look at each where it was.

        Args:
            image: as in :meth:`detect`.
            faces: found by this detector in a picture of the same size.

        Returns:
            As :meth:`detect`, or ``None`` where one of them is not surely seen again.
        """
        boxes = np.array([face.box for face in faces])
        scores = np.array([face.score or 0.0 for face in faces]).clip(0.01, 0.99)
        before = Candidates(
            boxes[:, :2] + boxes[:, 2:] / 2,
            boxes[:, 2:],
            np.array([face.keypoints for face in faces]),
            np.asarray(_logit(scores)),
        )
        now = self._crop_pass(
            self._crop_network, Pyramid(image), before, FIRST_ZOOM, threshold=SUSPECT
        )
        if (now.logits <= SURE).any() or len(now.merged()) < len(faces):
            return None
        return self._detections(now)

    def _in_whole(self, pyramid: Pyramid, doubtful: bool) -> Candidates:
        """Return faces that show in the whole picture, reduced."""
        suspects = self._suspects(pyramid, [pyramid.whole(self._search.size)])
        clear = suspects.logits > CLEAR
        faces = self._faces(pyramid, suspects.take(clear), DECIDED, doubtful)
        if not len(faces):
            faces = self._faces(pyramid, suspects.take(~clear), DECIDED, doubtful)
        return faces.without_nested()

    def _needs_tiles(self, pyramid: Pyramid, faces: Candidates) -> bool:
        """Return whether small faces may have been missed: in a large picture, where there is
        none so far, and in company of another small one.
        """
        longest = max(pyramid.width, pyramid.height)
        small = faces.sizes.min(initial=longest) < SMALL * longest
        return longest >= LARGE or len(faces) == 0 or bool(small)

    def _suspects(self, pyramid: Pyramid, windows: list[Window]) -> Candidates:
        """Return what may be faces in some windows of the picture."""
        found = self._search(pyramid, windows, SUSPECT)
        suspects = together(
            [c.merged().moved(w) for c, w in zip(found, windows, strict=True)]
        ).merged()
        return suspects.take(~_inside(suspects)).first(MAX_CROP_PASSES)

    def _faces(
        self, pyramid: Pyramid, suspects: Candidates, decided: float, doubtful: bool
    ) -> Candidates:
        """Return those that are faces; ``doubtful`` ones too, if most opinions are in favour."""
        # The first pass corrects the box; where it leaves doubts, the second decides.
        first = self._crop_pass(self._crop_network, pyramid, suspects, FIRST_ZOOM)
        likely = (suspects.logits + first.logits) / 2
        sure = replace(first, logits=likely).take(likely > SURE)
        unsure = (likely > UNSURE) & (likely <= SURE)
        unsure[unsure] = _detailed(pyramid, first.take(unsure))
        suspects, first = suspects.take(unsure), first.take(unsure)
        second = self._crop_pass(self._crop_network, pyramid, first, SECOND_ZOOM)
        likely = (suspects.logits + 2 * second.logits) / 3
        kept = likely > decided
        if doubtful:
            parts = [candidates.take(~kept) for candidates in (suspects, first, second)]
            likely[~kept] = self._opinion(pyramid, *parts)
            kept |= likely > IN_FAVOUR
        return together([sure, replace(second, logits=likely).take(kept)]).merged()

    def _opinion(
        self, pyramid: Pyramid, suspects: Candidates, first: Candidates, second: Candidates
    ) -> np.ndarray:
        """Return the mean logit of each, ``(N,)``, over as many opinions as it takes."""
        total = suspects.logits.astype(np.float64)
        passes = ((suspects, first, FIRST_ZOOM), (first, second, SECOND_ZOOM))
        for at, seen, zoom in passes:
            again = self._crop_pass(self._crop_network, pyramid, at, zoom, mirrored=True)
            total += (seen.logits + again.logits) / 2
        mean, rows = total / 3, np.arange(len(suspects))
        thirds = zip((second, first, second), THIRD_ZOOMS, ENOUGH, strict=True)
        for number, (at, zoom, enough) in enumerate(thirds, start=4):
            rows = rows[np.abs(mean[rows] - IN_FAVOUR) <= enough]
            if not len(rows):
                break
            # Each and its mirror image at once, which keeps two cores busy.
            both, mirrored = np.concatenate([rows, rows]), np.repeat([False, True], len(rows))
            seen = self._crop_pass(self._search, pyramid, at.take(both), zoom, mirrored)
            total[rows] += seen.logits.reshape(2, -1).mean(axis=0)
            mean[rows] = total[rows] / number
        return mean

    def _crop_pass(
        self,
        network: Network,
        pyramid: Pyramid,
        suspects: Candidates,
        zoom: float,
        mirrored: bool | np.ndarray = False,
        threshold: float = CROP_SCORE,
    ) -> Candidates:
        """Look at each from closer by.

        Args:
            network: The one that looks.
            pyramid: The picture.
            suspects: What to look at.
            zoom: Side of the window, in sides of the box.
            mirrored: Whether the windows are mirrored, all alike or each for itself ``(N,)``. Of
                mirrored windows, only the logits mean something.
            threshold: Score from which something is seen.

        Returns:
            What each window shows in its middle, or the suspect with the logit of nothing.
        """
        flips = np.broadcast_to(mirrored, len(suspects))
        sides = (zoom * suspects.sizes.mean(axis=1)).tolist()
        rolls = suspects.rolls.tolist()
        windows = [
            Window(centre, side, network.size, roll, bool(flip))
            for centre, side, roll, flip in zip(suspects.centres, sides, rolls, flips, strict=True)
        ]
        found = network(pyramid, windows, threshold)
        nothing = replace(suspects, logits=np.full(len(suspects), NOTHING))
        seen = [suspects.first(0)]
        for row, (window, candidates) in enumerate(zip(windows, found, strict=True)):
            for group in candidates.groups():
                # The suspect itself is in the middle; others have their own look.
                if np.linalg.norm(group.centres - window.size / 2) < window.size / zoom / 2:
                    seen.append(group.moved(window))
                    break
            else:
                seen.append(nothing.take(np.array([row])))
        return together(seen)

    def _detections(self, faces: Candidates) -> list[Detection]:
        rows = (faces.centres, faces.sizes, faces.keypoints, faces.logits, faces.rolls)
        return largest_first([self._detection(*row) for row in zip(*rows, strict=True)])

    def _detection(self, centre, size, keypoints, logit, roll) -> Detection:
        x, y = centre - size / 2
        box = (float(x), float(y), float(size[0]), float(size[1]))
        return Detection(
            box,
            float(_sigmoid(logit)),
            frame(box, self._framing, float(roll)),
            float(roll),
            tuple((float(px), float(py)) for px, py in keypoints),
        )


def read_models() -> tuple[bytes, bytes]:
    """Return the content of the two models: the one that searches and the one that looks closer.

    Raises:
        DetectorError: A file is missing or is not the one it should be.
    """
    search, crop_network = (_read(models_folder() / "detectors" / name) for name in _FILES)
    return search, crop_network


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f"BlazeFace's model {path} is missing: install the program again."
        ) from error
    if hashlib.sha256(content).hexdigest() != _FILES[path.name]:
        raise DetectorError(f"BlazeFace's model {path} is damaged: install the program again.")
    return content


def _detailed(pyramid: Pyramid, candidates: Candidates) -> np.ndarray:
    """Return ``(N,)`` whether there are details in each as there are in faces."""
    inner = slice(DETAIL_SIZE // 6, -(DETAIL_SIZE // 6))
    answers = []
    for centre, size, roll in zip(
        candidates.centres, candidates.sizes, candidates.rolls, strict=True
    ):
        window = Window(centre, float(size.mean()), DETAIL_SIZE, float(roll))
        grey = pyramid.cut(window).astype(np.float32).mean(axis=-1)
        details = cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 3)
        answers.append(details[inner, inner].std() >= DETAIL * grey.std())
    return np.array(answers, bool)


def _inside(candidates: Candidates) -> np.ndarray:
    """Return ``(N,)`` whether each has its centre in the box of a likely face, in one before it."""
    away = np.abs(candidates.centres[:, None] - candidates.centres[None])
    within = (away < candidates.sizes[None] / 2).all(axis=-1) & (candidates.logits > LIKELY)
    return np.tril(within, -1).any(axis=1)


def _anchors(side: int) -> np.ndarray:
    """Return ``(side², 2)``: the middles of the places of a feature map, row by row, 0 to 1."""
    middles = (np.arange(side) + 0.5) / side
    y, x = np.meshgrid(middles, middles, indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def _logit(scores: np.ndarray | float) -> np.ndarray | float:
    return np.log(scores / (1 - scores))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
