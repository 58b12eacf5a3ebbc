"""Charts of an evaluation, as plotly figures.

Shared by the command line, which saves them, and by pages, which show them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.emotions import COLORS, EMOTIONS
from fer_core.files import ExportFolder, cannot_write

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from fer_core.analysis import EmotionCount

_BLUE: Final = "#0072B2"


def confusion(matrix: Sequence[Sequence[int]]) -> "go.Figure":
    """Return the confusion matrix: rows are labels, columns predictions, colour is a row's share.

    Args:
        matrix: 7×7 counts, see :class:`fer_core.evaluation.Evaluation`.
    """
    import plotly.graph_objects as go

    counts = np.array(matrix)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    words = [
        [f"{s:.0%}<br>{n}" for s, n in zip(shares, numbers, strict=True)]
        for shares, numbers in zip(share, counts, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=EMOTIONS,
            y=EMOTIONS,
            customdata=counts,
            text=words,
            texttemplate="%{text}",
            zmin=0,
            zmax=1,
            colorscale="Blues",
            colorbar={"title": "of the label", "tickformat": ".0%"},
            hovertemplate="%{y} taken for %{x}: %{customdata} faces, %{z:.0%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="predicted")
    figure.update_yaxes(title="label", autorange="reversed")
    return figure


def emotion_shares(counts: Sequence["EmotionCount"]) -> "go.Figure":
    """Draw the shares of the emotions among the faces of several pictures, in the emotions'
    colours.

    Args:
        counts: As :func:`fer_core.analysis.count_emotions` gives them.
    """
    import plotly.graph_objects as go

    total = max(1, sum(one.faces for one in counts))
    figure = go.Figure(
        go.Bar(
            x=[one.faces / total for one in counts],
            y=[one.emotion for one in counts],
            orientation="h",
            marker_color=[COLORS[one.emotion] for one in counts],
            customdata=[one.faces for one in counts],
            text=[f"{one.faces / total:.0%}" for one in counts],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{customdata} faces, %{x:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="Share of the faces", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(title="Emotions of the faces")
    return figure


def reliability(bins: Sequence[dict[str, Any]]) -> "go.Figure":
    """Return accuracy by confidence; on the diagonal a model is as often right as it says.

    Args:
        bins: as :func:`fer_core.evaluation.details` gives them.
    """
    import plotly.graph_objects as go

    full = [b for b in bins if b["n"]]
    total = sum(b["n"] for b in full)
    figure = go.Figure(
        [
            go.Bar(
                x=[(b["low"] + b["high"]) / 2 for b in full],
                y=[b["accuracy"] for b in full],
                width=[b["high"] - b["low"] for b in full],
                marker={"color": _BLUE, "line": {"width": 1, "color": "white"}},
                customdata=[(b["n"], b["n"] / total, b["confidence"]) for b in full],
                hovertemplate="%{customdata[0]} faces (%{customdata[1]:.0%}): confidence "
                "%{customdata[2]:.1%}, accuracy %{y:.1%}<extra></extra>",
                name="accuracy",
            ),
            go.Scatter(
                x=[0, 1],
                y=[0, 1],
                mode="lines",
                line={"dash": "dash", "color": "#8C8C8C"},
                name="honest",
                hoverinfo="skip",
            ),
        ]
    )
    figure.update_xaxes(title="confidence", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(title="accuracy", range=[0, 1], tickformat=".0%")
    figure.update_layout(legend={"orientation": "h", "y": 1.1})
    return figure


def per_class(rows: dict[str, dict[str, float | None]]) -> "go.Figure":
    """Return precision, recall and F1 of each emotion.

    Args:
        rows: see :class:`fer_core.evaluation.Evaluation`.
    """
    import plotly.graph_objects as go

    shades = {"precision": "#56B4E9", "recall": _BLUE, "f1": "#8C8C8C"}
    figure = go.Figure(
        [
            go.Bar(
                x=list(rows),
                y=[row[key] for row in rows.values()],
                name={"f1": "F1"}.get(key, key),
                marker_color=shade,
                hovertemplate="%{x}: %{y:.2f}",
            )
            for key, shade in shades.items()
        ]
    )
    figure.update_yaxes(range=[0, 1])
    figure.update_layout(barmode="group", legend={"orientation": "h", "y": 1.1})
    return figure


def conditions(clean: float, under: dict[str, float]) -> "go.Figure":
    """Return accuracy under hard conditions beside that on the faces as they are.

    Args:
        clean: accuracy on the faces as they are, 0 to 1.
        under: condition → accuracy.
    """
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Bar(
            x=list(under.values()),
            y=list(under),
            orientation="h",
            marker_color=_BLUE,
            text=[f"{value:.1%} ({100 * (value - clean):+.1f})" for value in under.values()],
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    figure.add_vline(x=clean, line_dash="dash", line_color="#8C8C8C", annotation_text="clean")
    figure.update_xaxes(title="accuracy", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    return figure


def mistakes(faces: np.ndarray, rows: Sequence[dict[str, Any]], across: int = 6) -> "go.Figure":
    """Return a sheet of the faces that a model is surest to know, wrongly.

    Args:
        faces: ``(N, 48, 48)`` ``uint8``: those that were evaluated.
        rows: as :func:`fer_core.evaluation.details` gives them.
        across: faces in a row.
    """
    import plotly.graph_objects as go

    side, gap = faces.shape[1], 22
    down = max(1, -(-len(rows) // across))
    sheet = np.full((down * (side + gap), across * (side + 8), 3), 255, np.uint8)
    notes = []
    for number, row in enumerate(rows):
        y, x = number // across * (side + gap), number % across * (side + 8)
        sheet[y : y + side, x : x + side] = faces[row["index"]][..., None]
        notes.append(
            {
                "x": x + side / 2,
                "y": y + side + gap / 2 - 1,
                "text": f"{row['label']}, taken for<br>"
                f"<span style='color:{COLORS[row['predicted']]}'>■</span> "
                f"{row['predicted']} {row['confidence']:.0%}",
                "showarrow": False,
                "font": {"size": 11},
            }
        )
    figure = go.Figure(go.Image(z=sheet, hoverinfo="skip"))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(
        annotations=notes,
        width=across * 140,
        height=down * 170,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
    )
    return figure


def save(figures: dict[str, "go.Figure"], folder: ExportFolder) -> list[Path]:
    """Write each figure as a page of its own, which needs no network.

    Args:
        figures: By the name of the file.
        folder: Where.

    Returns:
        The pages; ``plotly.min.js``, which they share, lies beside them.

    Raises:
        FerError: The folder cannot be written.
    """
    folder.begin([*(f"{name}.html" for name in figures), "plotly.min.js"])
    paths = []
    try:
        for name, figure in figures.items():
            paths.append(folder.path / f"{name}.html")
            figure.write_html(paths[-1], include_plotlyjs="directory")
    except OSError as error:
        raise cannot_write(folder.path, error) from error
    folder.finish()
    return paths
