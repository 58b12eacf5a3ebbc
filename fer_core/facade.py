"""What ``import fer_core`` offers: the library in a few calls, for scripts and notebooks.

Everything here is also an attribute of :mod:`fer_core`, which imports it at first use.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fer_core import analysis, drawing
from fer_core.analysis import Analysis
from fer_core.classifier import load_classifier
from fer_core.errors import FerError, ImageError
from fer_core.extras import needed_by
from fer_core.faces import get_detector
from fer_core.files import replacing
from fer_core.images import Source, read_content, read_image, walk_images
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.datasets import Dataset
    from fer_core.train import TrainingRun
    from fer_core.train.notes import Progress
    from fer_core.video import VideoResult


@dataclass(frozen=True)
class PictureAnalysis(Analysis):
    """What was found in one picture, which it can draw.

    Attributes:
        source: The picture as it was given; a path is read again for drawing.
        error: Why the picture cannot be read, in a sentence; ``None`` if it was. Only
            :meth:`Analyzer.stream` gives such results. They have no faces, and ``width`` and
            ``height`` are 0.
    """

    source: Source = field(kw_only=True, repr=False, compare=False)
    error: str | None = field(default=None, kw_only=True)

    def draw(self, path: str | Path | None = None, **how: Any) -> np.ndarray:
        """Return the picture with every face boxed and labelled, and write it to a file.

        Args:
            path: File to write, replaced if it exists; its ending says the format. Without,
                nothing is written.
            how: Options of :func:`fer_core.drawing.draw`, such as ``unsure_below=0.6``.

        Returns:
            ``(H, W, 3)`` ``uint8``, RGB.

        Raises:
            ImageError: The picture cannot be read (again).
            FerError: The file cannot be written, or is the analysed picture itself.
        """
        if self.error:
            raise ImageError(self.error)
        drawn = drawing.draw(read_image(self.source), self, **how)
        if path is not None:
            self._write(Path(path), drawn)
        return drawn

    def _write(self, path: Path, drawn: np.ndarray) -> None:
        try:
            if isinstance(self.source, str | Path) and path.exists() and path.samefile(self.source):
                raise FerError(f"{path} is the analysed picture: give another name.")
            with replacing(path) as new:
                Image.fromarray(drawn).save(new)
        except OSError as error:
            raise FerError(f"{path} cannot be written: {error.strerror or error}.") from error
        except ValueError as error:
            raise FerError(
                f"{path} has no ending of a picture format: call it {path.stem}.png."
            ) from error


class Analyzer:
    """A model and a detector, loaded once; any number of threads may use it.

    >>> analyzer = Analyzer(model="fast")
    >>> analyzer.analyze("photo.jpg").faces[0].emotion  # doctest: +SKIP
    'Happy'
    """

    def __init__(
        self, model: str | None = None, detector: str | None = None, *, largest: bool = False
    ) -> None:
        """Load both.

        Args:
            model: Name of a model; without it the default.
            detector: Name of a face detector; without it that of ``FER_DETECTOR``.
            largest: Keep the largest face of each picture only.

        Raises:
            FerError: There is no such model or detector, or it cannot be loaded.
        """
        self._classifier = load_classifier(model)
        self._detector = get_detector(detector or settings().detector)
        self._largest = largest

    def analyze(self, source: Source) -> PictureAnalysis:
        """Find the faces of a picture and the emotions that they show.

        Args:
            source: See :func:`fer_core.images.read_image`.

        Raises:
            ImageError: The picture cannot be read.
        """
        if not isinstance(source, str | Path | bytes | np.ndarray | Image.Image):
            # An open file can be read once, and drawing needs the picture again.
            source = read_content(source)
        try:
            image = read_image(source)
        except ImageError as error:
            if isinstance(source, str | Path):
                raise ImageError(f"{source}: {error}") from error
            raise
        found = analysis.analyze(image, self._classifier, self._detector, largest=self._largest)
        return PictureAnalysis(**vars(found), source=source)

    __call__ = analyze

    def stream(
        self, sources: str | Path | Iterable[Source], progress: bool = False
    ) -> Iterator[PictureAnalysis]:
        """Analyse many pictures on all cores.

        Args:
            sources: Pictures; folders among them are walked.
            progress: Count the pictures on standard error.

        Yields:
            A result per picture, in the order of the sources. A picture that cannot be read
            ends nothing: the ``error`` of its result says why.
        """
        pictures, total = _pictures(sources)
        for done, result in enumerate(self._in_order(pictures), start=1):
            if progress:
                print(f"\r{done}{total} pictures", end="", file=sys.stderr, flush=True)
            yield result
        if progress:
            print(file=sys.stderr)

    def _in_order(self, pictures: Iterable[Source]) -> Iterator[PictureAnalysis]:
        workers = os.cpu_count() or 1
        waiting: deque[Future[PictureAnalysis]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            try:
                for picture in pictures:
                    waiting.append(pool.submit(self._try, picture))
                    # So many that no thread waits, so few that memory does not grow.
                    if len(waiting) == 2 * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _try(self, picture: Source) -> PictureAnalysis:
        try:
            return self.analyze(picture)
        except ImageError as error:
            return PictureAnalysis(
                0, 0, self._classifier.name, self._detector.name,
                source=picture, error=str(error),
            )  # fmt: skip


def analyze(
    source: Source, model: str | None = None, detector: str | None = None, *, largest: bool = False
) -> PictureAnalysis:
    """Find the faces of a picture and the emotions that they show.

    Args:
        source: A path, the content of a file, an open file, a PIL image or an array, see
            :func:`fer_core.images.read_image`.
        model: Name of a model; without it the default.
        detector: Name of a face detector; without it that of ``FER_DETECTOR``.
        largest: Keep the largest face only.

    Raises:
        ImageError: The picture cannot be read.
        FerError: The model or the detector cannot be used.

    >>> analyze("photo.jpg").faces[0].emotion  # doctest: +SKIP
    'Happy'
    """
    return Analyzer(model, detector, largest=largest).analyze(source)


def analyze_video(path: str | Path, **options: Any) -> "VideoResult":
    """Follow the faces of a recorded video and how their emotions change.

    Args:
        path: A video file.
        options: Fields of :class:`fer_core.video.VideoOptions`, such as ``fps=5``.

    Raises:
        VideoError: The file cannot be read.
        FerError: The extra ``video`` is not installed.
    """
    with needed_by("analyze_video()", "video"):
        from fer_core.video import VideoOptions
        from fer_core.video import analyze_video as run
    return run(Path(path), VideoOptions(**options))


def train_model(
    model: str,
    data: "Dataset | str | Path",
    *,
    on_progress: "Callable[[Progress], None] | None" = None,
    **settings: Any,
) -> "TrainingRun":
    """Train a network from a dataset to the end, in this process.

    Args:
        model: Architecture, such as ``mini_xception``.
        data: A path or ``"demo"``, or what :func:`fer_core.load_dataset` returned. Faces in
            memory are not stored with the run: resuming it needs a path.
        on_progress: Called after every step.
        settings: Those of :func:`fer_core.train.configure`, such as ``epochs=12``.

    Raises:
        TrainingError: A setting cannot be used, or the training failed.
        DatasetError: The data cannot be read.
        FerError: The extra ``train`` is not installed.
    """
    with needed_by("train_model()", "train"):
        from fer_core.train import configure, train

        if isinstance(data, str | Path):
            return train(configure(model=model, data=str(data), **settings), on_progress)
        config = configure(model=model, data=data.name, **settings)
        return train(config, on_progress, data)


def _pictures(sources: str | Path | Iterable[Source]) -> tuple[Iterable[Source], str]:
    """Return the pictures with folders walked, and " of 12" where their number is known."""
    if isinstance(sources, str | Path):
        sources = [sources]
    walked = (
        picture
        for source in sources
        for picture in (walk_images([Path(source)]) if isinstance(source, str | Path) else [source])
    )
    if not isinstance(sources, Sized):
        return walked, ""
    pictures = list(walked)
    return pictures, f" of {len(pictures)}"
