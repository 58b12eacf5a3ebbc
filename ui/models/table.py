"""Every model in a table and a chart, and the card of one."""

import math
import re
from html import escape
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.models.card import NOT_FOR_PHOTOS, Card, MeasuredOn, datasets
from ui.common.open_row import OPEN, WORD, open_column
from ui.common.text import plain_values
from ui.services.models import ModelFolder, card_text, default_model

#: Key of the visit's state: how many models were opened with a button of the table.
_OPENED: Final = "models_opened"


def choose_dataset(folders: list[ModelFolder]) -> MeasuredOn | None:
    """Ask whose figures to show where models were measured on several datasets.

    Figures of different datasets say nothing of which model is better, so they never stand in
    one table or chart.
    """
    found = datasets((folder.card for folder in folders), ("PublicTest", "PrivateTest"))
    if len(found) < 2:
        return found[0] if found else None
    return st.selectbox(
        "Figures measured on",
        found,
        format_func=str,
        key="models_measured_on",
        persist_state="session",
        width=300,
        help="Models that were not measured on this dataset have no figures in the table. Their "
        "cards show all of theirs.",
    )


def rows(folders: list[ModelFolder], on: MeasuredOn | None) -> pd.DataFrame:
    """Return what is known of each model, with its figures on one dataset.

    Args:
        folders: The models.
        on: The dataset; ``None`` where no model was measured.
    """
    default = default_model()
    return pd.DataFrame([_row(folder, default, on) for folder in folders])


def _row(folder: ModelFolder, default: str, on: MeasuredOn | None) -> dict[str, Any]:
    card = folder.card
    public = card.figure("PublicTest", on=on) if on else None
    private = card.figure("PrivateTest", on=on) if on else None
    shown = private or public
    try:
        size = folder.served_bytes() / 1e6
    except ModelError:
        size = None  # a member is missing
    return {
        "name": card.name,
        OPEN: WORD,
        "default": card.name == default,
        "public": public.accuracy if public else None,
        "private": private.accuracy if private else None,
        "f1": shown.macro_f1 if shown else None,
        "emotions": (shown.classes or len(EMOTIONS)) if shown else None,
        "ece": shown.ece if shown else None,
        "mb": size,
        "ms": card.speed.ms_per_face if card.speed else None,
        "date": card.created,
        "data": ", ".join(dict.fromkeys(one.dataset for one in card.figures)),
        "title": f"{card.title}. {NOT_FOR_PHOTOS}" if card.drawn else card.title,
        "recipe": _recipe(card),
    }


def _recipe(card: Card) -> str:
    if card.members:
        return " + ".join(card.members)
    recipe = card.recipe
    if recipe is None:
        return ""
    epochs = card.training.epochs if card.training else recipe.epochs
    return (
        f"{recipe.optimizer} {recipe.learning_rate:g}, {recipe.schedule}, {epochs} epochs, "
        f"batch {recipe.batch_size}"
    )


def table(found: pd.DataFrame, chosen: list[str]) -> list[str]:
    """Show the table and return the names of the selected rows."""
    names = list(found["name"])
    times = st.session_state.get(_OPENED, 0)

    def open_one(row: int) -> None:
        st.session_state.update({"models_chosen": [names[row]], _OPENED: times + 1})

    number = st.column_config.NumberColumn
    shares = ["public", "private", "ece"]
    emotions = found["emotions"].min()  # the others, which no face shows, do not count
    f1 = f"F1 of {emotions:.0f} emotions" if emotions < len(EMOTIONS) else "F1"
    picked = st.dataframe(
        found.assign(**{name: 100 * found[name].astype(float) for name in shares}),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(n) for n in chosen if n in names]}},
        # A model that is opened is the only selected one of a new table.
        key=f"models_table_{hash(tuple(names))}_{times}",
        placeholder="–",
        height=min(405, 38 + 35 * len(found)),  # of more than ten, half a row shows
        column_config={
            "name": st.column_config.TextColumn("Model", pinned=True),
            OPEN: open_column("models_open", open_one),
            "default": st.column_config.CheckboxColumn("Default"),
            "public": number("PublicTest", format="%.2f%%"),
            "private": number("PrivateTest", format="%.2f%%"),
            "emotions": None,
            "f1": number(f1, format="%.3f", help="Macro F1, on PrivateTest where measured."),
            "ece": number("ECE", format="%.2f%%", help="Calibration error, likewise."),
            "mb": number("MB", format="%.1f"),
            "ms": number("ms/face", format="%.2f"),
            "date": "Date",
            "data": st.column_config.TextColumn("Measured on"),
            "title": "Description",
            "recipe": "Recipe",
        },
        alt="Models; select one for its card, two to compare them, several for an ensemble",
    )
    return [names[row] for row in picked.selection.rows if row < len(names)]


def chart(found: pd.DataFrame, on: MeasuredOn | None) -> None:
    """Show accuracy on one dataset against speed, the default marked."""
    shown = found.dropna(subset=["public", "ms"]).sort_values("ms")
    # In turns above and below: neighbours do not write over each other.
    places = ["top center", "bottom center"]
    shown = shown.assign(place=[places[i % 2] for i in range(len(shown))])
    figure = go.Figure()
    for is_default, behind, symbol, color in (
        (False, "", "circle", "#0072B2"),
        (True, ", the default", "star", "#D55E00"),
    ):
        part = shown[shown["default"] == is_default]
        figure.add_scatter(
            x=part["ms"],
            y=part["public"],
            text=part["name"] + behind,
            mode="markers+text",
            textposition=part["place"],
            marker={"size": 16 if is_default else 11, "symbol": symbol, "color": color},
            hovertemplate="%{text}: %{y:.1%}, %{x:.2f} ms per face<extra></extra>",
        )
    of = f"{escape(on.dataset)}'s " if on else ""
    figure.update_layout(
        title={"text": f"Accuracy on {of}PublicTest", "font": {"size": 15}},
        height=300,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
        uirevision="stays",
    )
    figure.update_xaxes(title="Milliseconds per face", type="log", dtick=1)
    if len(shown):
        low, high = shown["public"].min() - 0.03, shown["public"].max() + 0.03
        slow = math.log10(shown["ms"].max()), math.log10(shown["ms"].min())
        figure.update_yaxes(range=[low, high], tickformat=".0%")
        figure.update_xaxes(range=[slow[1] - 0.5, slow[0] + 0.5])
    words = ", ".join(f"{r['name']} {r.public:.0%} in {r.ms:.1f} ms" for _, r in shown.iterrows())
    st.plotly_chart(figure, key="models_chart", alt=words, config={"displaylogo": False})


def card(folder: ModelFolder) -> None:
    """Show the model's card, as its README has it."""
    # Without the README's first lines: the name stands above, and nobody writes a file here.
    shown = folder.card
    if not folder.ships:  # what others wrote is text, not Markdown
        shown = Card.model_validate(plain_values(shown.to_json()))
    text = "\n" + card_text(shown).split("\n\n", 2)[2]
    text = re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", text)  # to files beside it
    with st.container(height=480):
        st.markdown(text.replace("\n## ", "\n#### ").replace("\n### ", "\n##### "))
