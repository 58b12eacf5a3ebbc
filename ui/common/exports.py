"""Results as files: the command line's JSON and CSV, annotated pictures as PNG or ZIP."""

import io
import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image

from fer_core.files import unique_names
from fer_core.images import read_image
from fer_core.table import columns
from fer_core.table import to_csv as table_to_csv
from ui.common.pictures import Result, annotated


@dataclass(frozen=True)
class Download:
    """A file that is made when it is asked for."""

    label: str
    make: Callable[[], str | bytes]
    name: str
    kind: str


def downloads(files: Sequence[Download], key: str, note: str = "") -> None:
    """Offer all exports of a result behind one button.

    Args:
        files: What can be exported.
        key: Of the widgets.
        note: What the files cover, where that is not obvious.
    """
    with st.popover("Export", icon=":material/download:"):
        if note:
            st.caption(note)
        for file in files:
            st.download_button(
                file.label,
                file.make,
                file.name,
                file.kind,
                on_click="ignore",
                width="stretch",
                key=f"{key}_{file.label}",
            )


def to_json(results: list[Result], unsure_below: float) -> str:
    """Return a list with one object per picture, as ``analyze --json`` prints it."""
    rows = [
        {"path": r.picture.name}
        | ({"error": r.error} if r.error else r.analysis.to_dict())
        | {"rows": r.analyzed.to_rows(r.picture.name, unsure_below)}
        for r in results
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def to_csv(results: list[Result], unsure_below: float) -> str:
    """Return the table of pictures: a row per face, or one that says why there is none."""
    table: dict[str, list[Any]] = {name: [] for name in columns("pictures")}
    for result in results:
        for name, values in result.analyzed.to_columns(result.picture.name, unsure_below).items():
            table[name] += list(values)
    return table_to_csv(table)


def to_png(result: Result, unsure_below: float) -> bytes:
    """Return the picture in full size, its faces boxed and labelled."""
    image = annotated(read_image(result.picture.content), result.analysis, unsure_below)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=3)
    return file.getvalue()


def to_zip(results: list[Result], unsure_below: float, most: float = math.inf) -> bytes:
    """Return all annotated pictures; two of the same name do not overwrite each other.

    A file that has grown beyond ``most`` bytes ends there, and says so.
    """
    file = io.BytesIO()
    read = [result for result in results if result.analysis]
    names = unique_names([result.picture.name for result in read], "annotated", ".png")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, (result, name) in enumerate(zip(read, names, strict=True)):
            if file.tell() > most:
                archive.writestr(
                    "INCOMPLETE.txt",
                    f"These are the first {number} of {len(read)} pictures: export fewer at once.",
                )
                break
            archive.writestr(name, to_png(result, unsure_below))
    return file.getvalue()
