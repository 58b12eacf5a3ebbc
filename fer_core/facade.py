"""What ``import fer_core`` offers: the library in a few calls, for scripts and notebooks.

Everything here is also an attribute of :mod:`fer_core`, which imports it at first use.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from PIL import Image

from fer_core import analysis, drawing
from fer_core.analysis import Analysis
from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.cluster import on_dask
from fer_core.emotions import UNSURE_BELOW
from fer_core.errors import FerError, ImageError
from fer_core.extras import needed_by
from fer_core.faces import get_detector
from fer_core.files import check_outputs, printable, writing
from fer_core.images import Source, read_content, read_image, read_picture, walk_images
from fer_core.pool import map_in_order
from fer_core.progress import seconds_left, time_left
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.datasets import Dataset
    from fer_core.train import TrainingRun
    from fer_core.train.notes import Progress
    from fer_core.video import VideoResult

#: Pictures that a worker of a cluster reads at a time.
_CHUNK: Final = 16


@dataclass(frozen=True)
class PictureAnalysis(Analysis):
    """What was found in one picture, which it can draw.

    Attributes:
        source: The picture as it was given; a path is read again for drawing. A picture that
            cannot be read gives a result in :meth:`Analyzer.stream` alone: its ``error`` says
            why, it has no faces, and ``width`` and ``height`` are 0.
    """

    source: Source = field(kw_only=True, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Return the path as it was given; empty for a picture without one."""
        return printable(self.source) if isinstance(self.source, str | Path) else ""

    def to_columns(
        self, source: str | None = None, unsure_below: float = UNSURE_BELOW
    ) -> dict[str, Any]:
        """Return the table of this picture, see :meth:`fer_core.analysis.Analysis.to_columns`."""
        return super().to_columns(self.name if source is None else source, unsure_below)

    def draw(
        self, path: str | Path | None = None, *, overwrite: bool = False, **how: Any
    ) -> np.ndarray:
        """Return the picture with every face boxed and labelled, and write it to a file.

        Args:
            path: File to write; its ending says the format. By default nothing is written.
            overwrite: Replace the file if it exists. The analysed picture is never replaced.
            how: Options of :func:`fer_core.drawing.draw`, such as ``unsure_below=0.6``.

        Returns:
            ``(H, W, 3)`` ``uint8``, RGB.

        Raises:
            ImageError: The picture cannot be read (again).
            FerError: The file cannot be written, exists, or is the analysed picture itself.
        """
        if self.error:
            raise ImageError(self.error)
        drawn = drawing.draw(read_image(self.source), self, **how)
        if path is not None:
            inputs = [Path(self.source)] if isinstance(self.source, str | Path) else []
            check_outputs([Path(path)], inputs, overwrite=overwrite)
            write_picture(Path(path), drawn)
        return drawn


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write a picture that the user asked for.

    Call :func:`fer_core.files.check_outputs` first, once for all files of a call.

    Args:
        path: File to write; its ending says the format.
        image: ``(H, W, 3)`` ``uint8``, RGB.

    Raises:
        FerError: It cannot be written.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise FerError(
            f"{printable(path)} has no ending of a picture format: call it "
            f"{printable(path.stem)}.png."
        )
    with writing(path) as new, new.open("wb") as file:
        Image.fromarray(image).save(file, kind)


class Analyzer:
    """A model and a detector, loaded once; any number of threads may use it.

    >>> analyzer = Analyzer(model="fast")
    >>> analyzer.analyze("photo.jpg").faces[0].emotion  # doctest: +SKIP
    'Happy'
    """

    def __init__(
        self,
        model: str | None = None,
        detector: str | None = None,
        *,
        largest: bool = False,
        class_prior: str | Sequence[float] | None = None,
        prior_strength: float | None = None,
    ) -> None:
        """Load both.

        Args:
            model: Name of a model; without it the default.
            detector: Name of a face detector; without it that of ``FER_DETECTOR``.
            largest: Keep the largest face of each picture only.
            class_prior: How frequent the emotions are assumed to be, see
                :func:`fer_core.class_prior.parse`; without it that of ``FER_CLASS_PRIOR``,
                ``recommended``.
            prior_strength: 0 to 1, for ``uniform`` and seven numbers.

        Raises:
            FerError: There is no such model or detector, or it cannot be loaded.
        """
        prior = parse(class_prior, prior_strength)
        self._classifier = load_classifier(model, prior)
        self._detector = get_detector(detector or settings().detector)
        self._largest = largest
        # By which a worker on another machine makes the same one.
        self._options = (self._classifier.name, self._detector.name, largest, str(prior))

    @property
    def model(self) -> str:
        """Return the name of the model."""
        return self._classifier.name

    @property
    def class_prior(self) -> str:
        """Return the class prior, as results record it."""
        return self._classifier.class_prior

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
            picture = read_picture(source)
        except ImageError as error:
            if isinstance(source, str | Path):
                raise ImageError(f"{printable(source)}: {error}") from error
            raise
        found = analysis.analyze(
            picture.image,
            self._classifier,
            self._detector,
            largest=self._largest,
            size=picture.size,
        )
        return PictureAnalysis(**vars(replace(found, problems=picture.problems)), source=source)

    __call__ = analyze

    def stream(
        self,
        sources: str | Path | Iterable[Source],
        progress: bool = False,
        *,
        jobs: int | None = None,
        engine: Literal["local", "dask"] = "local",
        scheduler: str | None = None,
    ) -> Iterator[PictureAnalysis]:
        """Analyse many pictures on all cores, or on several machines.

        Args:
            sources: Pictures; folders among them are walked.
            progress: Count the pictures on standard error, with the time left.
            jobs: Pictures at the same time; one per core without.
            engine: ``local`` for this machine's cores, or ``dask``.
            scheduler: Address of a Dask scheduler whose workers see the same files; without, a
                cluster on this machine.

        Yields:
            A result per picture, in the order of the sources. A picture that cannot be read
            ends nothing: the ``error`` of its result says why.

        Raises:
            FerError: The engine is not installed or cannot be reached.
        """
        pictures = _pictures(sources)
        if engine == "dask":
            results = self._on_cluster(list(pictures), scheduler, jobs)
        else:
            results = map_in_order(self.attempt, pictures, jobs)
        begun, number = time.monotonic(), len(pictures) if isinstance(pictures, Sized) else None
        for done, result in enumerate(results, start=1):
            if progress:
                print(f"\r{_progress(begun, done, number)}", end="", file=sys.stderr, flush=True)
            yield result
        if progress:
            print(file=sys.stderr)

    def _on_cluster(
        self, pictures: list[Source], scheduler: str | None, jobs: int | None
    ) -> Iterator[PictureAnalysis]:
        starts = range(0, len(pictures), _CHUNK)
        chunks = [(number, pictures[i : i + _CHUNK]) for number, i in enumerate(starts)]
        read = partial(_attempt_chunk, self._options)
        done: dict[int, list[PictureAnalysis]] = {}
        following = 0
        for (number, _), results in on_dask(read, chunks, scheduler, jobs or os.cpu_count() or 1):
            done[number] = results
            while following in done:
                yield from done.pop(following)
                following += 1

    def attempt(self, picture: Source) -> PictureAnalysis:
        """Analyse a picture; one that cannot be read gives a result that says why.

        Args:
            picture: See :func:`fer_core.images.read_image`.
        """
        try:
            return self.analyze(picture)
        except ImageError as error:
            return PictureAnalysis(
                0, 0, self._classifier.name, self._detector.name,
                source=picture, error=str(error), class_prior=self._classifier.class_prior,
            )  # fmt: skip


def analyze(
    source: Source,
    model: str | None = None,
    detector: str | None = None,
    *,
    largest: bool = False,
    class_prior: str | Sequence[float] | None = None,
    prior_strength: float | None = None,
) -> PictureAnalysis:
    """Find the faces of a picture and the emotions that they show.

    Args:
        source: A path, the content of a file, an open file, a PIL image or an array, see
            :func:`fer_core.images.read_image`.
        model: Name of a model; without it the default.
        detector: Name of a face detector; without it that of ``FER_DETECTOR``.
        largest: Keep the largest face only.
        class_prior: How frequent the emotions are assumed to be, see :class:`Analyzer`.
        prior_strength: Likewise.

    Raises:
        ImageError: The picture cannot be read.
        FerError: The model or the detector cannot be used.

    >>> analyze("photo.jpg").faces[0].emotion  # doctest: +SKIP
    'Happy'
    """
    analyzer = Analyzer(
        model, detector, largest=largest, class_prior=class_prior, prior_strength=prior_strength
    )
    return analyzer.analyze(source)


def analyze_video(path: str | Path, **options: Any) -> "VideoResult":
    """Follow the faces of a recorded video and how their emotions change.

    Args:
        path: A video file.
        options: Fields of :class:`fer_core.video.VideoOptions`, such as ``fps=5``; ``class_prior``
            and ``prior_strength`` as for :class:`Analyzer`.

    Raises:
        VideoError: The file cannot be read.
        FerError: The extra ``video`` is not installed.
    """
    with needed_by("analyze_video()", "video"):
        from fer_core.video import VideoOptions
        from fer_core.video import analyze_video as run
    strength = options.pop("prior_strength", None)
    options["class_prior"] = str(parse(options.get("class_prior"), strength))
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


@lru_cache(maxsize=1)
def _analyzer(model: str, detector: str, largest: bool, class_prior: str) -> Analyzer:
    return Analyzer(model, detector, largest=largest, class_prior=class_prior)


def _attempt_chunk(
    options: tuple[str, str, bool, str], chunk: tuple[int, Sequence[Source]]
) -> list[PictureAnalysis]:
    """Analyse some pictures in a worker of a cluster, which loads the model once."""
    return [_analyzer(*options).attempt(picture) for picture in chunk[1]]


def _progress(begun: float, done: int, number: int | None) -> str:
    """Return a line such as "12 of 400 pictures, 35 s left"."""
    if number is None:
        return f"{done} pictures"
    left = time_left(seconds_left(begun, done / number))
    return f"{done} of {number} pictures" + (f", {left}" if left and done < number else "")


def _pictures(sources: str | Path | Iterable[Source]) -> Iterable[Source]:
    """Return the pictures with folders walked; a list where the sources have an end."""
    if isinstance(sources, str | Path):
        sources = [sources]
    walked = (
        picture
        for source in sources
        for picture in (walk_images([Path(source)]) if isinstance(source, str | Path) else [source])
    )
    return list(walked) if isinstance(sources, Sized) else walked
