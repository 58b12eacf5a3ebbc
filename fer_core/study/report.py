"""A study as one HTML file, with everything it needs inside and without faces unless asked for."""

import base64
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import jinja2
import numpy as np
import pandas as pd

from fer_core import __version__
from fer_core.emotions import EMOTIONS
from fer_core.study import figures
from fer_core.study.agreement import face_picture
from fer_core.study.compare import (
    Choice,
    Family,
    compare_events,
    compare_groups,
    quality_differences,
)
from fer_core.study.folder import Study
from fer_core.study.measures import exclusions, measures, per_participant, title
from fer_core.study.model import StudyError
from fer_core.study.samples import samples
from fer_core.study.tables import PARTICIPANT

#: What the report compares unless something else is chosen: the seven means and the valence index.
#: Every further one would be one more test to correct for.
MEASURES: Final = (*(f"mean_{emotion.lower()}" for emotion in EMOTIONS), "valence")

#: Said in a report whose comparisons somebody chose.
CHOSEN: Final = (
    "These comparisons were chosen on the page. The correction covers them, and none that were "
    "looked at besides."
)

_PAGE: Final = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ study.name }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2530; background: #fff; margin: 2rem auto;
  max-width: 1000px; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
h3 { font-size: 1.05rem; margin-top: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid #e3e7ec;
  vertical-align: top; }
th { font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; }
.note { color: #59636e; } .say { border-left: 4px solid #e69f00; padding-left: .8rem; }
.faces { display: flex; flex-wrap: wrap; gap: .8rem; } .faces img { height: 120px; }
</style></head><body>
<h1>{{ study.name }}</h1>
<p>{{ counts }}</p>
<p class="note">An expression is not a feeling (Barrett et al. 2019). Results describe these
people for these stimuli; comparisons are exploratory.</p>
{% macro show(table) %}<div class="wide"><table><tr>{% for name in table.columns %}
<th class="{{ 'n' if table.numbers[loop.index0] }}">{{ name }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr>{% for cell in row %}
<td class="{{ 'n' if table.numbers[loop.index0] }}">{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endmacro %}
<h2>Participants</h2>
{{ show(participants) }}
{% if faces %}<div class="faces">{% for name, picture in faces %}<figure>
<img src="data:image/jpeg;base64,{{ picture }}" alt="{{ name }}"><figcaption>{{ name }}</figcaption>
</figure>{% endfor %}</div>{% endif %}
<h2>Quality</h2>
{{ show(quality) }}
{% for sentence in differences %}<p class="say">{{ sentence }}</p>{% endfor %}
<h2>Left out</h2>
{% if left_out.rows %}{{ show(left_out) }}{% else %}<p>Nothing was left out.</p>{% endif %}
{% for sentence in problems %}<p class="note">{{ sentence }}</p>{% endfor %}
<h2>Events</h2>
{{ show(events) }}
<h2>Figures</h2>
{% for name, picture in pictures %}<figure>{{ picture | safe }}</figure>{% endfor %}
<h2>Comparisons</h2>
{% for name, family in families %}<h3>{{ name }}</h3>
{% for sentence in family.sentences %}<p>{{ sentence }}</p>{% endfor %}
{{ show(family.table) }}{% else %}<p>There is nothing to compare.</p>{% endfor %}
<h2>Settings</h2>
{{ show(settings) }}
</body></html>
"""
)


def to_html(study: Study, *, faces: bool = False, choice: Choice | None = None) -> str:
    """Return the report of a study.

    Args:
        study: The study.
        faces: Show a picture of each participant; without, nobody is to be seen.
        choice: The comparisons that it shows; without, those of :data:`MEASURES`.

    Raises:
        StudyError: A file of the study is damaged.
    """
    table = measures(study)
    people = per_participant(table)
    return _PAGE.render(
        study=study.file,
        counts=_counts(study, table),
        participants=_participants(study),
        faces=_faces(study) if faces else [],
        quality=_quality(table),
        differences=quality_differences(people, study.file.group),
        left_out=_view(exclusions(table)),
        problems=study.problems(),
        events=_events(table),
        pictures=[
            (name, figures.to_svg(figure)) for name, figure in figures.all_of(study, people).items()
        ],
        families=[
            (name, {"sentences": family.sentences, "table": family_view(family)})
            for name, family in families(study, people, choice)
        ],
        settings=_settings(study),
    )


def families(
    study: Study, people: pd.DataFrame, choice: Choice | None = None
) -> list[tuple[str, Family]]:
    """Return the comparisons of the report.

    Args:
        study: The study.
        people: What :func:`fer_core.study.measures.per_participant` gave.
        choice: The only family; without, groups in every event, and events of each person.
    """
    found = []
    paired = "Events, each person with themselves"
    if choice is not None:
        with suppress(StudyError):  # no two groups, or no two events
            family = choice.compare(people, study.file.group)
            family = replace(family, sentences=(*family.sentences, CHOSEN))
            found.append((paired if choice.paired else "Groups", family))
        return found
    with suppress(StudyError):  # a study of one group
        found.append(("Groups", compare_groups(people, MEASURES, column=study.file.group)))
    events = list(dict.fromkeys(people["event"]))
    if 2 <= len(events) <= 6:
        family = compare_events(people, MEASURES, events)
        if any(one.n_a >= 2 for one in family.comparisons):
            found.append((paired, family))
    return found


def family_view(family: Family) -> dict[str, Any]:
    """Return a family of comparisons as a table of text, the main columns first."""
    several = len({(one.a, one.b) for one in family.comparisons}) > 1
    rows = []
    for one in family.comparisons:
        row = {"Groups": f"{one.a} – {one.b}"} if several and not one.paired else {}
        # Of several pairs each has names of its own.
        first, second = ("first", "second") if several else (one.a, one.b)
        row |= {
            "Event": one.event,
            "Measure": title(one.measure, family.minus_baseline),
            "Difference": _number(one.difference[0]),
            "p (Holm)": _number(one.p_corrected, 4),
            "p": _number(one.p, 4),
            "n": str(one.n_a) if one.paired else f"{one.n_a} and {one.n_b}",
            f"Mean of {first}": _number(one.mean_a[0]),
            f"Mean of {second}": _number(one.mean_b[0]),
            "Difference (95 %)": _estimate(one.difference),
            "d_z (95 %)" if one.paired else "Hedges' g (95 %)": _estimate(one.effect, 2),
        }
        if not one.paired:
            row["Cliff's delta (95 %)"] = _estimate(one.delta, 2)
        if one.note.startswith("not tested"):
            row["p (Holm)"] = "not tested"
        rows.append(row)
    return _view(pd.DataFrame(rows))


def _estimate(value: tuple[float, float, float] | None, decimals: int = 3) -> str:
    if value is None or not np.isfinite(value[0]):
        return "–"
    numbers = [_number(part, decimals) for part in value]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]})"


def _number(value: float | None, decimals: int = 3) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.{decimals}f}"


def _view(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as text, and which of its columns hold numbers."""
    numbers = [pd.api.types.is_numeric_dtype(table[name]) for name in table]
    rows = [
        [
            ("–" if pd.isna(cell) else f"{cell:.3f}".rstrip("0").rstrip("."))
            if isinstance(cell, float)
            else str(cell)
            for cell in row
        ]
        for row in table.itertuples(index=False)
    ]
    return {"columns": [str(name) for name in table], "rows": rows, "numbers": numbers}


def _counts(study: Study, table: pd.DataFrame) -> str:
    counted = table[table["counted"]]
    return (
        f"{study.participants.shape[0]} participants, {len(study.file.recordings)} recordings, "
        f"{len(table)} events, of which {len(counted)} of "
        f"{counted[PARTICIPANT].nunique()} participants are in the results."
    )


def _participants(study: Study) -> dict[str, Any]:
    table = study.participants.copy()
    counts = [sum(r.participant == c for r in study.file.recordings) for c in table[PARTICIPANT]]
    dates = [
        ", ".join(sorted({r.consent for r in study.file.recordings if r.participant == code}))
        for code in table[PARTICIPANT]
    ]
    return _view(table.assign(recordings=counts, consent=dates))


def _quality(table: pd.DataFrame) -> dict[str, Any]:
    wanted = ["valid_share", "present_share", "several_share", "head_turn", "face_width",
              "sharpness", "brightness", "unsure_share"]  # fmt: skip
    found = table.groupby(PARTICIPANT, sort=False)[wanted].mean().reset_index()
    return _view(found)


def _events(table: pd.DataFrame) -> dict[str, Any]:
    groups = table.groupby("event", sort=False)
    found = pd.DataFrame(
        {
            "events": groups.size(),
            "counted": groups["counted"].sum(),
            "participants": table[table["counted"]].groupby("event")[PARTICIPANT].nunique(),
            "seconds, mean": groups["duration"].mean(),
        }
    )
    return _view(found.fillna({"participants": 0}).astype({"participants": int}).reset_index())


def _faces(study: Study) -> list[tuple[str, str]]:
    """Return a picture of each participant, from the most certain moment of their first
    recording.
    """
    found: dict[str, str] = {}
    for one in study.file.recordings:
        if one.participant in found or study.video(one) is None:
            continue
        probabilities = samples(study, one).probabilities
        if not np.isfinite(probabilities).any():
            continue
        place = int(np.nanargmax(np.nan_to_num(probabilities).max(axis=1)))
        picture = face_picture(study, one, float(samples(study, one).time[place]))
        if picture:
            found[one.participant] = base64.b64encode(picture).decode()
    return list(found.items())


def _settings(study: Study) -> dict[str, Any]:
    file = study.file
    quality = ", ".join(
        f"{name} {value}"
        for name, value in file.quality
        if value is not None and value is not False
    )
    baseline = file.baseline
    words = {
        "none": "none",
        "event": f"event {baseline.event}",
        "recording": f"recording {baseline.task}",
        "window": f"{baseline.seconds:g} s before each event",
    }
    rows = [
        ("Model", file.model),
        ("Class prior", file.class_prior),
        ("Frames a second", f"{file.fps:g}"),
        ("Detector", file.detector),
        ("Smoothing", f"{file.smoothing:g} s"),
        ("Threshold", f"{file.threshold:g}"),
        ("Baseline", words[baseline.kind]),
        ("Valid frames and events", quality),
        ("Version", f"fer-core {__version__}, Python {sys.version.split()[0]}"),
    ]
    return _view(pd.DataFrame(rows, columns=["Setting", "Value"]))
