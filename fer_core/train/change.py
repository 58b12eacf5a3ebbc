"""Changing a run that goes on: more epochs, another rate or batch size, other data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fer_core.datasets import MADE_HERE, Dataset
from fer_core.errors import TrainingError
from fer_core.train import origin
from fer_core.train.check import check_settings, with_absolute_paths
from fer_core.train.config import TrainConfig
from fer_core.train.runs import NEW_DATA, TrainingRun

#: What may change; everything else decides what the finished epochs were, and stays. The path
#: of the data may change as well, since the run knows its data by a checksum.
CHANGEABLE: Final = ("epochs", "learning_rate", "batch_size")


def planned(run: TrainingRun, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that a run will have, and change nothing yet.

    Args:
        run: Which goes on.
        changes: See :func:`change`.

    Raises:
        TrainingError: A setting may not change or has no such value.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    old = run.config
    if not given:
        return old
    new = _changed(old, given)
    for name in _names(old, new):
        if name not in (*CHANGEABLE, "data"):
            raise TrainingError(
                f"{name}: A run that goes on keeps what it began with; only "
                f"{', '.join(CHANGEABLE[:-1])} and {CHANGEABLE[-1]} can change. Start a new "
                f"run to change {name}."
            )
    return new


def is_complete(run: TrainingRun, config: TrainConfig) -> bool:
    """Return whether a run is trained to its end and a configuration asks for no more of it.

    Args:
        run: The run.
        config: What :func:`planned` returned.

    Raises:
        TrainingError: Settings are to change that no epoch follows to be trained with.
    """
    old = run.config
    if not run.is_finished() or config.epochs != old.epochs:
        return False
    names = _names(old, config)
    if not names:
        return True
    epoch = run.position()[0]
    if epoch < old.epochs and names != ["data"]:
        return False  # early stopping ended it, which waits anew after a change
    raise TrainingError(
        f"{names[0]}: Run {run.name} has finished its {epoch} epochs, so this changes nothing: "
        "ask for more epochs with --epochs as well."
    )


def change(
    run: TrainingRun,
    changes: Mapping[str, Any],
    dataset: Dataset | None = None,
    accept_new_data: bool = False,
) -> None:
    """Change settings of a run and write that into its history.

    More epochs begin a new cycle of the learning rate where the schedule is cyclic, and let
    plateau and early stopping wait anew. Another rate holds from the next epoch on; in a
    cycle it is the new peak. Another batch size leaves the position in the cycle as it is.
    After other data, the best epoch is chosen among those that follow.

    Args:
        run: Which nobody trains now.
        changes: Fields of a :class:`TrainConfig`; ``None`` and values that the run has
            already change nothing. ``data`` is where the run's own data is now.
        dataset: What the run goes on with, where that is known already.
        accept_new_data: Whether it may be other data than the run was trained on.

    Raises:
        TrainingError: A setting may not change or has no such value, the data is another
            one, or a process trains the run. Nothing is changed then.
    """
    if dataset is None and all(value is None for value in changes.values()):
        return
    with run.lock():
        old, new = run.config, planned(run, changes)
        names = _names(old, new)
        epoch, step = run.position()
        if "epochs" in names and new.epochs <= epoch:
            raise TrainingError(
                f"epochs: Run {run.name} has finished {epoch} already: give a higher number."
            )
        if "epochs" in names and new.cycles > 1 and epoch:
            raise TrainingError(
                "epochs: A run of several cycles ends with its last one: start a new run with "
                f"--weights {run.path / 'best.npz'}."
            )
        row = {name: [getattr(old, name), getattr(new, name)] for name in names}
        if dataset is not None and not accept_new_data:
            origin.check_same(
                run,
                dataset,
                "give the path of the run's own data with --data, or go on with this one with "
                "--accept-new-data.",
            )
        elif dataset is not None:
            if epoch >= new.epochs:
                raise TrainingError(
                    f"Run {run.name} has finished its {epoch} epochs and learns nothing from new "
                    "data: give a higher number with --epochs."
                )
            row |= origin.difference(run, dataset)
        if row:
            run.write_config(new, [*run.history(), origin.history_row(epoch, step, row)])
        if dataset is not None and NEW_DATA in row:
            origin.replace(run, dataset)


def _names(old: TrainConfig, new: TrainConfig) -> list[str]:
    return [name for name in TrainConfig.model_fields if getattr(new, name) != getattr(old, name)]


def _changed(old: TrainConfig, given: dict[str, Any]) -> TrainConfig:
    fields = old.model_dump() | given
    if isinstance(given.get("augmentation"), dict):
        fields["augmentation"] = old.augmentation.model_dump() | given["augmentation"]
    # An old run may have what a new one may not, so only what is given has to be right.
    for name, sentence in check_settings(fields).items():
        if name.split(".")[0] in given:
            raise TrainingError(f"{name}: {sentence}")
    new = TrainConfig.model_validate(fields)
    if "data" in given:
        data = str(given["data"])
        if data not in MADE_HERE and not Path(data).expanduser().exists():
            raise TrainingError(f"data: There is no {data} on this machine: check the path.")
        new = new.model_copy(update={"data": with_absolute_paths(new).data})
    return new
