"""One side of a comparison, in a process of its own: tasks in, times out, as JSON lines.

``worker.py fer|ours`` serves tasks until its input ends, ``worker.py once PICTURE`` is
the shortest program that uses the ``fer`` package, and ``worker.py cold COMMAND …`` runs
a command and reports its seconds and peak memory. The file stands alone, since the other
environment has no ``fer_core``; both sides are timed by the same lines.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Fer:
    """The ``fer`` package with its defaults."""

    def __init__(self) -> None:
        from fer import __version__
        from fer.fer import FER

        self.version = f"fer {__version__}"
        self._fer = FER()

    def picture(self, image: Any, detector: str) -> Callable[[], list[list[float]]]:
        """Return a call that finds and reads the faces of an RGB picture."""
        bgr = image[..., ::-1].copy()  # what OpenCV reads, and the package expects
        return lambda: [[float(v) for v in f["box"]] for f in self._fer.detect_emotions(bgr)]

    def boxes(self, image: Any, boxes: list[list[float]]) -> Callable[[], Any]:
        """Return a call that reads the faces in known boxes."""
        import numpy as np

        bgr, rectangles = image[..., ::-1].copy(), np.array(boxes, int)
        return lambda: self._fer.detect_emotions(bgr, rectangles)

    def video(self, path: str, fps: float) -> Callable[[], int]:
        """Return a call that reads a video at 30 frames a second and writes nothing."""
        import contextlib
        import tempfile

        import cv2
        from fer.classes import Video

        # A headless OpenCV has no windows to close and no keys to wait for, and says so loudly.
        cv2.destroyAllWindows, cv2.waitKey = lambda: None, lambda _: -1

        def read() -> int:
            # It leaves a data.csv in the working folder, whatever it is told.
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                found = Video(path, outdir=folder).analyze(
                    self._fer,
                    display=False,
                    frequency=round(30 / fps) if fps else 1,
                    save_frames=False,
                    save_video=False,
                    annotate_frames=False,
                    zip_images=False,
                )
            return len(found)

        return read

    def folder(self, folder: str) -> Callable[[], int]:
        """Return a call that reads all pictures of a folder, and returns how many faces it
        found.
        """
        import cv2

        files = sorted(map(str, Path(folder).iterdir()))
        return lambda: sum(len(self._fer.detect_emotions(cv2.imread(file))) for file in files)

    def faces(self, number: int) -> Callable[[], Any]:
        """Return a call that classifies faces that are cut out and scaled already."""
        import numpy as np

        faces = np.random.default_rng(0).uniform(-1, 1, (number, 64, 64)).astype(np.float32)
        return lambda: self._fer._classify_emotions(faces)

    def predict(self, faces: Any) -> list[int]:
        """Return the most probable emotion of dataset faces, scaled as the package does."""
        import cv2
        import numpy as np

        scaled = np.array([cv2.resize(face, (64, 64)) for face in faces], np.float32)
        scaled = (scaled / 255.0 - 0.5) * 2.0
        return self._fer._classify_emotions(scaled).argmax(axis=1).tolist()


class Ours:
    """``fer_core`` with its default model."""

    def __init__(self) -> None:
        from fer_core import __version__
        from fer_core.classifier import load_classifier

        self.version = f"fer_core {__version__}"
        self._classifier = load_classifier()

    def picture(self, image: Any, detector: str) -> Callable[[], list[list[float]]]:
        """Return a call that finds and reads the faces of an RGB picture."""
        from fer_core.analysis import analyze
        from fer_core.faces import get_detector

        found_by = get_detector(detector)
        return lambda: [list(f.box) for f in analyze(image, self._classifier, found_by).faces]

    def boxes(self, image: Any, boxes: list[list[float]]) -> Callable[[], Any]:
        """Return a call that reads the faces in known boxes."""
        from fer_core.analysis import analyze
        from fer_core.faces import Detection

        class Known:
            name = title = "known"

            def detect(self, image: Any, fast: bool = False) -> list[Detection]:
                return [Detection((x, y, w, h), 1.0, (x, y, w)) for x, y, w, h in boxes]

        return lambda: analyze(image, self._classifier, Known())

    def video(self, path: str, fps: float) -> Callable[[], int]:
        """Return a call that reads a video."""
        from fer_core.video import VideoOptions, analyze_video

        return lambda: analyze_video(Path(path), VideoOptions(fps=fps)).sampled_frames

    def folder(self, folder: str) -> Callable[[], int]:
        """Return a call that reads all pictures of a folder, and returns how many faces it
        found.
        """
        from fer_core import Analyzer

        analyzer = Analyzer()
        return lambda: sum(len(result.faces) for result in analyzer.stream(folder))

    def faces(self, number: int) -> Callable[[], Any]:
        """Return a call that classifies faces that are cut out already."""
        import numpy as np

        crops = np.random.default_rng(0).integers(0, 256, (number, 192, 192, 3), np.uint8)
        return lambda: self._classifier.predict(crops)


def serve(side: Any) -> None:
    """Answer each task of standard input with ``seconds`` per call, or what was asked."""
    import numpy as np

    ready: dict[str, Callable[[], Any]] = {}
    print(json.dumps({"version": side.version}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if task["do"] == "predict":
            answer: dict[str, Any] = {"labels": side.predict(np.load(task["faces"]))}
        else:
            key = json.dumps(task["do"]) + json.dumps(task["with"])
            if key not in ready:
                given = dict(task["with"])
                if "path" in given and task["do"] != "video":
                    given["image"] = np.load(given.pop("path"))
                ready[key] = getattr(side, task["do"])(**given)
                if task.get("warm", True):
                    ready[key]()
            start, busy = time.perf_counter(), time.process_time()
            for _ in range(task["repeat"]):
                result = ready[key]()
            seconds = time.perf_counter() - start
            answer = {
                "seconds": seconds / task["repeat"],
                "cores": (time.process_time() - busy) / seconds,
            }
            if task["do"] == "picture":
                answer["boxes"] = result
            if task["do"] == "video":
                answer["frames"] = result
            if task["do"] == "folder":
                answer["faces"] = result
                answer["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), flush=True)


def cold(command: list[str]) -> dict[str, Any]:
    """Run a command and measure it. A child's peak memory is never reported as less than
    its parent's was, so the parent has to be a small process like this one.
    """
    silent = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    return {
        "seconds": time.perf_counter() - start,
        "megabytes": usage.ru_maxrss / 1024,
        "failed": status != 0,
    }


def once(path: str) -> None:
    """Go from nothing to the emotions of a picture with the ``fer`` package."""
    import cv2
    from fer.fer import FER

    print(FER().detect_emotions(cv2.imread(path)))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "cold":
        print(json.dumps(cold(rest)))
    elif what == "once":
        once(*rest)
    else:
        serve({"fer": Fer, "ours": Ours}[what]())
