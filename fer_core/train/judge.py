"""How good a run's chosen weights are, kept with the run.

``evaluation.json`` holds the figures of each split that was looked at, and when;
``sources.json`` those on each source of a training on several;
``judged_SPLIT.npz`` every probability and the faces of the surest mistakes. PublicTest,
which chose the weights, is judged when a run ends. PrivateTest is for reporting: it is
judged when somebody asks, and each time is written down.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fer_core.class_prior import AS_TRAINED
from fer_core.datasets.base import Dataset
from fer_core.errors import TrainingError
from fer_core.evaluation import measure, mistakes
from fer_core.evaluation.sources import SourceFigures, measure_source
from fer_core.files import write_atomic, write_json
from fer_core.train import acts, origin
from fer_core.train.runs import TrainingRun

#: Mistakes whose faces are kept.
MOST_MISTAKES = 24
#: Figures of each source.
SOURCES = "sources.json"


def judge(run: TrainingRun, faces: Dataset, split: str, probabilities: np.ndarray) -> None:
    """Keep what the chosen weights say of a split.

    Args:
        run: whose weights they are.
        faces: the rows of the split.
        split: its name.
        probabilities: ``(N, 7)``, rows sum to 1.
    """
    worst = [m.index for m in mistakes(probabilities, faces.labels, MOST_MISTAKES)]
    write_atomic(
        run.path / f"judged_{split}.npz",
        lambda file: np.savez(
            file,
            probabilities=probabilities.astype(np.float32),
            labels=faces.labels,
            mistakes=np.array(worst, np.int64),
            faces=faces.faces[worst],
        ),
    )
    known = figures(run)
    evaluated_at = [
        *known.get(split, {}).get("evaluated_at", []),
        datetime.now(UTC).isoformat("T", "seconds"),
    ]
    result = measure(probabilities, faces.labels).to_dict() | {"evaluated_at": evaluated_at}
    write_json(run.path / "evaluation.json", known | {split: result})


def judge_sources(
    run: TrainingRun, data: Dataset, predict: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Keep how good a run that was trained on several sources is on each of them.

    The first source chose the weights. Of the others, nothing that is measured was learned.

    Args:
        run: With the figures of PublicTest, see :func:`judge`.
        data: The mixture.
        predict: Returns ``(N, 7)`` probabilities of faces ``(N, 48, 48)``.
    """
    public = judged(run, "PublicTest")["probabilities"]
    found = [measure_source(public, data, "PublicTest", AS_TRAINED.name)]
    for one in data.further:
        if not len(one.faces):
            continue
        source = one.name, one.checksum
        said = predict(one.faces.faces)
        row = measure_source(said, one.faces, "PublicTest", AS_TRAINED.name, source=source)
        found.append(replace(row, copies=one.copies))
    write_json(run.path / SOURCES, [one.to_dict() for one in found])


def sources(run: TrainingRun) -> list[SourceFigures]:
    """Return the figures of each source of a run; none where it has one source."""
    try:
        rows = json.loads((run.path / SOURCES).read_text(encoding="utf-8"))
        return [SourceFigures.from_dict(row) for row in rows]
    except (OSError, ValueError, TypeError, LookupError):
        return []


def figures(run: TrainingRun) -> dict[str, dict[str, Any]]:
    """Return the figures of each split that was evaluated.

    They are the fields of an :class:`fer_core.evaluation.Evaluation`, and ``evaluated_at``, the
    times at which it was evaluated.
    """
    try:
        found = json.loads((run.path / "evaluation.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    for one in found.values():
        if isinstance(one, dict) and "looked" in one:  # as it was called until version 0.1
            one["evaluated_at"] = one.pop("looked")
    return found


def is_judged(run: TrainingRun, split: str) -> bool:
    """Return whether :func:`judge` kept something of the split."""
    return split in figures(run) and (run.path / f"judged_{split}.npz").is_file()


def judged(run: TrainingRun, split: str) -> dict[str, np.ndarray]:
    """Return what :func:`judge` kept: ``probabilities``, ``labels``, and of the surest mistakes
    ``mistakes`` (indices) and ``faces``.

    Raises:
        TrainingError: the split was not judged.
    """
    try:
        with np.load(run.path / f"judged_{split}.npz") as file:
            return dict(file)
    except (OSError, ValueError) as error:
        raise TrainingError(f"Run {run.name} was not judged on {split} yet.") from error


def start(run: TrainingRun, split: str) -> None:
    """Judge a run on a split in a process of its own, see :mod:`fer_core.train.acts`.

    Raises:
        TrainingError: A process works on the run already.
    """
    acts.start(run, "fer_core.train.judge", "judge", split)


def main(name: str, split: str) -> int:
    """Judge the run ``name`` on a split; return the exit status."""

    def do(run: TrainingRun) -> None:
        from fer_core.train import load_data
        from fer_core.train.fit import probabilities

        data = load_data(run.config)
        origin.check_same(run, data, "put the run's own data back to evaluate the run.")
        chosen = data.split(split)
        judge(run, chosen, split, probabilities(run, chosen.faces))

    return acts.carry_out(name, "judge", split, do)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
