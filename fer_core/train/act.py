"""The process that judges a run or makes a model of it:
``python -m fer_core.train.act RUN judge SPLIT`` or ``… publish NAME``.
"""

import sys
from typing import Any

from fer_core import system
from fer_core.datasets import Dataset
from fer_core.errors import FerError
from fer_core.settings import settings
from fer_core.train import judge, load_data
from fer_core.train.runs import TrainingRun


def main(name: str, what: str, of: str) -> int:
    """Do it, and say in the run's state how it ended."""
    run = TrainingRun.open(name)
    system.end_when_asked()

    def note(**changes: Any) -> None:
        run.write_state(act={"what": what, "of": of} | changes)

    with run.lock():
        try:
            data = load_data(run.config)
            _judge(run, data, of) if what == "judge" else _publish(run, data, of)
        except KeyboardInterrupt:
            note(status="stopped")
            return 130
        except FerError as error:
            note(status="failed", reason=str(error))
            return 1
        except Exception as error:
            note(status="failed", reason=f"{type(error).__name__}: {error}")
            raise
        note(status="done")
    return 0


def _judge(run: TrainingRun, data: Dataset, split: str) -> None:
    from fer_core.train.fit import probabilities

    chosen = data.split(split)
    judge.judge(run, chosen, split, probabilities(run, chosen.faces))


def _publish(run: TrainingRun, data: Dataset, name: str) -> None:
    from fer_core.models.publish import publish

    looked = ["PublicTest", *(["PrivateTest"] if "PrivateTest" in judge.figures(run) else [])]
    config = run.config
    about = "Faces drawn by the program." if config.data == "demo" else f"{data.name}."
    publish(
        run,
        data.take([usage in looked for usage in data.usage]),
        settings().models / name,
        data=about,
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
