"""Every model in a table and a chart, and the card of one."""

import math
import re
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from fer_core.errors import ModelError
from fer_core.models.card import Card
from ui.common.text import plain_values
from ui.services.models import ModelFolder, card_text, default_model


def rows(folders: list[ModelFolder]) -> pd.DataFrame:
    """What is known of each model; the default first says so."""
    default = default_model()
    return pd.DataFrame([_row(folder, default) for folder in folders])


def _row(folder: ModelFolder, default: str) -> dict[str, Any]:
    card = folder.card
    public, private = card.figure("PublicTest"), card.figure("PrivateTest")
    shown = private or public
    try:
        size = folder.served_bytes() / 1e6
    except ModelError:
        size = None  # a member is missing
    return {
        "name": card.name,
        "default": card.name == default,
        "public": public.accuracy if public else None,
        "private": private.accuracy if private else None,
        "f1": shown.macro_f1 if shown else None,
        "ece": shown.ece if shown else None,
        "mb": size,
        "ms": card.speed.ms_per_face if card.speed else None,
        "date": card.created,
        "data": shown.dataset if shown else "",
        "recipe": _recipe(card),
        "title": card.title,
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
    """The table; returns the names of the selected rows."""
    names = list(found["name"])
    number = st.column_config.NumberColumn
    shares = ["public", "private", "ece"]
    picked = st.dataframe(
        found.assign(**{name: 100 * found[name].astype(float) for name in shares}),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(n) for n in chosen if n in names]}},
        key=f"models_table_{hash(tuple(names))}",
        placeholder="–",
        height=min(405, 38 + 35 * len(found)),  # of more than ten, half a row shows
        column_config={
            "name": st.column_config.TextColumn("Model", pinned=True),
            "default": st.column_config.CheckboxColumn("Default"),
            "public": number("PublicTest", format="%.2f%%"),
            "private": number("PrivateTest", format="%.2f%%"),
            "f1": number("F1", format="%.3f", help="Macro F1, on PrivateTest where measured."),
            "ece": number("ECE", format="%.2f%%", help="Calibration error, likewise."),
            "mb": number("MB", format="%.1f"),
            "ms": number("ms/face", format="%.2f"),
            "date": "Date",
            "data": "Data",
            "recipe": "Recipe",
            "title": "Network",
        },
        alt="Models; select one for its card, two to compare them, several for an ensemble",
    )
    return [names[row] for row in picked.selection.rows if row < len(names)]


def chart(found: pd.DataFrame) -> None:
    """Accuracy against speed, the default marked."""
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
    figure.update_layout(
        title={"text": "Accuracy on PublicTest against time per face", "font": {"size": 15}},
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
    """The model's card, as its README has it."""
    # Without the README's first lines: the name stands above, and nobody writes a file here.
    shown = folder.card
    if not folder.ships:  # what others wrote is text, not Markdown
        shown = Card.model_validate(plain_values(shown.to_json()))
    text = "\n" + card_text(shown).split("\n\n", 2)[2]
    text = re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", text)  # to files beside it
    with st.container(height=480):
        st.markdown(text.replace("\n## ", "\n#### ").replace("\n### ", "\n##### "))
