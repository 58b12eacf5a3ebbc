"""The emotions of all pictures together: counts, shares, their chart, and both as files."""

from typing import Any, Final

import jinja2
import streamlit as st

from fer_core import charts
from fer_core.analysis import EmotionCount, count_emotions
from fer_core.table import to_csv
from ui.common.pictures import Result
from ui.images.results import in_words

_PAGE: Final = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emotions in pictures</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2530; background: #fff; margin: 2rem auto;
  max-width: 800px; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .25rem 1rem .25rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { border-bottom: 1px solid #d6dce3; }
</style></head><body>
<h1>Emotions in pictures</h1>
<p>{{ words }}</p>
{{ chart | safe }}
<table><tr><th>Emotion</th><th>Faces</th><th>Share</th>
{% if labelled %}<th>Faces, model's answer</th>{% endif %}</tr>
{% for one in counts %}<tr><td>{{ one.emotion }}</td><td>{{ one.faces }}</td>
<td>{{ "%.0f %%" | format(100 * one.faces / total) }}</td>
{% if labelled %}<td>{{ one.by_model }}</td>{% endif %}</tr>{% endfor %}</table>
<p>{{ how }} An expression is not a feeling: this says what faces look like to a model, not what
anybody feels.</p>
</body></html>"""
)


def summary(results: list[Result]) -> None:
    """Show how many faces show which emotion, as a chart and as a table."""
    counts = _counts(results)
    total = sum(one.faces for one in counts)
    if not total:
        st.info("No face was found in these pictures.", icon=":material/search_off:")
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = charts.emotion_shares(counts)
        figure.update_layout(height=340, margin={"l": 8, "r": 40, "t": 40, "b": 8})
        words = ", ".join(f"{one.emotion} {one.faces / total:.0%}" for one in counts)
        st.plotly_chart(
            figure,
            key="images_shares",
            alt=f"Shares of the emotions among {total} faces: {words}",
            config={"displaylogo": False},
        )
    with right:
        columns: dict[str, list[Any]] = {
            "Emotion": [one.emotion for one in counts],
            "Faces": [one.faces for one in counts],
            "Share": [one.faces / total for one in counts],
        }
        if _labelled(results):
            columns["Model's answer"] = [one.by_model for one in counts]
        st.dataframe(
            columns,
            hide_index=True,
            column_config={"Share": st.column_config.NumberColumn(format="percent")},
            alt="Faces and shares per emotion",
        )
        if _labelled(results):
            st.caption("Of a face that you labelled, your label counts.")


def summary_csv(results: list[Result]) -> str:
    """Return counts and shares per emotion as CSV."""
    counts = _counts(results)
    total = max(1, sum(one.faces for one in counts))
    return to_csv(
        {
            "emotion": [one.emotion for one in counts],
            "faces": [one.faces for one in counts],
            "share": [one.faces / total for one in counts],
            "faces_by_model": [one.by_model for one in counts],
            "share_by_model": [one.by_model / total for one in counts],
        }
    )


def summary_html(results: list[Result]) -> str:
    """Return counts, shares and their chart as a page that needs no network."""
    counts = _counts(results)
    made = sorted(
        {
            (r.analysis.model, r.analysis.detector, r.analysis.class_prior)
            for r in results
            if r.found
        }
    )
    by = "; ".join(f"model {m}, detector {d}, class prior {p}" for m, d, p in made)
    return _PAGE.render(
        words=in_words(results),
        chart=charts.emotion_shares(counts).to_html(
            full_html=False, include_plotlyjs=True, config={"displaylogo": False}
        ),
        counts=counts,
        total=max(1, sum(one.faces for one in counts)),
        labelled=_labelled(results),
        how=f"Read by {by}." if by else "",
    )


def _counts(results: list[Result]) -> list[EmotionCount]:
    return count_emotions(face for r in results if r.analysis for face in r.analysis.faces)


def _labelled(results: list[Result]) -> bool:
    return any(face.corrected for r in results if r.analysis for face in r.analysis.faces)
