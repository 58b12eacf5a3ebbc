"""Trying what comes from elsewhere in a process of its own, whose end is not ours."""

import subprocess
from pathlib import Path

from fer_core.errors import ModelError
from fer_core.models.catalogue import ModelFolder
from fer_core.resources import module_command, module_environment

#: Seconds that such a process may take.
_LONGEST = 300


def run(module: str, folder: Path, name: str) -> None:
    """Run a module that is given a folder and limits its own memory and time.

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
    """Load a model folder and let it see a few crops, see :mod:`fer_core.zoo.inspection`."""
    run("fer_core.zoo.inspection", folder.path, folder.name)
