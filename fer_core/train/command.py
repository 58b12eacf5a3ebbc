"""Training runs as command lines: the one that trains, and the one that makes a model."""

import json
import shlex
from typing import Any

from fer_core.models.catalogue import free_name
from fer_core.train.config import TrainConfig
from fer_core.train.folds import By
from fer_core.train.presets import PRESETS, preset
from fer_core.train.runs import TrainingRun

#: Settings with an option of their own; the others are given with ``--set``.
_OPTIONS = ("model", "data", "label_order", "votes", "corrections", "weights", "epochs", "seed")


def command(config: TrainConfig, folds: int = 0, by: By | None = None) -> str:
    """The shortest command line that trains by ``config``.

    Args:
        config: Of the run, or of every run of a cross-validation.
        folds: How many runs a cross-validation has; 0 for one run.
        by: How its faces are divided.

    >>> command(TrainConfig(model="fast", data="demo", epochs=6))
    'python -m fer_core train --model fast --data demo --epochs 6'
    """
    recipes: list[str | None] = [None]
    recipes += [name for name in PRESETS if config.model in PRESETS[name]]
    line = min((_with(config, recipe) for recipe in recipes), key=len)
    if folds:
        line += f" --folds {folds}" + (f" --folds-by {by}" if by else "")
    return line


def _with(config: TrainConfig, recipe: str | None) -> str:
    fields = {"model": config.model, "data": config.data}
    if recipe:
        fields |= preset(recipe, config.model, config.weights)
    base = TrainConfig.model_validate(fields).model_dump(mode="json")
    mine = config.model_dump(mode="json")
    parts = ["python", "-m", "fer_core", "train", "--model", config.model]
    if recipe:
        parts += ["--preset", recipe]
    parts += ["--data", config.data]
    for name, value in mine.items():
        if name in ("model", "data") or value == base[name]:
            continue
        if name in _OPTIONS and value is not None:
            parts += [f"--{name.replace('_', '-')}", str(value)]
        elif name == "augmentation":
            for key, one in value.items():
                if one != base[name][key]:
                    parts += ["--set", f"augmentation.{key}={_text(one)}"]
        else:
            parts += ["--set", f"{name}={_text(value)}"]
    return shlex.join(parts)


def publish_command(run: TrainingRun) -> str:
    """Return the command line that makes a model of a run, to be pasted into a shell.

    The model gets a name that is free now, and is measured on the run's own data.
    """
    parts = ["python", "-m", "fer_core", "runs", "publish", run.name]
    parts += ["--name", free_name(run.name)]
    line = shlex.join(parts)
    # The shell may still name the backend that trained, and only TensorFlow can export.
    other = run.state().get("backend", "tensorflow") != "tensorflow"
    return f"KERAS_BACKEND=tensorflow {line}" if other else line


def read_settings(given: tuple[str, ...]) -> dict[str, Any]:
    """Fields from ``NAME=VALUE``: the value is JSON, or text that is not.

    >>> read_settings(("batch_size=64", "augmentation.flip=false", "optimizer=sgd"))
    {'batch_size': 64, 'augmentation': {'flip': False}, 'optimizer': 'sgd'}
    """
    fields: dict[str, Any] = {}
    for one in given:
        name, _, text = one.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        first, _, second = name.partition(".")
        if second:
            fields.setdefault(first, {})[second] = value
        else:
            fields[first] = value
    return fields


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
