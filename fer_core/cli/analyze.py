"""``analyze``: pictures in, emotions out."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from fer_core.cli.common import (
    ANY_PATH,
    FILE,
    FOLDER,
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
from fer_core.errors import FerError, ImageError
from fer_core.faces import DETECTORS, fallback
from fer_core.files import ExportFolder, check_outputs, printable, unique_names
from fer_core.progress import seconds_left, time_left
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.facade import PictureAnalysis
    from fer_core.table_file import TableFile


@click.command("analyze")
@click.argument("paths", nargs=-1, required=True, type=ANY_PATH)
@json_option
@click.option("--csv", "csv_file", type=FILE, help="Write a table.")
@model_option
@click.option(
    "--detector",
    type=click.Choice(list(DETECTORS)),
    default=lambda: settings().detector,
    help="Face detector; FER_DETECTOR sets the default.",
)
@class_prior_option
@prior_strength_option
@click.option("--largest", is_flag=True, help="Only the largest face of each picture.")
@click.option("--save", type=FOLDER, help="Write annotated pictures into this folder.")
@overwrite_files_option
@click.option(
    "--resume", is_flag=True,
    help="Go on with the --csv or --save of an interrupted call; its pictures are not read again.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Pictures at the same time; one per core.")
@engine_option
@scheduler_option
def command(
    paths: tuple[Path, ...],
    as_json: bool,
    csv_file: Path | None,
    model: str | None,
    detector: str,
    class_prior: str | None,
    prior_strength: float | None,
    largest: bool,
    save: Path | None,
    overwrite: bool,
    resume: bool,
    jobs: int | None,
    engine: Literal["local", "dask"],
    scheduler: str | None,
) -> None:
    """Find the faces in pictures and the emotions they show; folders are walked."""
    from fer_core.facade import Analyzer, write_picture
    from fer_core.images import walk_images
    from fer_core.table import records
    from fer_core.table_file import TableFile

    if scheduler and engine != "dask":
        raise FerError("--scheduler goes with --engine dask.")
    if resume and (as_json or not (csv_file or save)):
        raise FerError(
            "--resume goes on with a table or a folder: give --csv or --save, no --json."
        )
    pictures = list(walk_images(list(paths)))
    if not pictures:
        raise ImageError("There are no pictures in the folder: use JPEG, PNG, WebP, GIF or HEIC.")
    names = unique_names(pictures, "annotated", ".png")
    folder = ExportFolder(save, overwrite=overwrite, resume=resume) if save else None
    check_outputs([csv_file] if csv_file else [], pictures, overwrite=overwrite)
    check_outputs([save / name for name in names] if save else [], pictures, overwrite=True)
    analyzer = Analyzer(
        model, detector, largest=largest, class_prior=class_prior, prior_strength=prior_strength
    )
    if detector == "auto" and (reason := fallback()):
        note(reason)
    if folder:
        folder.begin(names)
    results: list[dict[str, Any]] = []
    errors: list[str] = []
    with ExitStack() as stack:
        table = None
        if csv_file:
            constants = {"model": analyzer.model, "class_prior": analyzer.class_prior}
            table = stack.enter_context(
                TableFile(csv_file, constants=constants, resume=resume, overwrite=overwrite)
            )
        waiting = [
            (path, name)
            for path, name in zip(pictures, names, strict=True)
            if not resume or not _is_done(path, save and save / name, table)
        ]
        before, done, begun = len(pictures) - len(waiting), 0, time.monotonic()
        analyses = analyzer.stream(
            [path for path, _ in waiting], jobs=jobs, engine=engine, scheduler=scheduler
        )
        try:
            for done, ((path, name), analysis) in enumerate(
                zip(waiting, analyses, strict=True), start=1
            ):
                if analysis.error:
                    errors.append(analysis.error)
                elif save:
                    write_picture(save / name, analysis.draw())
                rows = analysis.to_columns()
                if table and printable(path) not in table.sources:
                    table.add(rows)
                if as_json:
                    results.append(_as_json(path, analysis) | {"rows": records(rows)})
                else:
                    _say(path, analysis)
                if len(pictures) > 1:
                    left = time_left(seconds_left(begun, done / len(waiting)))
                    status(f"{before + done} of {len(pictures)} pictures, {left}")
        except KeyboardInterrupt:
            status("")
            if as_json:
                print_json(results)
            go_on = " Add --resume to go on." if csv_file or save else ""
            raise FerError(
                f"Stopped after {before + done} of {len(pictures)} pictures.{go_on}"
            ) from None
    status("")

    if as_json:
        print_json(results)
    if folder:
        folder.finish()
    if errors:
        of = f"{len(errors)} of {len(pictures)} pictures" if len(pictures) > 1 else "The picture"
        raise ImageError(f"{of} could not be read. {errors[0]}")


def _is_done(path: Path, annotated: Path | None, table: "TableFile | None") -> bool:
    """Return whether an interrupted call has written all that is asked for of a picture."""
    return (table is None or printable(path) in table.sources) and (
        annotated is None or annotated.exists()
    )


def _say(path: Path, analysis: "PictureAnalysis") -> None:
    if analysis.error:
        note(f"{printable(path)}: {analysis.error}")
        return
    click.echo(f"{printable(path)}: {_in_words(analysis)}")
    for problem in analysis.problems:
        note(f"{printable(path)}: {problem}")


def _as_json(path: Path, analysis: "PictureAnalysis") -> dict[str, Any]:
    value: dict[str, Any] = {"path": printable(path)}
    if analysis.error:
        value["error"] = analysis.error
    else:
        value |= analysis.to_dict()
    return value


def _in_words(analysis: "PictureAnalysis") -> str:
    if not analysis.faces:
        return (
            "no face found; try a larger or brighter picture, a face turned to the camera, "
            "or another --detector"
        )
    faces = (
        f"{face.emotion}{'?' if face.is_unsure() else ''} {face.confidence:.0%}"
        for face in analysis.faces
    )
    many = f"{len(analysis.faces)} faces" if len(analysis.faces) > 1 else "1 face"
    return f"{many}: {', '.join(faces)}"
