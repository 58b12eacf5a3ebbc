"""A video's result as one HTML file, with everything it needs inside."""

import base64
from typing import Any, Final

import jinja2
import plotly.graph_objects as go

from fer_core import timeline
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.face_labels import FaceLabel, latest
from fer_core.timeline import clock
from fer_core.video.result import VideoResult

#: Points of a curve at most.
POINTS: Final = 600

_PAGE: Final = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emotions in {{ name }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2530; background: #fff; margin: 2rem auto;
  max-width: 1000px; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .75rem .25rem 0; text-align: left; }
th { border-bottom: 1px solid #d6dce3; } td.n { text-align: right; }
.stills { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1rem; }
figure { margin: 0; } img { width: 100%; border-radius: 8px; }
figcaption, .small { color: #55606c; font-size: .9rem; }
</style></head><body>
<h1>Emotions in {{ name }}</h1>
<p>{{ words }}</p>
{% for problem in problems %}<p><strong>Note:</strong> {{ problem }}</p>{% endfor %}
{% if highlights %}<h2>Key moments</h2><div class="stills">
{% for one in highlights %}<figure><img src="{{ one.image }}" alt="{{ one.text }}">
<figcaption>{{ one.text }}</figcaption></figure>{% endfor %}</div>{% endif %}
{% for person in persons %}<h2>{{ person.name }}</h2>
<p>{{ person.words }}</p>{{ person.charts | safe }}{% endfor %}
{% macro listed(rows, one) %}<table><tr><th>time</th><th>who</th>
{% if one %}<th>emotion</th>{% else %}<th>from</th><th>to</th>{% endif %}<th>size</th></tr>
{% for c in rows %}<tr><td>{{ c.time }}</td><td>{{ c.name }}</td><td>{{ c.before }}</td>
{% if not one %}<td>{{ c.after }}</td>{% endif %}<td class="n">{{ c.size }}</td></tr>{% endfor %}
</table>{% endmacro %}
{% if changes or shifts %}<h2>Changes</h2>
{% if changes %}{{ listed(changes, false) }}{% else %}<p>Nobody's strongest emotion changed for
long.</p>{% endif %}
{% if shifts %}<details><summary>Shifts within one emotion ({{ shifts | length }})</summary>
{{ listed(shifts, true) }}</details>{% endif %}
<p class="small">Change points by {{ by.method }}, penalty {{ by.penalty }}, at least
{{ by.seconds_at_least }} s apart; size is the share of probability that moved.</p>{% endif %}
{% if labels %}<h2>Labels by hand</h2>
<table><tr><th>time</th><th>who</th><th>label</th><th>the model's answer</th></tr>
{% for one in labels %}<tr><td>{{ one.time }}</td><td>{{ one.who }}</td><td>{{ one.label }}</td>
<td>{{ one.answer }}</td></tr>{% endfor %}</table>{% endif %}
<h2>How it was made</h2>
<p class="small">{{ how }} An expression is not a feeling: this says what faces looked like to a
model, not what anybody felt.</p>
</body></html>"""
)


def to_html(result: VideoResult, stills: list[tuple[str, bytes]] | None = None) -> str:
    """Return the report: moments, curves, shares of time and changes, person by person.

    Args:
        result: see :func:`fer_core.video.analyze_video`.
        stills: pictures to begin with, as text and JPEG.
    """
    summary, table = result.summary(), result.smoothed()
    charts = _Charts()
    persons = [
        {
            "name": person["name"],
            "words": _shares_in_words(person),
            "charts": charts.of(table, person["person"], result.seconds),
        }
        for person in summary["persons"]
    ]
    options = result.options
    often = f"{options.fps:g} frames a second" if options.fps else "every frame"
    how = (
        f"{result.sampled_frames} frames were analysed ({often}) with the model {options.model} "
        f"and the detector {options.detector}. "
        f"Probabilities are averaged over {options.smoothing:g} s."
    )
    return _PAGE.render(
        name=result.info.name,
        words=timeline.in_words(summary),
        problems=result.problems,
        highlights=[
            {"text": text, "image": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}
            for text, jpeg in stills or []
        ],
        persons=persons,
        changes=[_in_row(change) for change in summary["change_points"]],
        shifts=[_in_row(shift) for shift in summary["shifts"]],
        by=summary["change_points_by"],
        labels=[_labelled(result, label) for label in latest(result.labels)],
        how=how,
    )


def _in_row(change: dict[str, Any]) -> dict[str, str]:
    return {
        "time": clock(change["time"]),
        "name": change["name"],
        "before": change["before"],
        "after": change["after"],
        "size": f"{change['size']:.0%}",
    }


def _labelled(result: VideoResult, label: FaceLabel) -> dict[str, str]:
    person = result.person_at(label.person, label.start)
    row = result.row_at(person, label.start)
    answer = f"{row['emotion']}, {row['confidence']:.0%}" if row else ""
    return {
        "time": clock(label.start),
        "who": result.name(person),
        "label": label.emotion,
        "answer": answer,
    }


def _shares_in_words(person: dict[str, Any]) -> str:
    shares = timeline.shares_in_words(person["shares"])
    return f"{clock(person['seconds'])} in view: {shares}."


class _Charts:
    """Charts as parts of a page; the first brings the library along."""

    def __init__(self) -> None:
        self._first = True

    def of(self, table: Any, person: int, seconds: float) -> str:
        """Return probabilities over time, stacked, and the stretches of one dominant emotion."""
        curve = timeline.curve(table, person, step=max(0.2, seconds / POINTS))
        curves, bars = go.Figure(), go.Figure()
        for emotion in EMOTIONS:
            curves.add_scatter(
                x=curve.index,
                y=curve[emotion],
                name=emotion,
                mode="lines",
                line={"width": 0.5, "color": COLORS[emotion]},
                stackgroup="all",
            )
        stretches = timeline.segments(table, end=seconds)
        stretches = stretches[stretches["person"] == person]
        for emotion, part in stretches.groupby("emotion"):
            bars.add_bar(
                x=part["end"] - part["start"],
                base=part["start"],
                y=["dominant"] * len(part),
                orientation="h",
                name=emotion,
                marker={"color": COLORS[str(emotion)]},
                text=[emotion] * len(part),
                showlegend=False,
            )
        curves.update_yaxes(title="Probability", range=[0, 1], tickformat=".0%")
        return self._html(curves, 280, seconds) + self._html(bars, 120, seconds, "Seconds")

    def _html(self, figure: go.Figure, height: int, seconds: float, title: str = "") -> str:
        figure.update_layout(
            height=height,
            template="plotly_white",
            barmode="overlay",
            # The same on both charts, so that their times lie below each other.
            margin={"l": 80, "r": 110, "t": 10, "b": 40 if title else 20, "autoexpand": False},
        )
        figure.update_xaxes(title=title or None, range=[0, max(seconds, 1)])
        library, self._first = self._first, False
        return figure.to_html(
            full_html=False, include_plotlyjs=library, config={"displaylogo": False}
        )
