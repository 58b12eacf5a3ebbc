"""Training: a configuration and a dataset in, a run on disk out.

>>> from fer_core.train import configure, train
>>> run = train(configure(model="mini_xception", data="demo", epochs=1))  # doctest: +SKIP
>>> run.metrics()[0]["val_accuracy"]  # doctest: +SKIP
0.31

Importing this does not import Keras; training does.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core.datasets import Dataset, corrections, load, mix
from fer_core.datasets.labels import LabelOrderError
from fer_core.errors import DatasetError, TrainingError
from fer_core.models.keras_settings import check_keras
from fer_core.train import folds, presets
from fer_core.train.change import change, is_complete, planned
from fer_core.train.check import CYCLIC, require_ready, require_valid
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun

if TYPE_CHECKING:
    from fer_core.train.notes import Progress

__all__ = ["TrainingRun", "TrainConfig", "configure", "load_data", "resume", "train"]


def configure(
    *, preset: str | None = None, config_file: Path | None = None, **changes: Any
) -> TrainConfig:
    """A configuration from a preset or a file, and changes to it.

    Args:
        preset: a named recipe of ``model``, see :mod:`fer_core.train.presets`.
        config_file: fields as JSON, such as ``config.json`` of another run; they change
            the preset's.
        changes: fields of :class:`TrainConfig`; ``None`` leaves one as it is.

    Raises:
        TrainingError: a field is unknown, missing or out of range, or the preset is
            unknown.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    fields: dict[str, Any] = {} if config_file is None else _read_config(config_file)
    fields |= given
    if fields.get("corrections"):
        # As they are now, so that a run that is resumed goes on with the same labels.
        fields["corrections"] = corrections.frozen(fields["corrections"])
    if preset is not None:
        recipe = presets.preset(preset, fields.get("model"), fields.get("weights"))
        varied = fields.get("augmentation", {})
        if isinstance(varied, dict) and "augmentation" in recipe:
            fields["augmentation"] = recipe["augmentation"] | varied
        fields = recipe | fields
    if fields.get("schedule") in CYCLIC:
        # The default stops early, which these schedules cannot: it is for the others.
        fields.setdefault("early_stopping", 0)
    return require_valid(fields)


def _read_config(path: Path) -> dict[str, Any]:
    """Read settings from a JSON file; of a run's own file history and fold are left out."""
    try:
        # An editor may have put a byte-order mark at the beginning.
        fields = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} is no configuration: {error}.") from error
    if not isinstance(fields, dict):
        raise TrainingError(
            f'{path} is no configuration: it must hold settings by name, such as {{"epochs": 5}}.'
        )
    # Another run with these settings is no part of that cross-validation.
    for name in ("history", "fold"):
        fields.pop(name, None)
    return fields


def load_data(config: TrainConfig) -> Dataset:
    """The dataset that ``config`` names, mixed, voted on and divided as it says.

    Raises:
        DatasetError: it cannot be read.
        TrainingError: It cannot be divided into folds, or is not what was divided before.
    """
    dataset = _whole(config)
    return folds.divide(dataset, config.fold, config.seed) if config.fold else dataset


def _whole(config: TrainConfig) -> Dataset:
    read = partial(
        load,
        skip_bad=config.skip_bad,
        detector=config.detector,
        seed=config.seed,
        corrections=config.corrections,
    )
    dataset = read(
        config.data,
        config.votes,
        label_order=config.label_order,
        relabel=config.relabel,
        drop_not_faces=config.drop_not_faces,
    )
    if not config.mix:
        return dataset
    others = [
        (_further(source, partial(read, label_order=config.mix_label_order.get(source))), weight)
        for source, weight in config.mix.items()
    ]
    return mix([(dataset, 1.0), *others])


def _further(source: str, read: Callable[[str], Dataset]) -> Dataset:
    try:
        return read(source)
    except LabelOrderError as error:
        raise DatasetError(
            f"{error} Of a further dataset it is in the setting mix_label_order."
        ) from error


def train(
    config: TrainConfig,
    on_progress: "Callable[[Progress], None] | None" = None,
    data: Dataset | None = None,
) -> TrainingRun:
    """Train a new run to its end, in this process.

    Args:
        config: what to do.
        on_progress: called after every step.
        data: Faces to train on instead of those that ``config.data`` names.

    Returns:
        The run; :func:`fer_core.train.fit.load_best` gives its network.

    Raises:
        DatasetError: the data cannot be read.
        TrainingError: the loss became NaN, or the disk is full; the run says so too.
    """
    from fer_core.train import strategy

    require_ready(config, given=data is not None)
    data = load_data(config) if data is None else data
    run = strategy.borrowed(config) if strategy.helps(config) else TrainingRun.create(config)
    from fer_core.train.fit import fit

    fit(run, data, on_progress)
    return run


def resume(
    name: str,
    on_progress: "Callable[[Progress], None] | None" = None,
    faces: Dataset | None = None,
    accept_new_data: bool = False,
    **changes: Any,
) -> TrainingRun:
    """Train the run ``name`` to its end, in this process, from its last finished epoch.

    Without changes it ends with the result that it would have had undisturbed. A run that is
    trained to its end stays as it is, unless more epochs are asked for.

    Args:
        name: Of the run.
        on_progress: Called after every step.
        faces: The dataset to train on instead of what its configuration names.
        accept_new_data: Whether the data may be other than that of the finished epochs; that
            is written into the run's history.
        changes: Of its settings, such as ``epochs=80``; see
            :func:`fer_core.train.change.change`.

    Raises:
        DatasetError: the data cannot be read.
        TrainingError: no such run, another process trains it, a setting may not change, or
            the data is not the run's.
    """
    check_keras("Training")
    from fer_core.train import strategy

    run = TrainingRun.open(name)
    if strategy.helps(run.config):
        run = strategy.borrowed(run.config, run)
    config = planned(run, changes)
    if is_complete(run, config) and not accept_new_data:
        return run
    data = load_data(config) if faces is None else faces
    change(run, changes, data, accept_new_data)
    from fer_core.train.fit import fit

    fit(run, data, on_progress)
    return run
