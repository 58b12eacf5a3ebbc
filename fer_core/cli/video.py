"""``video``: videos in, emotions over time out."""

import json
from pathlib import Path
from typing import Any

import click

from fer_core.cli.common import (
    ANY_PATH,
    FILE,
    class_prior_option,
    engine_option,
    json_option,
    model_option,
    note,
    overwrite_files_option,
    print_json,
    prior_strength_option,
    scheduler_option,
    status,
)
from fer_core.errors import VideoError
from fer_core.faces import DETECTORS, fallback
from fer_core.files import (
    ExportFolder,
    check_outputs,
    is_stream,
    printable,
    unique_names,
    write_output,
)
from fer_core.settings import settings


def _parsed(parse: str) -> Any:
    """Return a click callback that calls a function of :mod:`fer_core.video.part`."""

    def convert(context: Any, parameter: Any, value: str | None) -> Any:
        if value is None:
            return None
        from fer_core.video import part

        return getattr(part, parse)(value)

    return convert


@click.command("video")
@click.argument("paths", nargs=-1, required=True, type=ANY_PATH)
@click.option(
    "--fps", type=click.FloatRange(0), default=5.0, show_default=True,
    help="Frames a second to sample; 0 for every frame.",
)  # fmt: skip
@click.option(
    "--from",
    "start",
    callback=_parsed("parse_time"),
    metavar="TIME",
    help="Begin here, such as 1:15.",
)
@click.option("--to", "end", callback=_parsed("parse_time"), metavar="TIME", help="End here.")
@click.option(
    "--region", callback=_parsed("parse_region"), metavar="X,Y,W,H",
    help="Look for faces in this part of the picture only, in pixels.",
)  # fmt: skip
@click.option(
    "--stream", type=click.IntRange(1), metavar="N",
    help="Video track to read, from 1; by default the one that a player shows.",
)  # fmt: skip
@click.option("--csv", "csv_file", type=FILE, help="Write the table of all videos.")
@json_option
@click.option(
    "--annotated", type=ANY_PATH,
    help="Write the video with boxes and labels; of several videos, a folder.",
)  # fmt: skip
@click.option(
    "--report", type=ANY_PATH, help="Write an HTML report; of several videos, a folder.",
)  # fmt: skip
@overwrite_files_option
@click.option("--resume", is_flag=True, help="Go on with folders of an interrupted batch.")
@model_option
@click.option(
    "--detector",
    type=click.Choice(list(DETECTORS)),
    default=lambda: settings().detector,
    help="Face detector; FER_DETECTOR sets the default.",
)
@class_prior_option
@prior_strength_option
@click.option("--largest", is_flag=True, help="Only the largest face of each frame.")
@click.option(
    "--thorough", is_flag=True,
    help="Search each frame as a photo: small faces too, several times slower.",
)  # fmt: skip
@click.option(
    "--shifts", is_flag=True,
    help="Also list when a face changed while its dominant emotion stayed.",
)  # fmt: skip
@engine_option
@scheduler_option
@click.option("--jobs", type=click.IntRange(1), help="Videos at the same time; one per core.")
def command(
    paths: tuple[Path, ...],
    csv_file: Path | None,
    as_json: bool,
    annotated: Path | None,
    report: Path | None,
    overwrite: bool,
    resume: bool,
    shifts: bool,
    engine: str,
    scheduler: str | None,
    jobs: int | None,
    class_prior: str | None,
    prior_strength: float | None,
    **how: Any,
) -> None:
    """Follow the faces in videos and how their emotions change; folders are walked.

    Videos of an interrupted batch that were finished are not read again when the same command
    is given again, with --resume if it writes folders.
    """
    from fer_core.class_prior import parse
    from fer_core.video import VideoOptions, VideoResult, walk_videos
    from fer_core.video.batch import Outcome, Task, clear_cache, run_all

    videos = list(dict.fromkeys(walk_videos(list(paths))))
    if not videos:
        raise VideoError("There are no videos in the folder: use MP4, WebM, MOV, MKV, AVI or GIF.")
    if scheduler and engine != "dask":
        raise VideoError("--scheduler goes with --engine dask.")
    if how["detector"] == "auto" and (reason := fallback()):
        note(reason)
    many = len(videos) > 1 or paths[0].is_dir()
    options = VideoOptions(**how, class_prior=str(parse(class_prior, prior_strength)))
    # Annotated videos and reports may go to one folder.
    folders: dict[Path, ExportFolder] = {}
    written: dict[Path, list[str]] = {}
    files = [csv_file] if csv_file else []
    targets: dict[str, dict[Path, Path]] = {}
    for what, target, suffix in (("annotated", annotated, ".mp4"), ("report", report, ".html")):
        targets[what] = {}
        if target is None:
            continue
        if not many:
            if target.suffix.lower() != suffix and not is_stream(target):
                raise VideoError(
                    f"{printable(target)} does not end in {suffix}: give it that ending."
                )
            targets[what] = {videos[0]: target}
            files.append(target)
            continue
        names = unique_names(videos, what, suffix)
        targets[what] = {path: target / name for path, name in zip(videos, names, strict=True)}
        place = target.resolve()
        if place not in folders:
            folders[place] = ExportFolder(target, overwrite=overwrite, resume=resume, inputs=videos)
        written[place] = written.get(place, []) + names
    check_outputs(files, videos, overwrite=overwrite)
    for place, folder in folders.items():
        folder.begin(written[place])

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
                click.echo(f"{printable(task.path)}: {_in_words(outcome, shifts)}")
                for problem in outcome.problems:
                    note(f"{printable(task.path)}: {problem}")
            else:
                note(f"{printable(task.path)}: {outcome}")
        if many:
            status(f"{len(outcomes)} of {len(videos)} videos")
    status("")

    if csv_file and any(isinstance(outcome, VideoResult) for outcome in outcomes.values()):
        _write_csv(csv_file, {path: outcomes[path] for path in videos})
    if as_json:
        print_json([_as_json(path, outcomes[path]) for path in videos])
    for folder in folders.values():
        folder.finish()
    clear_cache(tasks)
    failed = [outcome for outcome in outcomes.values() if isinstance(outcome, str)]
    if failed:
        of_all = f"{len(failed)} of {len(videos)} videos" if many else "The video"
        raise VideoError(f"{of_all} failed. {failed[0]}")


def _in_words(result: Any, shifts: bool) -> str:
    from fer_core import timeline

    summary = result.summary()
    lines = [timeline.in_words(summary)]
    for person in summary["persons"]:
        shares = timeline.shares_in_words(person["shares"])
        lines.append(f"  {person['name']}, {person['seconds']:.1f} s: {shares}")
    lines += [
        f"  {timeline.clock(c['time'])} {c['name']}: {c['before']} → {c['after']}"
        for c in summary["change_points"]
    ]
    if shifts:
        lines += [
            f"  {timeline.clock(c['time'])} {c['name']}: {c['before']} shifts by {c['size']:.0%}"
            for c in summary["shifts"]
        ]
    return "\n".join(lines)


def _as_json(path: Path, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, str):
        return {"path": printable(path), "error": outcome}
    return {"path": printable(path)} | json.loads(outcome.to_json())


def _write_csv(path: Path, outcomes: dict[Path, Any]) -> None:
    import pandas as pd

    from fer_core.table import data_frame, to_csv

    tables = [
        data_frame({"source": [printable(video)], "status": [f"unreadable: {outcome}"]}, "video")
        if isinstance(outcome, str)
        else outcome.smoothed()
        for video, outcome in outcomes.items()
    ]
    write_output(path, to_csv(pd.concat(tables, ignore_index=True)))


def _watch(progress: Any) -> None:
    from fer_core import timeline

    left = progress.seconds_left
    rest = f", {timeline.clock(left)} left" if left is not None else ""
    status(f"{progress.share:.0%}, {progress.faces} faces{rest}")
