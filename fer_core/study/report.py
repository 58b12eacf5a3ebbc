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
    TERMS,
    Choice,
    Family,
    compare_events,
    compare_groups,
    quality_differences,
    summary,
)
from fer_core.study.folder import Study
from fer_core.study.measures import (
    IS_BASELINE,
    QUALITY_TITLES,
    exclusions,
    measures,
    per_participant,
    title,
    unknown_quality,
)
from fer_core.study.model import StudyError
from fer_core.study.samples import samples
from fer_core.study.tables import PARTICIPANT

#: What the report compares unless something else is chosen: the seven means and the valence index.
#: Every further one would be one more test to correct for.
MEASURES: Final = (*(f"mean_{emotion.lower()}" for emotion in EMOTIONS), "valence")

#: Titles of columns; others are named by whoever made the study.
_TITLES: Final = QUALITY_TITLES | {
    PARTICIPANT: "Participant", "recording": "Recording", "event": "Event", "onset": "From, s",
    "duration": "Duration, s", "reason": "Reason", "group": "Group", "age": "Age",
}  # fmt: skip
#: Rules of quality in words.
_RULES: Final = {
    "head_turn": "head turned by at most {:g}°", "face_width": "face at least {:g} pixels wide",
    "sharpness": "sharpness at least {:g}", "darkest": "brightness at least {:g}",
    "brightest": "brightness at most {:g}", "alone": "nobody else in the picture",
    "sure": "not unsure", "share": "at least {:.0%} of an event valid",
}  # fmt: skip
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
  max-width: 1150px; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
h3 { font-size: 1.05rem; margin-top: 1.5rem; }
/* Tables scroll within the page; a shadow at an edge says that more columns are there. */
.wide { overflow-x: auto; background: linear-gradient(90deg, #fff 30%, #fff0) 0 / 2rem 100%,
  linear-gradient(270deg, #fff 30%, #fff0) 100% / 2rem 100%,
  linear-gradient(90deg, #0003, #0000) 0 / .8rem 100%,
  linear-gradient(270deg, #0003, #0000) 100% / .8rem 100%; background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid #e3e7ec;
  vertical-align: top; white-space: nowrap; }
td.long { white-space: normal; min-width: 14rem; }
th { font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; }
.note { color: #59636e; } .say { border-left: 4px solid #e69f00; padding-left: .8rem; }
.faces { display: flex; flex-wrap: wrap; gap: .8rem; } .faces img { height: 120px; }
</style></head><body>
<h1>{{ study.name }}</h1>
<h2>Summary</h2>
{% for sentence in counts %}<p>{{ sentence }}</p>{% endfor %}
{% for sentence in differences %}<p class="say">{{ sentence }}</p>{% endfor %}
{% for name, family in families %}{% for sentence in family.summary %}
<p><strong>{{ sentence }}</strong></p>{% endfor %}{% endfor %}
<p class="note">An expression is not a feeling (Barrett et al. 2019). Results describe these
people for these stimuli; comparisons are exploratory.</p>
{% macro show(table) %}<div class="wide" tabindex="0"><table><tr>{% for name in table.columns %}
<th class="{{ 'n' if table.numbers[loop.index0] }}">{{ name }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr>{% for cell in row %}
<td class="{{ 'n' if table.numbers[loop.index0] else 'long' if cell | length > 40 }}">
{{- cell }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endmacro %}
<h2>Participants</h2>
{{ show(participants) }}
{% if faces %}<div class="faces">{% for name, picture in faces %}<figure>
<img src="data:image/jpeg;base64,{{ picture }}" alt="{{ name }}"><figcaption>{{ name }}</figcaption>
</figure>{% endfor %}</div>{% endif %}
<h2>Quality</h2>
<p class="note">Means over a participant's events. Valid to Unsure are percent of the time, the
head's turn is in degrees, the face's width in pixels, and brightness goes from 0 to 1.</p>
{{ show(quality) }}
{% for sentence in unknown %}<p class="note">{{ sentence }}</p>{% endfor %}
<h2>Left out</h2>
{% if left_out.rows %}{{ show(left_out) }}{% else %}<p>Nothing was left out.</p>{% endif %}
{% if baselines %}<p class="note">{{ baselines }}</p>{% endif %}
{% for sentence in problems %}<p class="note">{{ sentence }}</p>{% endfor %}
<h2>Events</h2>
{{ show(events) }}
<h2>Figures</h2>
<p class="note">Curves show the values as measured, not minus baseline, at every valid moment, also
of events that are left out of the measures. So their n, the most participants seen at one moment,
may be larger than that of a comparison. A bar below a curve of differences is a cluster of time in
which the same people differ (Maris and Oostenveld 2007; black: p at most 0.05). It says that the
curves differ, not exactly when.</p>
{% for name, picture in pictures %}<figure>{{ picture | safe }}</figure>{% endfor %}
<h2>Comparisons</h2>
{% for name, family in families %}<h3>{{ name }}</h3>
{% for sentence in family.sentences %}<p>{{ sentence }}</p>{% endfor %}
{{ show(family.table) }}{% else %}<p>There is nothing to compare.</p>{% endfor %}
{% if families %}<h3>Terms</h3>
<dl>{% for term, meaning in terms.items() %}<dt>{{ term }}</dt>
<dd>{{ meaning }}</dd>{% endfor %}</dl>
{% endif %}
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
    left_out = exclusions(table)
    is_baseline = left_out["reason"] == IS_BASELINE
    return _PAGE.render(
        study=study.file,
        counts=_counts(study, table),
        participants=_participants(study),
        faces=_faces(study) if faces else [],
        quality=_quality(table),
        differences=quality_differences(table, study.file.group),
        unknown=unknown_quality(table),
        left_out=_view(_titled(left_out[~is_baseline])),
        baselines=f"Besides, {is_baseline.sum()} events are the baseline."
        if any(is_baseline)
        else "",
        problems=study.problems(),
        events=_events(table, study.file.group),
        terms=TERMS,
        pictures=[
            (name, figures.to_svg(figure)) for name, figure in figures.all_of(study, people).items()
        ],
        families=[
            (
                name,
                {
                    "summary": summary(family),
                    "sentences": family.sentences,
                    "table": family_view(family),
                },
            )
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
        with suppress(StudyError):  # nothing is chosen, or there are no two groups or events
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


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns have titles instead of names."""
    return table.rename(columns=lambda name: _TITLES.get(name, str(name).replace("_", " ")))


def _counts(study: Study, table: pd.DataFrame) -> list[str]:
    counted = table["counted"]
    wanted = int((table["reason"] != IS_BASELINE).sum())
    people, recordings = study.participants.shape[0], len(study.file.recordings)
    return [
        f"The study has {people} participants with {recordings} recordings.",
        f"The results hold {counted.sum()} of {wanted} events, baselines aside, from "
        f"{table.loc[counted, PARTICIPANT].nunique()} of {people} participants.",
    ]


def _participants(study: Study) -> dict[str, Any]:
    table = study.participants.copy()
    counts = [sum(r.participant == c for r in study.file.recordings) for c in table[PARTICIPANT]]
    dates = [
        ", ".join(sorted({r.consent for r in study.file.recordings if r.participant == code}))
        for code in table[PARTICIPANT]
    ]
    return _view(_titled(table).assign(Recordings=counts, Consent=dates))


def _quality(table: pd.DataFrame) -> dict[str, Any]:
    found = table.groupby(PARTICIPANT, sort=False)[list(QUALITY_TITLES)].mean().reset_index()
    for name in QUALITY_TITLES:
        share = name.endswith("_share")
        found[name] = (found[name] * 100).round(0) if share else found[name].round(2)
    return _view(_titled(found))


def _events(table: pd.DataFrame, group: str) -> dict[str, Any]:
    """Return how many events of each name there are, and of how many people of each group."""
    groups = table.groupby("event", sort=False)
    counted = table[table["counted"]]
    found = pd.DataFrame(
        {
            "Events": groups.size(),
            "In the results": groups["counted"].sum(),
            "Participants in the results": counted.groupby("event")[PARTICIPANT].nunique(),
        }
    )
    if group in table:
        for name in sorted(set(table[group]) - {""}):
            mine = counted[counted[group] == name]
            found[f"Of group {name}"] = mine.groupby("event")[PARTICIPANT].nunique()
    found = found.fillna(0).astype(int)
    found["Mean seconds"] = groups["duration"].mean()
    return _view(found.rename_axis("Event").reset_index())


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
    quality = "; ".join(
        _RULES[name].format(value)
        for name, value in file.quality
        if value is not None and value is not False
    )
    rows = [
        ("Model", file.model),
        ("Class prior", file.class_prior),
        ("Frames a second", f"{file.fps:g}"),
        ("Detector", file.detector),
        ("Smoothing", f"{file.smoothing:g} s"),
        ("Threshold", f"{file.threshold:g}"),
        ("Baseline", file.baseline.in_words()),
        ("Valid frames and events", quality),
        ("Version", f"fer-core {__version__}, Python {sys.version.split()[0]}"),
    ]
    return _view(pd.DataFrame(rows, columns=["Setting", "Value"]))
