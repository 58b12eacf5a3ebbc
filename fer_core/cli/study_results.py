"""Results of ``study``: agreement, verification, reports, exports and archives."""

from pathlib import Path
from typing import Any

import click

from fer_core.cli.common import (
    FILE,
    FOLDER,
    json_option,
    overwrite_files_option,
    print_json,
    status,
)
from fer_core.errors import FerError
from fer_core.files import check_outputs, printable, write_output


def open_study(folder: Path) -> Any:
    """Open the study in a folder."""
    from fer_core.study import Study

    return Study.open(folder)


def say(value: Any, words: str, as_json: bool) -> None:
    """Print a result as JSON or in words."""
    if as_json:
        print_json(value)
    else:
        click.echo(words)


def content_of(path: Path) -> bytes:
    """Return what a file holds; one that cannot be read is one sentence."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FerError(f"{printable(path)} cannot be read: {error.strerror or error}.") from error


@click.command("agreement")
@click.argument("folder", type=FOLDER)
@click.option("--create", metavar="NAME", help="Choose moments to be labelled blindly.")
@click.option("--count", type=click.IntRange(1), default=60, help="Moments at most.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the choice.")
@click.option("--set", "name", metavar="NAME", help="Set of labels; by default the only one.")
@click.option("--labels", type=FILE, multiple=True,
              help="Labels as events: CSV, TSV or ELAN; also files of several people.")  # fmt: skip
@json_option
def agreement(
    folder: Path,
    create: str | None,
    count: int,
    seed: int,
    name: str | None,
    labels: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say how people agree with each other, and the product with them."""
    from fer_core.study import agreement as agree
    from fer_core.study import labels as imported

    study = open_study(folder)
    if create:
        items = agree.create_set(study, create, count, seed)
        words = f"{len(items)} moments to label are in {printable(folder / 'labels' / create)}"
        say({"set": create, "items": len(items)}, words, as_json)
        return
    if labels:
        table = imported.from_files(study, {path.name: content_of(path) for path in labels})
    else:
        sets = agree.list_sets(study)
        if name is None and len(sets) != 1:
            raise FerError(f"Choose a set of labels with --set: {', '.join(sets) or 'none yet'}.")
        table = agree.answers(study, name or sets[0])
    found = agree.summarize(table)
    product = found["product"]
    lines = [f"{found['moments']} moments, labelled by {', '.join(found['raters']) or 'nobody'}"]
    lines += [f"{o['a']} and {o['b']}: kappa {_shown(o, 'kappa')}" for o in found["between"]]
    if product["n"]:
        lines.append(
            f"the product: accuracy {_shown(product, 'accuracy')}, kappa "
            f"{_shown(product, 'kappa')}, n = {product['n']}"
        )
        lines += [
            f"group {group}: accuracy {_shown(value, 'accuracy')}, n = {value['n']}"
            for group, value in found["groups"].items()
        ]
    say(found, "\n".join(lines), as_json)


def _shown(value: dict[str, Any], name: str) -> str:
    if value[name] is None:
        return "unknown"
    return f"{value[name]:.2f} ({value[f'{name}_low']:.2f} to {value[f'{name}_high']:.2f})"


@click.command("verify")
@click.argument("folder", type=FOLDER)
@click.option("--count", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the choice.")
@json_option
def verify(folder: Path, count: int, seed: int, as_json: bool) -> None:
    """Analyse a sample of the recordings again and report the largest difference."""
    from dataclasses import asdict

    from fer_core.study.verify import largest
    from fer_core.study.verify import verify as check

    found = check(
        open_study(folder), count=count, seed=seed,
        progress=lambda share: status(f"{share:.0%}"),
    )  # fmt: skip
    status("")
    most = largest(found)
    words = [
        f"{one.recording}: {one.reason}" if one.difference is None
        else f"{one.recording}: {one.difference:.6f}, {one.frames:.0%} of the frames alike"
        for one in found
    ]  # fmt: skip
    words.append(
        "Nothing could be compared." if most is None else f"Largest difference: {most:.6f}"
    )
    say({"largest": most, "recordings": [asdict(one) for one in found]}, "\n".join(words), as_json)


@click.command("report")
@click.argument("folder", type=FOLDER)
@click.option("--html", type=FILE, required=True, help="File to write.")
@click.option("--faces", is_flag=True, help="Show a picture of each participant.")
@overwrite_files_option
def report(folder: Path, html: Path, faces: bool, overwrite: bool) -> None:
    """Write the study as one HTML file, without faces unless asked for."""
    from fer_core.study.report import to_html

    check_outputs([html], [folder / "study.json", folder / "participants.tsv"], overwrite=overwrite)
    write_output(html, to_html(open_study(folder), faces=faces))
    click.echo(printable(html))


@click.command("export")
@click.argument("folder", type=FOLDER)
@click.argument("to", type=FOLDER)
@click.option("--bids", is_flag=True, help="As a dataset of BIDS, instead of tables and figures.")
@click.option("--annotated", is_flag=True, help="Videos with boxes and labels, faces hidden.")
@click.option("--faces", is_flag=True, help="Let faces be seen in annotated videos.")
@overwrite_files_option
@json_option
def export(
    folder: Path,
    to: Path,
    bids: bool,
    annotated: bool,
    faces: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write tables (CSV, Parquet, SPSS) with codebooks and figures, or a dataset of BIDS."""
    from fer_core.study import bids as as_bids
    from fer_core.study import export as as_tables

    study = open_study(folder)
    if bids and annotated:
        raise FerError("Choose one of --bids and --annotated.")
    if annotated:
        files = as_tables.annotated(study, to, hide=not faces, overwrite=overwrite)
    elif bids:
        files = as_bids.export(study, to, overwrite=overwrite)
    else:
        files = as_tables.export(study, to, overwrite=overwrite)
    say(files, f"{len(files)} files in {printable(to)}", as_json)


@click.command("pack")
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, required=True, help="Archive to write.")
@click.option("--videos", is_flag=True, help="Include the videos.")
@overwrite_files_option
def pack(folder: Path, out: Path, videos: bool, overwrite: bool) -> None:
    """Write the study as one archive, to move it to another machine."""
    from fer_core.study.archive import pack as write

    write(open_study(folder), out, videos=videos, overwrite=overwrite)
    click.echo(printable(out))


@click.command("unpack")
@click.argument("file", type=FILE)
@click.argument("folder", type=FOLDER)
@json_option
def unpack(file: Path, folder: Path, as_json: bool) -> None:
    """Unpack an archive into a new folder."""
    from fer_core.study.archive import unpack as read

    study = read(file, folder)
    words = f"{printable(folder)}: {study.file.name}, {len(study.file.recordings)} recordings"
    say(study.file.model_dump(by_alias=True), words, as_json)
