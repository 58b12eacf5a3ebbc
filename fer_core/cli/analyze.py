"""``analyze``: pictures in, emotions out."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_core.cli.common import json_option, model_option, note, print_json, status
from fer_core.errors import FerError, ImageError
from fer_core.faces import DETECTORS, fallback, get_detector
from fer_core.settings import settings
from fer_core.table import COLUMNS

if TYPE_CHECKING:
    import numpy as np

    from fer_core.analysis import Analysis


@click.command("analyze")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a table."
)
@model_option
@click.option(
    "--detector",
    type=click.Choice(list(DETECTORS)),
    default=lambda: settings().detector,
    help="Face detector; FER_DETECTOR sets the default.",
)
@click.option("--largest", is_flag=True, help="Only the largest face of each picture.")
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write annotated pictures here.",
)
def command(
    paths: tuple[Path, ...],
    as_json: bool,
    csv_file: Path | None,
    model: str | None,
    detector: str,
    largest: bool,
    save: Path | None,
) -> None:
    """Find the faces in pictures and the emotions they show; folders are walked."""
    from fer_core.analysis import analyze
    from fer_core.classifier import load_classifier
    from fer_core.images import read_image, walk_images

    classifier, finder = load_classifier(model), get_detector(detector)
    if detector == "auto" and (reason := fallback()):
        note(reason)
    results: list[dict[str, Any]] = []
    rows: list[list[Any]] = []
    failed, saved = 0, _Saver(save) if save else None

    pictures = list(walk_images(list(paths)))
    if not pictures:
        raise ImageError("There are no pictures in the folder: use JPEG, PNG, WebP, GIF or HEIC.")
    for number, path in enumerate(pictures, start=1):
        if len(pictures) > 1:
            status(f"{number} of {len(pictures)}: {path.name}")
        try:
            image = read_image(path)
        except FerError as error:
            failed += 1
            results.append({"path": str(path), "error": str(error)})
            if not as_json:
                note(f"{path}: {error}")
            continue
        analysis = analyze(image, classifier, finder, largest=largest)
        results.append({"path": str(path)} | analysis.to_dict())
        if csv_file:
            rows += [[str(path), *row] for row in analysis.to_rows()]
        if saved:
            saved(path, image, analysis)
        if not as_json:
            click.echo(f"{path}: {_in_words(analysis)}")
    status("")

    if as_json:
        print_json(results)
    if csv_file:
        _write_csv(csv_file, rows)
    if failed:
        of = f"{failed} of {len(pictures)} pictures" if len(pictures) > 1 else "The picture"
        reason = next(r["error"] for r in results if "error" in r)
        raise ImageError(f"{of} could not be read. {reason}")


def _in_words(analysis: "Analysis") -> str:
    if not analysis.faces:
        return (
            "no face found; try a larger or brighter picture, a face turned to the camera, "
            "or another --detector"
        )
    faces = (f"{face.emotion} {face.confidence:.0%}" for face in analysis.faces)
    many = f"{len(analysis.faces)} faces" if len(analysis.faces) > 1 else "1 face"
    return f"{many}: {', '.join(faces)}"


def _write_csv(path: Path, rows: list[list[Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["path", *COLUMNS], *rows])
    except OSError as error:
        raise FerError(f"{path} cannot be written: {error.strerror}.") from error


class _Saver:
    """Writes annotated pictures; two of the same name do not overwrite each other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, set[str]()

    def __call__(self, path: Path, image: "np.ndarray", analysis: "Analysis") -> None:
        from PIL import Image

        from fer_core.drawing import draw

        name, number = path.stem, 1
        while name in self._taken:
            number += 1
            name = f"{path.stem}-{number}"
        self._taken.add(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(image, analysis)).save(self._folder / f"{name}.png")
        except OSError as error:
            raise FerError(f"{self._folder} cannot be written: {error.strerror}.") from error
