"""``video``: videos in, emotions over time out."""

import json
from pathlib import Path
from typing import Any

import click

from fer_core.cli.common import json_option, model_option, note, print_json, status
from fer_core.errors import VideoError
from fer_core.faces import DETECTORS, fallback
from fer_core.settings import settings


@click.command("video")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--fps", type=click.FloatRange(0), default=5.0, show_default=True,
    help="Frames a second to look at; 0 for every frame.",
)  # fmt: skip
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table; of several videos with a column 'path'.",
)  # fmt: skip
@json_option
@click.option(
    "--annotated", type=click.Path(path_type=Path),
    help="Write the video with boxes and labels; of several videos, a folder.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(path_type=Path),
    help="Write an HTML report; of several videos, a folder.",
)  # fmt: skip
@model_option
@click.option(
    "--detector",
    type=click.Choice(list(DETECTORS)),
    default=lambda: settings().detector,
    help="Face detector; FER_DETECTOR sets the default.",
)
@click.option("--largest", is_flag=True, help="Only the largest face of each frame.")
@click.option(
    "--thorough", is_flag=True,
    help="Look at each frame as at a photo: small faces too, several times slower.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Where several videos are read: on this machine's cores, or on a Dask cluster.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster, such as tcp://host:8786.")
@click.option("--jobs", type=click.IntRange(1), help="Videos at the same time; one per core.")
def command(
    paths: tuple[Path, ...],
    fps: float,
    csv_file: Path | None,
    as_json: bool,
    annotated: Path | None,
    report: Path | None,
    model: str | None,
    detector: str,
    largest: bool,
    thorough: bool,
    engine: str,
    scheduler: str | None,
    jobs: int | None,
) -> None:
    """Follow the faces in videos and how their emotions change; folders are walked.

    An interrupted batch goes on where it stopped when the same command is given again.
    """
    from fer_core.video import VideoOptions, VideoResult, walk_videos
    from fer_core.video.batch import Outcome, Task, forget, run_all

    videos = list(dict.fromkeys(walk_videos(list(paths))))
    if not videos:
        raise VideoError("There are no videos in the folder: use MP4, WebM, MOV, MKV, AVI or GIF.")
    if scheduler and engine != "dask":
        raise VideoError("--scheduler goes with --engine dask.")
    if detector == "auto" and (reason := fallback()):
        note(reason)
    many = len(videos) > 1 or paths[0].is_dir()
    options = VideoOptions(
        fps=fps, model=model, detector=detector, largest=largest, thorough=thorough
    )
    targets = {
        "annotated": _targets(videos, annotated, ".mp4", many),
        "report": _targets(videos, report, ".html", many),
    }
    tasks = [
        Task(path, options, **{name: of.get(path) for name, of in targets.items()})
        for path in videos
    ]
    outcomes: dict[Path, Outcome] = {}
    for task, outcome in run_all(
        tasks, engine=engine, scheduler=scheduler, workers=jobs, progress=_watch
    ):
        status("")
        outcomes[task.path] = outcome
        if not as_json:
            if isinstance(outcome, VideoResult):
                click.echo(f"{task.path}: {_in_words(outcome)}")
                for problem in outcome.problems:
                    note(f"{task.path}: {problem}")
            else:
                note(f"{task.path}: {outcome}")
        if many:
            status(f"{len(outcomes)} of {len(videos)} videos")
    status("")

    results = {p: outcomes[p] for p in videos if isinstance(outcomes[p], VideoResult)}
    if csv_file and results:
        _write_csv(csv_file, results, many)
    if as_json:
        print_json([_as_json(path, outcomes[path]) for path in videos])
    forget(tasks)
    failed = [outcome for outcome in outcomes.values() if isinstance(outcome, str)]
    if failed:
        of = f"{len(failed)} of {len(videos)} videos" if many else "The video"
        raise VideoError(f"{of} failed. {failed[0]}")


def _targets(videos: list[Path], target: Path | None, suffix: str, many: bool) -> dict[Path, Path]:
    """Where each video's file goes; two of the same name do not overwrite each other."""
    if target is None:
        return {}
    if not many:
        if target.suffix.lower() != suffix:
            raise VideoError(f"{target} does not end in {suffix}: give it that ending.")
        return {videos[0]: target}
    found: dict[Path, Path] = {}
    for path in videos:
        name, number = path.stem, 1
        while target / f"{name}{suffix}" in found.values():
            number += 1
            name = f"{path.stem}-{number}"
        found[path] = target / f"{name}{suffix}"
    return found


def _in_words(result: Any) -> str:
    from fer_core import timeline

    summary = result.summary()
    lines = [timeline.in_words(summary)]
    for person in summary["persons"]:
        shares = timeline.shares_in_words(person["shares"])
        lines.append(f"  {person['name']}, {person['seconds']:.1f} s: {shares}")
    lines += [
        f"  {timeline.clock(c['time'])} {result.name(c['person'])}: {c['before']} → {c['after']}"
        for c in summary["change_points"]
        if c["before"] != c["after"]
    ]
    return "\n".join(lines)


def _as_json(path: Path, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, str):
        return {"path": str(path), "error": outcome}
    return {"path": str(path)} | json.loads(outcome.to_json())


def _write_csv(path: Path, results: dict[Path, Any], many: bool) -> None:
    import pandas as pd

    from fer_core import timeline
    from fer_core.table import COLUMNS
    from fer_core.video.batch import write_text

    tables = [
        result.smoothed().assign(**({"path": str(video)} if many else {}))
        for video, result in results.items()
    ]
    columns = ["path", *COLUMNS] if many else COLUMNS
    write_text(path, timeline.to_csv(pd.concat(tables)[columns]))


def _watch(progress: Any) -> None:
    from fer_core import timeline

    left = progress.seconds_left
    rest = f", {timeline.clock(left)} left" if left is not None else ""
    status(f"{progress.share:.0%}, {progress.faces} faces{rest}")
