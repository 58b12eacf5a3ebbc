"""``train-plan``: carry out a training plan in the minutes that there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_core.cli.common import (
    FILE,
    data_option,
    json_option,
    note,
    overwrite_files_option,
    print_json,
    status,
    votes_option,
)
from fer_core.errors import TrainingError

if TYPE_CHECKING:
    from fer_core.train.plan import Plan


@click.command("train-plan")
@click.argument("plan", type=FILE)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="That there are for all of it."
)
@data_option(required=False)
@votes_option
@click.option(
    "--device", type=click.Choice(["cpu", "gpu"]), help="Without it, a GPU where there is one."
)
@click.option(
    "--dry-run", is_flag=True,
    help="Train every run for 50 updates on a part of the data, evaluate and export it, estimate "
    "its minutes, and leave nothing.",
)  # fmt: skip
@click.option("--status", "show_status", is_flag=True, help="Show how the plan stands.")
@click.option(
    "--pack", type=FILE, metavar="FILE.zip",
    help="Write the plan's state into a file, to go on with it on another machine or backend.",
)  # fmt: skip
@click.option("--unpack", type=FILE, metavar="FILE.zip", help="Take the plan's state from a file.")
@overwrite_files_option
@json_option
def command(
    plan: Path,
    minutes: float | None,
    data: str | None,
    votes: str | None,
    device: Any,
    dry_run: bool,
    show_status: bool,
    pack: Path | None,
    unpack: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Train the networks of a plan, the most useful first, and make models of them.

    Ctrl-C stops it; the same command goes on. PLAN is a TOML file such as those in plans/.
    """
    from fer_core.train.plan import read

    asked = [minutes is not None, dry_run, show_status, pack is not None, unpack is not None]
    if sum(asked) != 1:
        raise TrainingError(
            "Give one of --minutes, --dry-run, --status, --pack and --unpack: they say what is to "
            "be done with the plan."
        )
    chosen = read(plan)
    if show_status:
        _show(chosen, as_json)
    elif pack is not None:
        from fer_core.zoo import plan_archive

        names = plan_archive.pack(chosen, pack, overwrite=overwrite)
        _say_runs(names, f"packed into {pack}", as_json)
    elif unpack is not None:
        from fer_core.zoo import plan_archive

        _say_runs(plan_archive.unpack(chosen, unpack), f"taken from {unpack}", as_json)
    else:
        if data is None:
            raise TrainingError("A plan needs a dataset: give --data, or set FER_DATA.")
        from fer_core.system import end_when_asked
        from fer_core.zoo.plan_hands import use_device

        end_when_asked()  # a scheduler that ends the command stops the plan in order
        where = use_device(device)
        if dry_run:
            _try(chosen, data, votes, as_json)
        else:
            arguments = ["python", "-m", "fer_core", "train-plan", str(plan), "--data", data]
            arguments += ["--votes", votes] if votes else []
            arguments += ["--device", device] if device else []
            _carry_out(chosen, data, votes, minutes or 0, where, arguments, as_json)


def _carry_out(
    plan: "Plan", data: str, votes: str | None, minutes: float, device: Any, arguments: list[str],
    as_json: bool,
) -> None:  # fmt: skip
    from fer_core.zoo.plan import conductor
    from fer_core.zoo.plan_hands import Workers

    found = conductor(
        plan, data, Path(votes) if votes else None, minutes, Workers(device), _note, status
    )
    try:
        found.carry_out()
    finally:
        _show(plan, as_json)
        for line in found.next_steps(arguments, data):
            note(line)


def _note(sentence: str) -> None:
    status("")
    note(sentence)


def _try(plan: "Plan", data: str, votes: str | None, as_json: bool) -> None:
    from fer_core.zoo.plan_dry_run import dry_run

    found = dry_run(
        plan,
        data,
        Path(votes) if votes else None,
        lambda one: None if as_json else click.echo(str(one)),
    )
    if as_json:
        print_json([one.to_dict() for one in found])
    wrong = [one for one in found if one.error]
    if wrong:
        raise TrainingError(f"{len(wrong)} of {len(found)} parts of {plan.name} cannot be done.")
    total = sum(one.most_minutes or 0 for one in found)
    note(
        f"{plan.title}: every part works. All epochs that are worth it take about {total:.0f} "
        f"minutes for one seed each; trying them took {sum(o.seconds for o in found):.0f} seconds."
    )


def _show(plan: "Plan", as_json: bool) -> None:
    from dataclasses import asdict

    from fer_core.zoo import plan_state

    rows = plan_state.rows(plan)
    if as_json:
        print_json({"plan": plan.name, "parts": [asdict(row) for row in rows]})
        return
    for row in rows:
        click.echo(str(row))


def _say_runs(names: list[str], what: str, as_json: bool) -> None:
    if as_json:
        print_json({"runs": names})
    else:
        click.echo(f"{len(names)} runs {what}." + "".join(f"\n  {name}" for name in names))
