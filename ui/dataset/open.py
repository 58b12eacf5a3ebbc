"""Which datasets are open, and what is known of each."""

import hashlib
import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from fer_core.datasets import MADE_HERE, Dataset, browse
from fer_core.datasets.fer2013 import SUFFIXES
from fer_core.datasets.identity import face_keys
from fer_core.datasets.labels import LabelOrderError
from fer_core.datasets.registry import formats
from fer_core.errors import DatasetError, FerError
from fer_core.files import write_atomic
from fer_core.settings import settings
from ui.common.notices import say_error
from ui.common.reading import read_dataset
from ui.common.text import plain, sentence
from ui.dataset.label_order import ask_for_order
from ui.services import access, audits, collected, corrections, datasets
from ui.services.audits import AuditJob
from ui.services.datasets import Request

#: What the page's address calls the dataset that ``FER_DATA`` names.
_CONFIGURED: Final = "configured"
TITLES: Final = {"demo": "Demo faces", "collected": "Collected faces"}


@dataclass(frozen=True)
class Source(Request):
    """Where a dataset comes from, and how it is to be read."""

    @property
    def title(self) -> str:
        """Return the title for people."""
        return TITLES.get(self.source, PurePath(self.source).name)


@dataclass(frozen=True, eq=False)
class Opened:
    """A dataset as it was read, with its corrections and what an audit saw in it."""

    source: Source
    dataset: Dataset
    keys: np.ndarray

    @cached_property
    def known(self) -> frozenset[str]:
        """Return its keys."""
        return frozenset(self.keys)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Return position by key."""
        return {key: row for row, key in enumerate(self.keys)}

    @cached_property
    def table(self) -> pd.DataFrame:
        """Return its faces, see :func:`fer_core.datasets.browse.table`, without predictions."""
        return browse.table(self.dataset, self.keys)

    @cached_property
    def means(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return mean face and variation per emotion."""
        return browse.mean_faces(self.dataset.faces, self.dataset.labels)

    def audit(self, model: str) -> AuditJob:
        """Return its audit with a model, made or not; one object as long as it is the same."""
        by_model = self.__dict__.setdefault("_audits", {})
        found = audits.find(self.dataset, model) if model not in by_model else by_model[model]
        return by_model.setdefault(model, found)

    def seen(self, audit: AuditJob) -> pd.DataFrame:
        """Return the table with what the model of a finished audit says of every face."""
        tables = self.__dict__.setdefault("_seen", {})
        if audit.name not in tables:
            tables[audit.name] = browse.table(self.dataset, self.keys, audit.probabilities)
        return tables[audit.name]

    def overlay(self) -> corrections.Overlay:
        """Return the corrections of this machine that concern its faces."""
        return corrections.saved().of_faces(self.known)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(_source: Source, _dataset: Dataset, key: str) -> Opened:
    return Opened(_source, _dataset, face_keys(_dataset.faces))


def sources() -> list[Source]:
    """Return what can be chosen: opened ones, ``FER_DATA``, the demo, collected faces."""
    known = [Source(name) for name in MADE_HERE]
    known[:0] = [Source(**asdict(one)) for _, one in datasets.list_opened()]
    if path := settings().data:
        beside = Path(path).parent / "fer2013new.csv"
        known.insert(0, Source(str(path), str(beside) if beside.is_file() else None))
    found: dict[str, Source] = {}
    # However often it was opened, a source is there once, as this visit opened it last.
    for one in [*st.session_state.setdefault("dataset_sources", []), *known]:
        found.setdefault(one.source, one)
    return list(found.values())


def _address_of(source: Source) -> str:
    """Return what a dataset is called in the page's address: a name or a number, never a path."""
    if source.source in MADE_HERE:
        return source.source
    numbers = {one.source: str(number) for number, one in datasets.list_opened()}
    return numbers.get(source.source, _CONFIGURED)


def _of_address(address: str, found: list[Source]) -> Source | None:
    return next((one for one in found if _address_of(one) == address), None)


def chooser() -> Source:
    """Show the row that chooses among datasets and opens further ones."""
    found, state = sources(), st.session_state
    if "dataset_chosen" not in state and (address := st.query_params.get("data")):
        state["dataset_chosen"] = _of_address(address, found)
        if state["dataset_chosen"] is None:
            st.toast("The dataset of this address is not there any more.", icon=":material/help:")
    # What was deleted or opened anew in another visit is no choice any more.
    if state.get("dataset_chosen") not in found:
        state["dataset_chosen"] = found[0]
    chosen = st.selectbox(
        "Dataset",
        found,
        format_func=lambda source: source.title,
        key="dataset_chosen",
        persist_state="session",
        width=300,
    )
    if access.is_admin():
        with st.popover("Open…", icon=":material/folder_open:"):
            _open_form()
    chosen = chosen or found[0]
    st.query_params["data"] = _address_of(chosen)
    return chosen


def _open_form() -> None:
    st.text_input(
        "Path on this machine",
        key="dataset_path",
        placeholder="/data/fer2013.csv",
        help=plain("; ".join(known.title for known in formats())),
    )
    if wrong := st.session_state.get("dataset_path_wrong"):
        st.error(wrong, icon=":material/error:")
    st.text_input("FER+ votes (optional)", key="dataset_votes", placeholder="/data/fer2013new.csv")
    st.button("Open", type="primary", on_click=_add_path, key="dataset_open")
    st.file_uploader(
        "Or upload a file",
        type=[suffix.lstrip(".") for suffix in SUFFIXES],
        key="dataset_upload",
        on_change=_add_upload,
    )
    if problem := st.session_state.pop("dataset_upload_problem", None):
        st.error(problem, icon=":material/error:")
    st.caption(
        "FER2013 is on Kaggle, as the competition 'challenges in representation learning: facial "
        "expression recognition' or as folders in 'msambare/fer2013'. An upload stays on this "
        "machine until you remove it from the list."
    )


def _add_path() -> None:
    state = st.session_state
    path, votes = state["dataset_path"].strip(), state["dataset_votes"].strip()
    # What cannot be found is said at the field; the dataset that is open stays open.
    missing = [one for one in (path, votes) if one and one not in MADE_HERE and not _is_there(one)]
    state["dataset_path_wrong"] = f"There is no file or folder {missing[0]}." if missing else ""
    if path and not missing:
        _add(Source(path, votes or None))


def _is_there(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _add_upload() -> None:
    upload = st.session_state["dataset_upload"]
    if upload is None:
        return
    digest = hashlib.file_digest(upload, "sha256").hexdigest()[:12]
    upload.seek(0)
    path = settings().saved_files.resolve() / digest / PurePath(upload.name).name
    try:
        write_atomic(path, partial(shutil.copyfileobj, upload))
    except FerError as error:
        st.session_state["dataset_upload_problem"] = str(error)
        return
    _add(Source(str(path)))


def _add(source: Source) -> None:
    have = [one for one in st.session_state["dataset_sources"] if one.source != source.source]
    st.session_state["dataset_sources"] = [source, *have]
    st.session_state["dataset_chosen"] = source
    if source.source not in MADE_HERE:
        datasets.remember(source)


def opened(source: Source) -> Opened | None:
    """Return the dataset, read with a progress bar where that takes long; ``None`` where it
    cannot be: then the page says why and offers to go on without what is wrong.
    """
    try:
        dataset = read_dataset(source, source.title)
        return _opened(source, dataset, repr((source, source.stamp()))) if dataset else None
    except LabelOrderError as error:
        ask_for_order(source, error, _add)
    except DatasetError as error:
        _problems(source, error)
    except FerError as error:
        say_error(error)
    if source in sources() and source.source not in (*MADE_HERE, str(settings().data)):
        st.button(
            "Delete",
            icon=":material/delete:",
            on_click=_remove,
            args=(source,),
            key="dataset_remove",
            help="Leave it out of the list; an upload is deleted.",
        )
    return None


def _remove(source: Source) -> None:
    """Take a dataset out of the list, which can be undone for a while."""
    state = st.session_state
    state["dataset_sources"] = [one for one in state["dataset_sources"] if one != source]
    state.pop("dataset_chosen", None)
    datasets.remove(source, partial(_add, source))


def about(dataset: Dataset) -> str:
    """Return what else there is to say of a dataset: format, people, classes left out."""
    parts = [dataset.format] if dataset.format else []
    if dataset.people() is not None:
        parts.append(f"{dataset.people()} people")
    parts += [f"{n:,} {plain(name)} left out" for name, n in (dataset.left_out or {}).items()]
    return "".join(f" · {part}" for part in parts)


def _problems(source: Source, error: DatasetError) -> None:
    if source.source == collected.NAME:
        st.info(sentence(error), icon=":material/face:")
        return
    if not error.problems:
        say_error(error)
        return
    number = len(error.problems)
    st.error(
        f"{number} {'row or file is' if number == 1 else 'rows or files are'} wrong. Correct the "
        "file and open it again, or go on without them.",
        title=plain(source.title),
        icon=":material/error:",
    )
    st.button(
        "Go on without them", type="primary", on_click=_add, args=(replace(source, skip_bad=True),)
    )
    where = [problem.partition(": ")[::2] for problem in error.problems]
    st.dataframe(
        pd.DataFrame(where, columns=["where", "what is wrong"]),
        hide_index=True,
        height=400,
        alt="Everything that is wrong, row by row",
    )
