"""``dataset``: what a dataset holds and what is wrong with it; a corrected copy of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from fer_core.cli.common import (
    FILE,
    FOLDER,
    corrections_option,
    json_option,
    label_order_option,
    note,
    overwrite_files_option,
    print_json,
    status,
    votes_option,
)
from fer_core.datasets import SPLITS, Dataset, load
from fer_core.datasets.identity import face_keys
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder, cannot_write, check_outputs, printable, write_output
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.audit import Audit


@click.command("dataset")
@click.argument("path", default=lambda: str(settings().data or "demo"))
@json_option
@label_order_option
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Of CK+: how many of the last frames of a sequence show its emotion.",
)
@votes_option
@corrections_option
@click.option(
    "--audit", "with_audit", is_flag=True, help="Look for wrong labels, copies, no faces."
)
@click.option("--model", help="Whose features the audit uses; without it the default's.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the audit's folds.")
@click.option(
    "--propose",
    type=FILE,
    help="With --audit: write what it proposes as corrections, CSV.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Propose labels only where the error is at least this sure.",
)
@click.option(
    "--split",
    type=click.Choice([*SPLITS, "all"]),
    default="all",
    help="Propose for this split only.",
)
@click.option(
    "--export",
    "folder",
    type=FOLDER,
    help="Write the dataset as it stands: Training.csv, … in this folder.",
)
@click.option(
    "--as",
    "form",
    type=click.Choice(["csv", "folders"]),
    default="csv",
    help="Form of the export: a CSV per split, or pictures in folders.",
)
@click.option(
    "--predict",
    type=FILE,
    help="Write what --model says of every face, CSV; also of a file without labels.",
)
@click.option("--skip-bad", is_flag=True, help="Go on without rows or files that are wrong.")
@overwrite_files_option
def command(
    path: str,
    as_json: bool,
    label_order: str | None,
    frames: int,
    votes: str | None,
    corrections: str | None,
    with_audit: bool,
    model: str | None,
    seed: int,
    propose: Path | None,
    least: float,
    split: str,
    folder: Path | None,
    form: str,
    predict: Path | None,
    skip_bad: bool,
    overwrite: bool,
) -> None:
    """Say what a dataset holds: PATH, 'demo' or 'collected'; FER_DATA without."""
    if propose and not with_audit:
        raise DatasetError("--propose writes what an audit proposes: give --audit as well.")
    read = [Path(given) for given in (path, votes, corrections) if given]
    outputs = [file for file in (propose, predict) if file]
    check_outputs(outputs, read, overwrite=overwrite)
    into = ExportFolder(folder, overwrite=overwrite, inputs=read) if folder else None
    try:
        # Corrections and the audit both count copies over the whole file.
        raw = load(
            path,
            Path(votes) if votes else None,
            skip_bad=skip_bad,
            label_order=label_order,
            frames=frames,
            unlabelled=bool(predict) and not (votes or corrections or with_audit or folder),
            on_progress=lambda share: status(f"Reading: {share:.0%}"),
        )
    except DatasetError as error:
        for problem in error.problems:
            note(problem)
        if error.problems:
            note(f"{len(error.problems)} problems. --skip-bad goes on without them.")
        raise
    finally:
        status("")
    result: dict[str, Any] = {}
    dataset = raw
    if corrections is not None:
        from fer_core.datasets.corrections import SAVED
        from fer_core.datasets.corrections import load as load_corrections

        keys = face_keys(raw.faces)
        given = load_corrections(corrections)
        overlay = given.of_faces(keys)
        if str(corrections) != SAVED and (unknown := given.unknown(keys)):
            result["unknown_faces"] = len(unknown)
            note(
                f"{len(unknown)} of {len(given.faces)} corrected faces are not in this dataset, "
                f"such as {unknown[0]}."
            )
        dataset = overlay.apply(raw, keys)
        result["left_out"] = len(raw) - len(dataset)
        result["relabelled"] = sum(c.label is not None for c in overlay.faces.values())
    result = describe(dataset) | result
    if with_audit:
        found = _audit(dataset, votes, model, seed)
        result["audit"] = _first(found)
        if propose:
            overlay = found.to_overlay(split=split, least=least)
            write_output(propose, overlay.to_csv())
            note(f"{len(overlay.events)} proposals are in {propose}; apply with --corrections.")
    if predict:
        _predict(raw, model, predict)
        note(f"The predictions are in {printable(predict)}.")
    if into:
        result["exported"] = _export(dataset, into, form)
    print_json(result) if as_json else click.echo(in_words(result))


def describe(dataset: Dataset) -> dict[str, Any]:
    """Describe what a dataset holds, as plain JSON values."""
    sizes = np.bincount(dataset.labels, minlength=1)
    return {
        "name": dataset.name,
        "faces": len(dataset),
        "counts": dataset.counts(),
        "imbalance": float(sizes.max() / sizes[sizes > 0].min()),
        "votes": dataset.votes is not None,
        "format": dataset.format,
        "classes_left_out": dict(dataset.left_out or {}),
        "people": dataset.people(),
    }


def _audit(dataset: Dataset, votes: str | None, model: str | None, seed: int) -> "Audit":
    from fer_core.audit import audit
    from fer_core.datasets.ferplus import counts_of

    counts = counts_of(dataset, Path(votes)) if votes else None
    found = audit(
        dataset,
        model=model,
        counts=counts,
        seed=seed,
        on_progress=lambda what, share: status(f"{what}: {share:.0%}"),
    )
    status("")
    return found


def _predict(dataset: Dataset, model: str | None, file: Path) -> None:
    """Write a row per face with what a model says of it, under the class prior of the program."""
    from fer_core.class_prior import parse
    from fer_core.classifier import load_classifier
    from fer_core.emotions import EMOTIONS
    from fer_core.table import PROBABILITIES, to_csv

    classifier = load_classifier(model, parse(None))
    said = classifier.assume(classifier.predict_faces(dataset.faces))
    write_output(
        file,
        to_csv(
            {
                "row": list(range(len(said))),
                **dict(zip(PROBABILITIES, said.T.tolist(), strict=True)),
                "emotion": [EMOTIONS[best] for best in said.argmax(axis=1)],
                "confidence": said.max(axis=1).tolist(),
                "model": [classifier.name] * len(said),
                "class_prior": [classifier.class_prior] * len(said),
            }
        ),
    )


def _first(found: "Audit") -> dict[str, Any]:
    """Return the summary, and the first problems of every kind."""
    columns = ["row", "split", "label", "kind", "score", "proposal", "reason"]
    first = found.problems.groupby("kind", sort=False).head(20)
    return found.summary | {"first": first[columns].to_dict("records")}


def _export(dataset: Dataset, folder: ExportFolder, form: str) -> str:
    from fer_core.datasets.fer2013 import export_splits
    from fer_core.datasets.folders import export_folders

    export = export_splits if form == "csv" else export_folders
    try:
        export(dataset, folder)
    except OSError as error:
        raise cannot_write(folder.path, error) from error
    note(f"Written to {printable(folder.path)}.")
    return printable(folder.path)


def in_words(result: dict[str, Any]) -> str:
    """Return the result as text for people."""
    from fer_core.emotions import EMOTIONS

    lines = [f"{result['name']}: {result['faces']} faces"]
    if "left_out" in result:
        lines[0] += f", {result['relabelled']} relabelled, {result['left_out']} left out"
    splits = result["counts"]
    lines.append(f"{'':<10}" + "".join(f"{split:>13}" for split in splits) + f"{'all':>9}")
    for emotion in EMOTIONS:
        row = [counts[emotion] for counts in splits.values()]
        lines.append(f"{emotion:<10}" + "".join(f"{n:>13}" for n in row) + f"{sum(row):>9}")
    lines.append(f"The largest class is {result['imbalance']:.1f} times the smallest.")
    about = [result["format"]] if result["format"] else []
    if result["people"] is not None:
        about.append(f"{result['people']} people")
    if result["classes_left_out"]:
        out = ", ".join(f"{n} {name}" for name, n in result["classes_left_out"].items())
        about.append(f"left out: {out}")
    lines += [" · ".join(about)] if about else []
    if audit := result.get("audit"):
        from fer_core.audit import report

        lines += ["", report.in_words(audit)]
    return "\n".join(lines)
