"""The process that analyses expensive pictures: ``python -m fer_core.picture_process``.

Decoding and searching a large picture, or reading the emotions of hundreds of faces, takes the
processor for seconds and hundreds of megabytes. A server that many people share hands such
pictures to one process of low priority. It takes one at a time, in parts, between which whoever
used it little goes first, and gives its memory back when nobody needs it.
"""

import io
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image

from fer_core.analysis import Analysis, Face, FoundFaces, find_faces, read_emotions
from fer_core.classifier import load_classifier
from fer_core.errors import FerError
from fer_core.faces import Detection, Detector, get_detector
from fer_core.images import count_pixels, read_picture
from fer_core.pool import Turns
from fer_core.settings import settings
from fer_core.system import yield_to_others
from fer_core.worker_process import Message, WorkerError, WorkerProcess, answer_requests

#: Pixels of the largest picture that is not expensive, and faces of the fullest one. From 1000
#: pixels along a side on, the best detector searches in tiles.
_PIXELS: Final = 1_000_000
_FACES: Final = 12
#: Faces whose emotions are read before others have their turn.
_PART: Final = 16
#: Requests that may wait for their turn, whoever asks: each holds a thread and a picture.
WAITING: Final = 100
#: Bytes that the process may hold besides what decoding one picture may take: the slowest
#: detector takes 1.3 GB for hundreds of faces, the others 0.4.
_BESIDES: Final = 1_500_000_000
#: Seconds that a request may take, and seconds without one after which the process ends.
_LIMIT: Final = 120.0
_IDLE: Final = 120.0
#: Threads of one process that share memory need few pools of it.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}


class BusyError(FerError):
    """So many pictures wait for the process that it takes no more for now."""


class Seen(NamedTuple):
    """A picture that was searched for faces.

    Attributes:
        found: Its faces, cut out.
        preview: A small copy, as JPEG.
        problems: Sentences on what may have been misread; empty for a usual picture.
    """

    found: FoundFaces
    preview: bytes
    problems: tuple[str, ...]


def see(content: bytes, detector: Detector, side: int) -> Seen:
    """Find the faces of a picture, and make a preview of it.

    Args:
        content: Of the file.
        detector: A loaded one.
        side: Long side of the preview, in pixels.

    Raises:
        FerError: The picture cannot be read.
    """
    image, problems, size = read_picture(content)
    found = find_faces(image, detector, size=size)
    preview = Image.fromarray(image)
    preview.thumbnail((side, side), reducing_gap=2.0)
    return Seen(found, to_jpeg(np.asarray(preview)), problems)


def to_jpeg(image: np.ndarray) -> bytes:
    """Return an RGB array as a JPEG file for a page."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


def is_expensive(content: bytes) -> bool:
    """Return whether a picture should be searched by :class:`PictureProcess`."""
    return (count_pixels(content) or _PIXELS + 1) > _PIXELS


def has_many_faces(found: FoundFaces) -> bool:
    """Return whether emotions should be read by :class:`PictureProcess`."""
    return len(found.detections) > _FACES


class PictureProcess:
    """The calling side; any number of threads may ask.

    The process starts with the first request.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.turns = Turns()
        #: Bytes that the process may hold.
        self.memory = round(settings().picture_mb * 1e6) + _BESIDES
        self._worker = WorkerProcess(
            "fer_core.picture_process", environment=_ENVIRONMENT, memory=self.memory
        )

    @property
    def pid(self) -> int | None:
        """Return its process id; ``None`` while it does not run."""
        return self._worker.pid

    def see(self, content: bytes, detector: str, side: int, who: str) -> Seen:
        """Find the faces of a picture, see :func:`see`.

        Args:
            content: Of the file.
            detector: Name of one.
            side: Long side of the preview, in pixels.
            who: Whose turn it is, see :class:`fer_core.pool.Turns`.

        Raises:
            BusyError: Too many wait.
            FerError: The picture cannot be read, or exceeds the limits of the process.
        """
        self._check_room()
        request = {"act": "see", "detector": detector, "side": side}
        header, (zooms, preview) = self._ask(who, request, np.frombuffer(content, np.uint8))
        detections = tuple(_detection(one) for one in header["detections"])
        found = FoundFaces(header["width"], header["height"], detector, detections, zooms)
        return Seen(found, preview.tobytes(), tuple(header["problems"]))

    def read_emotions(self, found: FoundFaces, model: str, who: str) -> Analysis:
        """Read emotions as trained, see :func:`fer_core.analysis.read_emotions`.

        Args:
            found: The faces.
            model: Name of one.
            who: As for :meth:`see`.

        Raises:
            BusyError: Too many wait.
            FerError: The model cannot be used, or exceeds the limits of the process.
        """
        self._check_room()
        faces: list[Face] = []
        for first in range(0, len(found.detections), _PART):
            part = _part(found, first)
            request = {"act": "read", "model": model, **_described(part)}
            header, _ = self._ask(who, request, part.zooms)
            faces += [
                Face(detection, tuple(one.pop("probabilities")), **one)
                for detection, one in zip(part.detections, header["faces"], strict=True)
            ]
        return Analysis(found.width, found.height, model, found.detector, tuple(faces))

    def close(self) -> None:
        """End the process; the next request starts another."""
        self._worker.close()

    def _check_room(self) -> None:
        if self.turns.waiting >= WAITING:
            raise BusyError("Many large pictures wait to be analysed: try again in a minute.")

    def _ask(self, who: str, header: dict[str, Any], *arrays: np.ndarray) -> Message:
        with self.turns.take(who):
            for last in (False, True):
                try:
                    return self._worker.ask(header, *arrays, seconds=_LIMIT)
                except WorkerError as failure:
                    # Whoever ended the process may not have meant this picture: ask once more.
                    if failure.why == "ended" and not last:
                        continue
                    raise FerError(_SENTENCES[failure.why]) from failure
        raise AssertionError("unreachable")


_SENTENCES: Final = {
    "ended": "The analysis broke off: remove the picture and add it again.",
    "late": "The analysis takes too long: use a smaller copy of the picture.",
    "memory": "The analysis takes too much memory: use a smaller copy of the picture.",
}


@lru_cache(maxsize=1)
def picture_process() -> PictureProcess:
    """Return the one that everybody in this process shares."""
    return PictureProcess()


def _part(found: FoundFaces, first: int) -> FoundFaces:
    rows = slice(first, first + _PART)
    return replace(found, detections=found.detections[rows], zooms=found.zooms[rows])


def _described(found: FoundFaces) -> dict[str, Any]:
    """Return what is found as JSON values, without the pixels."""
    return {
        "width": found.width,
        "height": found.height,
        "detections": [asdict(one) for one in found.detections],
    }


def _detection(value: dict[str, Any]) -> Detection:
    points = tuple(tuple(point) for point in value["keypoints"])
    box, frame = tuple(value["box"]), value["frame"] and tuple(value["frame"])
    return Detection(box, value["score"], frame, value["roll"], points)


def _answer(message: Message) -> tuple:
    header, arrays = message
    if header["act"] == "see":
        seen = see(arrays[0].tobytes(), get_detector(header["detector"]), header["side"])
        answer = {**_described(seen.found), "problems": seen.problems}
        return answer, seen.found.zooms, np.frombuffer(seen.preview, np.uint8)
    detections = tuple(_detection(one) for one in header["detections"])
    found = FoundFaces(header["width"], header["height"], "", detections, arrays[0])
    analysis = read_emotions(found, load_classifier(header["model"]))
    faces = [
        {
            "probabilities": face.probabilities,
            "sharpness": face.sharpness,
            "brightness": face.brightness,
            "unreliable": face.unreliable,
        }
        for face in analysis.faces
    ]
    return ({"faces": faces},)


def main() -> None:
    """Answer requests until nobody asks any more."""
    yield_to_others()
    answer_requests(_answer, _IDLE)


if __name__ == "__main__":
    main()
