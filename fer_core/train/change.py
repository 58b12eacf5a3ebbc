"""Changing the settings of a run that goes on: more epochs, another rate, another batch size."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fer_core.errors import TrainingError
from fer_core.train.check import check_settings
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun

#: What may change; everything else decides what the finished epochs were, and stays.
CHANGEABLE: Final = ("epochs", "learning_rate", "batch_size")


def change(run: TrainingRun, changes: Mapping[str, Any]) -> None:
    """Change settings of a run and write that into its history.

    More epochs begin a new cycle of the learning rate where the schedule is cyclic, and let
    plateau and early stopping wait anew. Another rate holds from the next epoch on; in a
    cycle it is the new peak. Another batch size leaves the position in the cycle as it is.

    Args:
        run: Which nobody trains now.
        changes: Fields of a :class:`TrainConfig`; ``None`` and values that the run has
            already change nothing.

    Raises:
        TrainingError: A setting may not change or has no such value, or a process trains
            the run. Nothing is changed then.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        return
    with run.lock():
        old = run.config
        new = _changed(old, given)
        names = [name for name in TrainConfig.model_fields if vars(new)[name] != vars(old)[name]]
        for name in names:
            if name not in CHANGEABLE:
                raise TrainingError(
                    f"{name}: A run that goes on keeps what it began with; only "
                    f"{', '.join(CHANGEABLE[:-1])} and {CHANGEABLE[-1]} can change. Start a new "
                    f"run to change {name}."
                )
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
        if names:
            row = {
                "epoch": epoch,
                "step": step,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "changes": {name: [vars(old)[name], vars(new)[name]] for name in names},
            }
            run.write_config(new, [*run.history(), row])


def _changed(old: TrainConfig, given: dict[str, Any]) -> TrainConfig:
    fields = old.model_dump() | given
    if isinstance(given.get("augmentation"), dict):
        fields["augmentation"] = old.augmentation.model_dump() | given["augmentation"]
    # An old run may have what a new one may not, so only what is given has to be right.
    for name, sentence in check_settings(fields).items():
        if name.split(".")[0] in given:
            raise TrainingError(f"{name}: {sentence}")
    return TrainConfig.model_validate(fields)
