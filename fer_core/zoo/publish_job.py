"""Making a model of a run in a process of its own, see :mod:`fer_core.train.acts`.

Whoever starts it does not load Keras: ``python -m fer_core.zoo.publish_job RUN NAME``.
"""

import json
import sys
from typing import Any

from fer_core.models.card import DRAWN, Stored
from fer_core.models.catalogue import check_new_name
from fer_core.settings import settings
from fer_core.train import acts, judge, load_data, origin
from fer_core.train.runs import TrainingRun


def start(
    run: TrainingRun,
    name: str,
    *,
    flip: bool = False,
    stored: Stored = "float32",
    brief: bool = False,
    overwrite: bool = False,
) -> None:
    """Make a model of a run in a process of its own, see :mod:`fer_core.train.acts`.

    It is measured on PublicTest, and on PrivateTest where somebody judged the run on it.

    Args:
        run: With at least one finished epoch.
        name: Of the model.
        flip: See :func:`fer_core.zoo.publish.publish`, as for the others.
        stored: How the model's file keeps its weights.
        brief: Whether to leave out the hard conditions.
        overwrite: Whether it may replace a model of that name.

    Raises:
        ModelError: The name cannot be taken.
        TrainingError: A process works on the run already.
    """
    check_new_name(name, overwrite=overwrite)
    options = {"flip": flip, "stored": stored, "brief": brief, "overwrite": overwrite}
    acts.start(run, "fer_core.zoo.publish_job", "publish", name, json.dumps(options))


def main(run_name: str, name: str, options: str = "{}") -> int:
    """Make the model ``name`` of a run; return the exit status."""
    how: dict[str, Any] = json.loads(options)

    def do(run: TrainingRun) -> None:
        # Only this process loads Keras.
        from fer_core.zoo.publish import publish

        data = load_data(run.config)
        origin.check_same(run, data, "put the run's own data back to make a model of the run.")
        splits = ["PublicTest", *(["PrivateTest"] if "PrivateTest" in judge.figures(run) else [])]
        about = DRAWN if run.config.data == "demo" else f"{data.name}."
        publish(run, data, settings().models / name, splits=splits, data=about, **how)

    return acts.carry_out(run_name, "publish", name, do)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
