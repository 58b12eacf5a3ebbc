"""Results as files: the command line's JSON and CSV, annotated pictures as PNG or ZIP."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st
from PIL import Image

from fer_core.images import read_image
from fer_core.table import COLUMNS
from ui.common.pictures import Result, annotated


@dataclass(frozen=True)
class Download:
    """A file that is made when it is asked for."""

    label: str
    make: Callable[[], str | bytes]
    name: str
    kind: str


def downloads(files: Sequence[Download], key: str) -> None:
    """All exports of a result behind one button."""
    with st.popover("Export", icon=":material/download:"):
        for file in files:
            st.download_button(
                file.label,
                file.make,
                file.name,
                file.kind,
                on_click="ignore",
                width="stretch",
                key=f"{key}_{file.name}",
            )


def to_json(results: list[Result]) -> str:
    """A list with one object per picture, as ``analyze --json`` prints it."""
    rows = [
        {"path": r.picture.name} | ({"error": r.error} if r.error else r.analysis.to_dict())
        for r in results
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def to_csv(results: list[Result]) -> str:
    """One row per face: ``path``, then the columns of every result."""
    import pandas as pd

    tables = [r.analysis.to_dataframe().assign(path=r.picture.name) for r in results if r.analysis]
    columns = ["path", *COLUMNS]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    return table[columns].to_csv(index=False)


def to_png(result: Result, unsure_below: float) -> bytes:
    """The picture in full size, its faces boxed and labelled."""
    image = annotated(read_image(result.picture.content), result.analysis, unsure_below)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=3)
    return file.getvalue()


def to_zip(results: list[Result], unsure_below: float) -> bytes:
    """All annotated pictures; two of the same name do not overwrite each other."""
    file, taken = io.BytesIO(), set()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for result in results:
            if not result.analysis:
                continue
            stem = name = PurePath(result.picture.name).stem
            number = 1
            while name in taken:
                number += 1
                name = f"{stem}-{number}"
            taken.add(name)
            archive.writestr(f"{name}.png", to_png(result, unsure_below))
    return file.getvalue()
