"""Trying what comes from elsewhere in a process of its own, whose end is not ours."""

import subprocess
from pathlib import Path

import numpy as np

from fer_core.classifier import Classifier
from fer_core.errors import ModelError
from fer_core.models import imported
from fer_core.models.catalogue import ModelFolder
from fer_core.preprocess import CROP_SIZE
from fer_core.resources import module_command, module_environment
from fer_core.zoo import inspection

#: Seconds that such a process may take.
_LONGEST = 300


def run(module: str, folder: Path, name: str) -> None:
    """Run a module that is given a folder and limits its own memory.

    Args:
        module: Which one; what is wrong it says as ``error: …`` on standard error.
        folder: What it is given.
        name: Of the model, for the message.

    Raises:
        ModelError: It did not end well; the message says why, as far as that is known.
    """
    try:
        done = subprocess.run(
            module_command(module, str(folder.resolve())),
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            env=module_environment(),
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{name}: it takes too long to load.") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        reason = said[-1].removeprefix("error: ") if said else "it cannot be loaded."
        raise ModelError(f"{name}: {reason}".replace(f"{name}: {name}", name))


def try_model(folder: ModelFolder) -> None:
    """Let a model that is marked as imported see some faces, where what it does is limited.

    Raises:
        ModelError: It cannot be run, exceeds its limits, or its Keras form is not what it should
            be.
    """
    # Shades that decide what a network computes: dark, bright, and whatever else.
    noise = np.random.default_rng(0).integers(0, 256, (1, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    plain = [np.full_like(noise, shade) for shade in (0, 128, 255)]
    try:
        Classifier(folder).predict(np.concatenate([noise, *plain]))
    except ModelError as error:
        excess = imported.stopped(folder.path)
        raise ModelError(f"{folder.name}: {excess}" if excess else str(error)) from error
    if folder.explainable:
        try:
            inspection.inspect(folder.path / "model.keras")
        except ModelError as error:
            raise ModelError(f"{folder.name}: {error}") from error
