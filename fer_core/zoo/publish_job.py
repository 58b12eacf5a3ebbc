"""Making a model of a run in a process of its own, see :mod:`fer_core.train.acts`.

Whoever starts it does not load Keras: ``python -m fer_core.zoo.publish_job RUN NAME``.
"""

import sys

from fer_core.models.catalogue import check_new_name
from fer_core.settings import settings
from fer_core.train import acts, judge, load_data, origin
from fer_core.train.runs import TrainingRun


def start(run: TrainingRun, name: str) -> None:
    """Make a model of a run in a process of its own, see :mod:`fer_core.train.acts`.

    It is measured on PublicTest, and on PrivateTest where somebody judged the run on it.

    Args:
        run: With at least one finished epoch.
        name: Of the model.

    Raises:
        ModelError: The name cannot be taken.
        TrainingError: A process works on the run already.
    """
    check_new_name(name)
    acts.start(run, "fer_core.zoo.publish_job", "publish", name)


def main(run_name: str, name: str) -> int:
    """Make the model ``name`` of a run; return the exit status."""

    def do(run: TrainingRun) -> None:
        # Only this process loads Keras.
        from fer_core.zoo.publish import publish

        data = load_data(run.config)
        origin.check_same(run, data, "put the run's own data back to make a model of the run.")
        looked = ["PublicTest", *(["PrivateTest"] if "PrivateTest" in judge.figures(run) else [])]
        about = "Faces drawn by the program." if run.config.data == "demo" else f"{data.name}."
        publish(run, data, settings().models / name, splits=looked, data=about)

    return acts.carry_out(run_name, "publish", name, do)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
