"""``analyze``: pictures in, emotions out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_core.cli.common import (
    ANY_PATH,
    FILE,
    FOLDER,
    class_prior_option,
    json_option,
    model_option,
    note,
    overwrite_files_option,
    print_json,
    prior_strength_option,
    status,
)
from fer_core.errors import ImageError
from fer_core.faces import DETECTORS, fallback
from fer_core.files import ExportFolder, check_outputs, printable, unique_names, write_output
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.facade import PictureAnalysis


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
) -> None:
    """Find the faces in pictures and the emotions they show; folders are walked."""
    from fer_core.facade import Analyzer, write_picture
    from fer_core.images import walk_images
    from fer_core.table import columns, records, to_csv

    pictures = list(walk_images(list(paths)))
    if not pictures:
        raise ImageError("There are no pictures in the folder: use JPEG, PNG, WebP, GIF or HEIC.")
    names = unique_names(pictures, "annotated", ".png")
    folder = ExportFolder(save, overwrite=overwrite) if save else None
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
    table: dict[str, list[Any]] = {name: [] for name in columns("pictures")}
    errors: list[str] = []

    # One after the other, so that a picture is in memory only while it is looked at.
    for number, (path, name) in enumerate(zip(pictures, names, strict=True), start=1):
        if len(pictures) > 1:
            status(f"{number} of {len(pictures)}: {printable(path.name)}")
        analysis = analyzer.attempt(path)
        rows = analysis.to_columns()
        for column, values in rows.items():
            table[column] += list(values)
        if as_json:
            results.append(_as_json(path, analysis) | {"rows": records(rows)})
        if analysis.error:
            errors.append(analysis.error)
        elif save:
            write_picture(save / name, analysis.draw())
        if not as_json:
            _say(path, analysis)
    status("")

    if as_json:
        print_json(results)
    if csv_file:
        write_output(csv_file, to_csv(table))
    if folder:
        folder.finish()
    if errors:
        of = f"{len(errors)} of {len(pictures)} pictures" if len(pictures) > 1 else "The picture"
        raise ImageError(f"{of} could not be read. {errors[0]}")


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
