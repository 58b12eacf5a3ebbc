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

from pydantic import ValidationError

from fer_core.datasets import Dataset, corrections, load, mix
from fer_core.errors import TrainingError
from fer_core.train import presets
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
    fields: dict[str, Any] = {}
    if config_file is not None:
        try:
            fields = json.loads(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"{config_file} is no configuration: {error}.") from error
    fields |= given
    if fields.get("corrections"):
        # As they are now, so that a run that is resumed goes on with the same labels.
        fields["corrections"] = corrections.frozen(fields["corrections"])
    if preset is not None:
        recipe = presets.preset(preset, fields.get("model"), fields.get("weights"))
        varied = recipe.get("augmentation", {}) | fields.get("augmentation", {})
        fields = recipe | fields | ({"augmentation": varied} if varied else {})
    try:
        return TrainConfig.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise TrainingError(f"The training needs {where}: give --{where}.") from error
        raise TrainingError(f"{where}: {first['msg']}.") from error


def load_data(config: TrainConfig) -> Dataset:
    """The dataset that ``config`` names, mixed and voted on as it says.

    Raises:
        DatasetError: it cannot be read.
    """
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
        relabel=config.relabel,
        drop_not_faces=config.drop_not_faces,
    )
    if not config.mix:
        return dataset
    others = [(read(source), weight) for source, weight in config.mix.items()]
    return mix([(dataset, 1.0), *others])


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

    data = load_data(config) if data is None else data
    run = strategy.borrowed(config) if strategy.helps(config) else TrainingRun.create(config)
    from fer_core.train.fit import fit

    fit(run, data, on_progress)
    return run


def resume(name: str, on_progress: "Callable[[Progress], None] | None" = None) -> TrainingRun:
    """Train the run ``name`` to its end, in this process, from its last finished epoch.

    It ends with the result that it would have had undisturbed.

    Raises:
        DatasetError: the data cannot be read.
        TrainingError: no such run, or another process trains it.
    """
    from fer_core.train import strategy

    run = TrainingRun.open(name)
    if strategy.helps(run.config):
        run = strategy.borrowed(run.config, run)
    data = load_data(run.config)
    from fer_core.train.fit import fit

    fit(run, data, on_progress)
    return run
