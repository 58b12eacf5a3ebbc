"""``study``: compare people, stimuli and groups."""

from pathlib import Path
from typing import Any

import click

from fer_core.cli.common import (
    ANY_PATH,
    FILE,
    FOLDER,
    class_prior_option,
    json_option,
    model_option,
    note,
    overwrite_files_option,
    print_json,
    prior_strength_option,
    status,
)
from fer_core.cli.study_results import (
    agreement,
    content_of,
    export,
    open_study,
    pack,
    report,
    say,
    unpack,
    verify,
)
from fer_core.errors import FerError
from fer_core.files import check_outputs, printable, write_output

#: Repeated here so that the help needs no package of the extra.
_SETTINGS = ("research", "work", "education", "medical", "other")


@click.group("study")
def command() -> None:
    """Compare people, stimuli and groups: a study is a folder of recordings and events."""


for _command in (agreement, verify, report, export, pack, unpack):
    command.add_command(_command)


@command.command("new")
@click.argument("folder", type=FOLDER)
@click.option("--name", help="Name of the study; by default that of the folder.")
@model_option
@class_prior_option
@prior_strength_option
@click.option("--fps", type=click.FloatRange(0), default=5.0, show_default=True,
              help="Frames a second to sample.")  # fmt: skip
@click.option("--smoothing", type=click.FloatRange(0, 60), default=0.5, show_default=True,
              help="Seconds over which probabilities are averaged.")  # fmt: skip
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              default=0.5, show_default=True,
              help="Probability above which an emotion counts as shown.")  # fmt: skip
@click.option("--pattern", default="{participant}_{group}_{stimulus}", show_default=True,
              help="How file names are read.")  # fmt: skip
@click.option("--baseline", metavar="none|event:NAME|recording:TASK|window:SECONDS",
              default="none", help="What means are compared with.")  # fmt: skip
@json_option
def new(
    folder: Path,
    name: str | None,
    model: str | None,
    class_prior: str | None,
    prior_strength: float | None,
    baseline: str,
    pattern: str,
    as_json: bool,
    **how: Any,
) -> None:
    """Create a study in a new folder."""
    from fer_core.class_prior import parse
    from fer_core.study.folder import Study
    from fer_core.study.model import parse_baseline
    from fer_core.study.patterns import compile_pattern

    compile_pattern(pattern)
    study = Study.create(
        folder, name or folder.resolve().name, model=model,
        class_prior=str(parse(class_prior, prior_strength)), pattern=pattern,
        baseline=parse_baseline(baseline), **how,
    )  # fmt: skip
    words = f"{printable(folder)}: {study.file.name}, {study.file.model}, {study.file.class_prior}"
    say(study.file.model_dump(by_alias=True), words, as_json)


@command.command("settings")
@click.argument("folder", type=FOLDER)
@model_option
@class_prior_option
@prior_strength_option
@click.option("--smoothing", type=click.FloatRange(0, 60),
              help="Seconds over which probabilities are averaged.")  # fmt: skip
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Probability above which an emotion counts as shown.")  # fmt: skip
@click.option("--baseline", metavar="none|event:NAME|recording:TASK|window:SECONDS",
              help="What means are compared with.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Videos at the same time; one per core.")
@json_option
def change(
    folder: Path,
    model: str | None,
    class_prior: str | None,
    prior_strength: float | None,
    baseline: str | None,
    jobs: int | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Show the settings of a study, or change those that are given.

    Another model or class prior analyses every video of the study again. The study stays as it was
    until all are done, and the same command goes on where it was interrupted.
    """
    from fer_core.class_prior import parse
    from fer_core.study.model import parse_baseline
    from fer_core.study.reanalysis import replace_model

    study = open_study(folder)
    given = {name: value for name, value in values.items() if value is not None}
    if baseline is not None:
        given["baseline"] = parse_baseline(baseline)
    if model or class_prior or prior_strength is not None:
        prior = class_prior or study.file.class_prior
        replace_model(
            study, model or study.file.model, str(parse(prior, prior_strength)), workers=jobs,
            progress=lambda share: status(f"{share:.0%}"),
        )  # fmt: skip
        status("")
    if given:
        with study.editing():
            for name, value in given.items():
                setattr(study.file, name, value)
    file = study.file
    words = f"{file.name}: model {file.model}, class prior {file.class_prior}, {file.in_words()}"
    say(file.model_dump(by_alias=True), words, as_json)


@command.command("example")
@click.argument("folder", type=FOLDER)
@json_option
def example(folder: Path, as_json: bool) -> None:
    """Create the example study: drawn people of two groups, who differ in what is known."""
    from fer_core.study.example import create

    study = create(folder, lambda share: status(f"{share:.0%}"))
    status("")
    words = f"{printable(folder)}: {len(study.file.recordings)} recordings of drawn people"
    say(study.file.model_dump(by_alias=True), words, as_json)


@command.command("add")
@click.argument("folder", type=FOLDER)
@click.argument("paths", nargs=-1, type=ANY_PATH)
@click.option("--consent", metavar="DATE", help="Date on which the participants consented.")
@click.option("--setting", type=click.Choice(_SETTINGS), help="In which they were recorded.")
@click.option("--pattern", help="How file names are read; by default the study's pattern.")
@click.option("--participant", help="Whose recording it is, instead of what the name says.")
@click.option("--group", help="Their group, instead of what the name says.")
@click.option("--task", help="Stimulus or task, instead of what the name says.")
@click.option("--session", type=int, metavar="ID", help="Add a saved live session.")
@click.option(
    "--correct-delay", is_flag=True,
    help="With --session: correct the times of stimuli by the measured delay of the camera.",
)  # fmt: skip
@click.option("--copy", is_flag=True, help="Keep copies of the videos in the study's folder.")
@click.option(
    "--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Where several videos are analysed.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster.")
@click.option("--jobs", type=click.IntRange(1), help="Videos at the same time; one per core.")
@json_option
def add(
    folder: Path,
    paths: tuple[Path, ...],
    consent: str | None,
    setting: str | None,
    pattern: str | None,
    participant: str | None,
    group: str | None,
    task: str | None,
    session: int | None,
    correct_delay: bool,
    copy: bool,
    engine: str,
    scheduler: str | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Analyse videos and add them; folders are walked, and what the study has is skipped.

    Without the date of the participants' consent and the setting nothing is analysed. The same
    command goes on where it was interrupted.
    """
    from dataclasses import replace

    from fer_core.study.adding import add_videos, plan
    from fer_core.study.model import NOTICE
    from fer_core.study.recordings import check_consent

    if consent is None or setting is None:
        raise FerError(
            "Without the participants' consent nothing is analysed: give --consent DATE and "
            f"--setting {'|'.join(_SETTINGS)}."
        )
    check_consent(consent, setting)
    if setting in ("work", "education"):
        note(NOTICE)
    study = open_study(folder)
    if session is not None:
        _add_session(
            study, session, participant, consent, setting, group, task, correct_delay, as_json
        )  # fmt: skip
        return
    from fer_core.video import walk_videos

    videos = list(dict.fromkeys(walk_videos(list(paths)))) if paths else []
    if not videos:
        raise FerError("Name the videos to add, or a folder of videos.")
    planned = []
    for one in plan(study, videos, pattern):
        name = one.name
        name = replace(name, participant=participant) if participant else name
        name = replace(name, stimulus=task) if task else name
        name = replace(name, columns=name.columns | {study.file.group: group}) if group else name
        planned.append(replace(one, name=name))
        if not name.matched and not participant:
            note(
                f"{printable(one.path.name)} does not fit the pattern "
                f"{pattern or study.file.pattern}: its whole name is the participant."
            )
    failed, rows = [], []
    added = add_videos(
        study, planned, consent=consent, setting=setting, copy=copy, engine=engine,
        scheduler=scheduler, workers=jobs,
    )  # fmt: skip
    for one, outcome in added:
        if isinstance(outcome, str):
            failed.append(outcome)
            rows.append({"path": printable(one.path), "error": outcome})
            note(f"{printable(one.path)}: {outcome}")
            continue
        rows.append({"path": printable(one.path), "recording": outcome.id,
                     "participant": outcome.participant, "task": outcome.task})  # fmt: skip
        if not as_json:
            there = "is in the study as" if one.known else "→"
            click.echo(f"{printable(one.path)} {there} {outcome.id}: {outcome.participant}")
    if as_json:
        print_json(rows)
    if failed:
        raise FerError(f"{len(failed)} of {len(planned)} videos failed. {failed[0]}")


def _add_session(
    study: Any,
    session: int,
    participant: str | None,
    consent: str,
    setting: str,
    group: str | None,
    task: str | None,
    correct_delay: bool,
    as_json: bool,
) -> None:
    from fer_core.live import saved
    from fer_core.study.recordings import add_session

    if not participant:
        raise FerError("Say whose session it is: --participant CODE.")
    table = saved.load_session(session)
    saved_session = next((one for one in saved.list_sessions() if one.id == session), None)
    name = saved_session.name if saved_session else str(session)
    one = add_session(
        study, table, name, participant, consent=consent, setting=setting,
        columns={study.file.group: group} if group else None, task=task or "",
        about=saved_session.about if saved_session else {}, correct_delay=correct_delay,
    )  # fmt: skip
    say(one.model_dump(), f"Session {name} → {one.id}: {one.participant}", as_json)


@command.command("remove")
@click.argument("folder", type=FOLDER)
@click.argument("participant")
@json_option
def remove(folder: Path, participant: str, as_json: bool) -> None:
    """Delete a participant from the study's folder; nothing outside of it is touched."""
    from fer_core.study import queue

    study = open_study(folder)
    count = sum(one.participant == participant for one in study.file.recordings)
    queue.remove_participant(study, participant)
    words = f"{printable(participant)} is deleted, with {count} recordings."
    say({"participant": participant, "recordings": count}, words, as_json)


@command.command("events")
@click.argument("folder", type=FOLDER)
@click.argument("file", required=False, type=FILE)
@click.option("--recording", help="Whose events they are; by default what the table or the name of "
              "the file says, or else every recording's.")  # fmt: skip
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME",
              help="Which column is onset, duration, end, trial_type or recording.")  # fmt: skip
@click.option("--unit", type=click.Choice(["s", "ms"]), default="s", help="Of the table's times.")
@click.option("--offset", type=float, default=0.0,
              help="Seconds of the recording at which the file's clock says 0.")  # fmt: skip
@click.option("--moment", "moments", multiple=True, metavar="FILE=RECORDING",
              help="A moment in both clocks; two of them correct a drift.")  # fmt: skip
@click.option("--append", is_flag=True, help="Keep the events that there are.")
@json_option
def events(
    folder: Path,
    file: Path | None,
    recording: str | None,
    columns: tuple[str, ...],
    unit: str,
    offset: float,
    moments: tuple[str, ...],
    append: bool,
    as_json: bool,
) -> None:
    """List events, or import them from CSV, TSV, ELAN or XDF."""
    import pandas as pd

    from fer_core.study import events as read
    from fer_core.table import records

    study = open_study(folder)
    if file is not None:
        found = read.read_file(content_of(file), file.name, _pairs(columns), unit)
        if len(moments) not in (0, 2):
            raise FerError("A drift needs two moments: give --moment twice, or not at all.")
        if moments:
            factor, later = read.fit_clock([_moment(text) for text in moments])
            found = read.rescale(found, factor, later)
        found = read.shift(found, offset)
        given, unknown = read.assign(study, found, file.name)
        if recording is not None:
            found = found.drop(columns="recording", errors="ignore")
            given, unknown = {study.recording(recording).id: found}, []
        for name in unknown:
            note(f"No recording is called {printable(name)}: its events are left out.")
        for id, part in given.items():
            one = study.recording(id)
            for sentence in read.outside(part, one):
                note(sentence)
            before = [study.events(one)] if append else []
            study.set_events(one, pd.concat([*before, part], ignore_index=True))
    rows = []
    for one in study.file.recordings:
        if recording in (None, one.id):
            rows += [{"recording": one.id} | row for row in records(study.events(one))]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        lasts = "end unknown" if row["duration"] is None else f"{row['duration']:g} s"
        click.echo(f"{row['recording']}: {row['onset']:g} s, {lasts}, {row['trial_type']}")


def _pairs(texts: tuple[str, ...]) -> dict[str, str] | None:
    if not texts:
        return None
    pairs = [text.partition("=") for text in texts]
    if any(not middle for _, middle, _ in pairs):
        raise FerError("Write a column as FIELD=NAME, such as onset=clip.started.")
    return {field: name for field, _, name in pairs}


def _moment(text: str) -> tuple[float, float]:
    log, _, recording = text.partition("=")
    try:
        return float(log), float(recording)
    except ValueError as error:
        raise FerError(
            f"'{printable(text)}' is no moment in both clocks: write it as 12.5=3.1."
        ) from error


@command.command("measures")
@click.argument("folder", type=FOLDER)
@click.option("--csv", "csv_file", type=FILE, help="Write the table.")
@click.option("--people", is_flag=True, help="One row per participant and event.")
@overwrite_files_option
@json_option
def measures(
    folder: Path, csv_file: Path | None, people: bool, overwrite: bool, as_json: bool
) -> None:
    """Measure every event, and list what is left out and why."""
    from fer_core.study.measures import exclusions, per_participant, unknown_quality
    from fer_core.study.measures import measures as measured
    from fer_core.table import records, to_csv

    if csv_file:
        check_outputs([csv_file], overwrite=overwrite)
    study = open_study(folder)
    table = measured(study)
    shown = per_participant(table) if people else table
    if csv_file:
        write_output(csv_file, to_csv(shown))
    if as_json:
        print_json(records(shown))
        return
    note(study.file.in_words())
    for row in per_participant(table).itertuples():
        click.echo(
            f"{row.participant_id}, {row.event}: valence {row.valence:+.3f}, happy "
            f"{row.mean_happy:.3f}, {row.valid_share:.0%} valid"
        )
    for row in exclusions(table).itertuples():
        note(f"left out: {row.participant_id}, {row.recording}, {row.event}: {row.reason}")
    for sentence in (*unknown_quality(table), *study.problems()):
        note(sentence)


@command.command("compare")
@click.argument("folder", type=FOLDER)
@click.option("--measure", "chosen", multiple=True,
              help="Measures; by default the seven means and the valence index.")  # fmt: skip
@click.option("--event", "events", multiple=True, help="Events; by default all.")
@click.option("--by", "column", help="Column of the participants; by default the study's.")
@click.option("--paired", is_flag=True, help="Compare events, each person with themselves.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of random rearrangements.")
@json_option
def compare(
    folder: Path,
    chosen: tuple[str, ...],
    events: tuple[str, ...],
    column: str | None,
    paired: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Compare groups, or events of the same people, with effect sizes and corrected tests."""
    from fer_core.study.compare import (
        compare_events,
        compare_groups,
        in_words,
        quality_differences,
    )
    from fer_core.study.measures import measures as measured
    from fer_core.study.measures import per_participant
    from fer_core.study.report import MEASURES
    from fer_core.table import records

    study = open_study(folder)
    table, column = measured(study), column or study.file.group
    people = per_participant(table)
    names = chosen or MEASURES
    there = list(dict.fromkeys(people["event"]))
    if missing := [name for name in events if name not in there]:
        raise FerError(f"There is no result of an event called {printable(missing[0])}.")
    differ = []
    if paired:
        family = compare_events(people, names, events or there, seed=seed)
    else:
        family = compare_groups(people, names, column=column, events=events or None, seed=seed)
        differ = quality_differences(table, column)
    if as_json:
        rows = records(family.table())
        print_json({"sentences": [*differ, *family.sentences], "comparisons": rows})
        return
    for sentence in (*differ, *family.sentences):
        note(sentence)
    for one in family.comparisons:
        click.echo(in_words(one))
