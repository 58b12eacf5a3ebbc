"""Many videos, side by side: on the cores of this machine or on a Dask cluster.

What each file came to is kept under ``FER_HOME/cache/video`` until the whole batch is
done, so that an interrupted batch goes on where it stopped.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.cluster import on_dask
from fer_core.errors import FerError, VideoError
from fer_core.files import write_output
from fer_core.settings import settings
from fer_core.video.read import Progress, analyze_video
from fer_core.video.result import VideoOptions, VideoResult

#: Days for which the results of a batch that nobody went on with are kept.
_DAYS: Final = 7


@dataclass(frozen=True)
class Task:
    """One video of a batch.

    Attributes:
        path: of the file.
        options: how to read it.
        annotated: where to write it with boxes and labels, or ``None``.
        report: where to write its HTML report, or ``None``.
    """

    path: Path
    options: VideoOptions
    annotated: Path | None = None
    report: Path | None = None

    def cache_path(self) -> Path:
        """Return where its result is kept meanwhile: the same for the same file, read alike."""
        stat = self.path.stat()
        classifier = load_classifier(self.options.model, parse(self.options.class_prior))
        model = classifier.card
        key = [
            str(self.path.resolve()),
            stat.st_size,
            stat.st_mtime_ns,
            asdict(self.options),
            model.files[model.exported],
            [classifier.class_prior, classifier.correction.factors, classifier.correction.power],
            str(self.annotated and self.annotated.resolve()),
            str(self.report and self.report.resolve()),
        ]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return settings().cache / "video" / name


#: What a video of a batch came to: a result, or a sentence on what was wrong.
Outcome = VideoResult | str


def run(
    task: Task, progress: Callable[[Progress], None] | None = None, threads: int | None = None
) -> Outcome:
    """Read one video and write what is asked for; the same on any machine."""
    from fer_core.video.annotate import annotate
    from fer_core.video.highlights import captioned
    from fer_core.video.report import to_html

    try:
        result = analyze_video(task.path, task.options, progress, threads)
        if task.annotated:
            annotate(task.path, result, task.annotated, progress)
        if task.report:
            write_output(task.report, to_html(result, captioned(task.path, result)))
        return result
    except FerError as error:
        return str(error)


def run_all(
    tasks: list[Task],
    *,
    engine: str = "local",
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[Task, Outcome]]:
    """Run many, yielding each as it is done; those of an interrupted batch come first.

    Args:
        tasks: the same file only once.
        engine: ``local``, or ``dask``.
        scheduler: address of a Dask scheduler whose workers see the same files; without,
            a cluster on this machine.
        workers: processes on this machine; one per core without.
        progress: of a single video.

    Raises:
        VideoError: the engine is not installed or not reachable.
    """
    _sweep()
    waiting: list[Task] = []
    for task in tasks:
        try:
            result = VideoResult.load(task.cache_path())
        except (VideoError, OSError):
            waiting.append(task)
            continue
        if all(path.exists() for path in (task.annotated, task.report) if path):
            yield task, result
        else:
            waiting.append(task)
    workers = workers or os.cpu_count() or 1
    if engine == "dask":
        done = on_dask(partial(run, threads=1), waiting, scheduler, workers)
    elif len(waiting) > 1:
        done = _on_cores(waiting, min(workers, len(waiting)))
    else:
        done = ((task, run(task, progress)) for task in waiting)
    for task, outcome in done:
        if isinstance(outcome, VideoResult):
            # On a full disk an interrupted batch begins anew; that is no reason to stop it.
            with suppress(OSError):
                outcome.save(task.cache_path())
        yield task, outcome


def clear_cache(tasks: list[Task]) -> None:
    """Delete what was kept of a batch, which is done."""
    for task in tasks:
        if task.path.exists():
            shutil.rmtree(task.cache_path(), ignore_errors=True)


def _on_cores(tasks: list[Task], workers: int) -> Iterator[tuple[Task, Outcome]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        try:
            running = {pool.submit(run, task, None, 1): task for task in tasks}
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield running.pop(future), future.result()
        except BrokenExecutor as error:
            raise VideoError(
                "A process that reads videos was ended, perhaps for want of memory: give the "
                "same command again, with fewer --jobs."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _sweep() -> None:
    for folder in (settings().cache / "video").glob("*"):
        if time.time() - folder.stat().st_mtime > _DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)
