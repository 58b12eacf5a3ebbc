"""How good every model is on each source that it was measured on, a column per source."""

from typing import Any, Final

import pandas as pd
import streamlit as st

from fer_core.emotions import EMOTIONS
from fer_core.evaluation.sources import SourceFigures, of_card
from fer_core.models.card import Card, MeasuredOn, datasets
from ui.services.models import ModelFolder

#: Splits that can be shown; all of a dataset says something only where it has no test splits.
_TESTS: Final = ("PublicTest", "PrivateTest")
_PRIORS: Final = {"as-trained": "As trained", "recommended": "Recommended"}
_RECALL: Final = "Macro recall"
#: Of a source: the dataset and the split.
_Source = tuple[MeasuredOn, str]


def table(folders: list[ModelFolder]) -> None:
    """Show accuracy, its interval, macro recall and the number of faces of each source.

    Args:
        folders: The models.
    """
    cards = [folder.card for folder in folders]
    prior = st.segmented_control(
        "Class prior",
        list(_PRIORS),
        format_func=_PRIORS.get,
        default="as-trained",
        required=True,
        key="models_sources_prior",
        help="How frequent the emotions are assumed to be. Figures of the literature are as "
        "trained; the pages use the recommended prior.",
    )
    sources = [
        source for source in _sources(cards) if any(_figures(card, source, prior) for card in cards)
    ]
    if not sources:
        st.caption("No model was measured with this class prior.")
        return
    found = {card.name: [_figures(card, source, prior) for source in sources] for card in cards}
    titles = _titles(sources, list(found.values()))
    rows = [
        {("", "Model"): name}
        | {
            (title, recall if what == _RECALL else what): cell
            for (title, recall), one in zip(titles, row, strict=True)
            for what, cell in _cells(one).items()
        }
        for name, row in found.items()
    ]
    frame = pd.DataFrame(rows)
    frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="–",
        height=min(405, 75 + 35 * len(frame)),
        key="models_sources",
        alt="Accuracy, 95 % interval and macro recall of each model on each source",
    )
    st.caption(
        "The 95 % interval is a bootstrap, over people where the dataset knows them, otherwise "
        "over faces. Sources say how far a figure carries over to other faces, and are never "
        "ranked against each other. 'Measure on a source…' at a model of this machine adds one."
    )


def _sources(cards: list[Card]) -> list[_Source]:
    found: list[_Source] = []
    for on in datasets(cards):
        splits = {one.split for card in cards for one in card.figures if one.measured_on == on}
        tests = [split for split in _TESTS if split in splits]
        found += [(on, split) for split in tests or sorted(splits & {"all"})]
    return found


def _figures(card: Card, source: _Source, prior: str) -> SourceFigures | None:
    found = card.figure(source[1], prior, on=source[0])
    return of_card(found) if found else None


def _titles(
    sources: list[_Source], rows: list[list[SourceFigures | None]]
) -> list[tuple[str, str]]:
    """Return the title of each source, and that of its macro recall."""
    titles = []
    for i, (on, split) in enumerate(sources):
        known = [row[i] for row in rows if row[i]]
        faces = max(one.n for one in known if one)
        people = max((one.persons or 0 for one in known if one), default=0)
        words = f"{on}, {split}: " if split != "all" else f"{on}: "
        words += f"{faces:,} faces" + (f", {people} people" if people else "")
        emotions = min(one.classes or len(EMOTIONS) for one in known if one)
        few = emotions < len(EMOTIONS)  # the others, which no face shows, do not count
        titles.append((words, f"{_RECALL} of {emotions} emotions" if few else _RECALL))
    return titles


def _cells(one: SourceFigures | None) -> dict[str, Any]:
    return {
        "Accuracy": f"{one.accuracy:.1%}" if one else None,
        "95 % interval": f"{one.low:.1%} to {one.high:.1%}" if one else None,
        _RECALL: f"{one.macro_recall:.1%}" if one and one.macro_recall is not None else None,
    }
