"""Training with the audit's corrections and without: what it changes on test faces."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.audit import audit, duplicates
from fer_core.datasets import Dataset, load
from fer_core.datasets.corrections import Overlay
from fer_core.datasets.ferplus import counts_of, majority, not_faces
from fer_core.errors import TrainingError
from fer_core.files import write_bytes
from fer_core.models.readme import table as markdown
from fer_core.settings import settings
from fer_core.train import Run, TrainConfig, configure, resume, train
from fer_core.train.command import command
from fer_core.train.runs import list_runs

#: Nothing that is measured on was corrected, and the ways to look at it.
LABELS: Final = {
    "own": "labels of the dataset",
    "unseen": "the same, of faces without a copy in Training",
    "ferplus": "majority of FER+",
}
_UNCHANGED: Final = "as it is"
#: A network small enough that two trainings end within half an hour on two cores.
RECIPE: Final = {
    "model": "fast",
    "preset": "quick",
    "model_options": {"widths": [8, 24, 64, 128], "convolutions": [1, 1, 1, 1]},
}


def run_corrections(
    data: str,
    votes: Path,
    least: tuple[float, ...] = (0.8,),
    epochs: int = 4,
    seed: int = 0,
    model: str | None = None,
) -> dict[str, Any]:
    """Train a network on FER2013 as it is and with corrections of Training.

    Runs that this machine has already, with the very same configuration, are not trained
    anew, and one that was interrupted goes on.

    Args:
        data: FER2013's CSV.
        votes: FER+, which take part in the audit and are the other reference.
        least: how sure a label error must be to be corrected; a training for each.
        epochs: of each training.
        seed: of audit and trainings.
        model: whose features the audit uses.

    Returns:
        Per training what was corrected, and ``figures`` by split and kind of
        :data:`LABELS`: ``faces``, ``accuracy``, and beside the training without
        corrections the ``difference`` with the half width of its 95 % interval.
    """
    dataset = load(data, votes)
    counts = counts_of(dataset, votes)
    found = audit(dataset, model=model, counts=counts, seed=seed)
    overlays: dict[str, Overlay | None] = {_UNCHANGED: None}
    for one in least:
        overlays[f"from {one:g}"] = found.to_overlay(split="Training", least=one)
    said, rows = {}, {}
    for name, overlay in overlays.items():
        run = _trained(data, overlay, epochs, seed)
        said[name] = _probabilities(run, dataset)
        rows[name] = {
            "relabelled": _number(overlay, "label"),
            "left_out": _number(overlay, "exclude"),
            "best_epoch": run.state()["best_epoch"],
            "minutes": round(sum(row["seconds"] for row in run.metrics()) / 60, 1),
        }
    for name, row in rows.items():
        row["figures"] = _figures(dataset, counts, said, name)
    return {
        "audit": found.summary["labels"]["model"],
        "command": command(configure(**RECIPE, data=Path(data).name, epochs=epochs, seed=seed)),
        "trainings": rows,
    }


def _number(overlay: Overlay | None, action: str) -> int:
    return 0 if overlay is None else int((overlay.events["action"] == action).sum())


def _trained(data: str, overlay: Overlay | None, epochs: int, seed: int) -> Run:
    file = None
    if overlay is not None:
        file = settings().kept / "proposed.csv"
        write_bytes(file, overlay.to_csv())
    config = configure(**RECIPE, data=data, corrections=file, epochs=epochs, seed=seed)
    run = _known(config)
    if run is None:
        return train(config)
    return run if run.state()["status"] == "trained" else resume(run.name)


def _known(config: TrainConfig) -> Run | None:
    for run in list_runs():
        with suppress(TrainingError):  # a damaged folder is none of ours
            if run.config == config:
                return run
    return None


def _probabilities(run: Run, dataset: Dataset) -> np.ndarray:
    from fer_core.train.fit import probabilities

    result = np.zeros((len(dataset), 7), np.float32)
    tested = dataset.usage != "Training"
    result[tested] = probabilities(run, dataset.faces[tested])
    return result


def _figures(
    dataset: Dataset, counts: np.ndarray, said: dict[str, np.ndarray], name: str
) -> dict[str, dict[str, dict[str, float]]]:
    group = duplicates.near(dataset.faces, duplicates.hashes(dataset.faces))
    leaked = duplicates.leaked(group, dataset.usage == "Training")
    voted = majority(counts, dataset.labels)
    result: dict[str, Any] = {}
    for split in ("PublicTest", "PrivateTest"):
        of = dataset.usage == split
        result[split] = {
            "own": _compared(dataset.labels, of, said, name),
            "unseen": _compared(dataset.labels, of & ~leaked, said, name),
            "ferplus": _compared(voted, of & ~not_faces(counts), said, name),
        }
    return result


def _compared(
    labels: np.ndarray, of: np.ndarray, said: dict[str, np.ndarray], name: str
) -> dict[str, float]:
    right = said[name][of].argmax(axis=1) == labels[of]
    result = {"faces": int(of.sum()), "accuracy": float(right.mean())}
    if name != _UNCHANGED:
        # Both answer for the same faces: only those that one alone gets right count.
        apart = right.astype(int) - (said[_UNCHANGED][of].argmax(axis=1) == labels[of])
        result["difference"] = float(apart.mean())
        result["within"] = float(1.96 * apart.std() / np.sqrt(len(apart)))
    return result


def to_markdown(result: dict[str, Any]) -> str:
    """The result as text and tables."""
    trainings = result["trainings"]
    done = [
        (name, f"{row['relabelled']:,}", f"{row['left_out']:,}", row["best_epoch"], row["minutes"])
        for name, row in trainings.items()
    ]
    parts = [
        f"A small network, trained by `{result['command']}`, and again with `--corrections`: what "
        f"the audit (features of {result['audit']}, FER+ votes) proposes for Training. Copies and "
        "what is no face are left out, labels are changed where the error is at least as sure as the name says. "
        "The faces measured on and their labels are the same for all; PublicTest chose the "
        "epoch. One training each: the intervals (95 %) are those of the test faces, another "
        "seed moves the figures as well.",
        markdown(("training", "relabelled", "left out", "epoch chosen", "minutes"), done),
    ]
    for split in ("PublicTest", "PrivateTest"):
        rows = []
        for kind, words in LABELS.items():
            cells = [row["figures"][split][kind] for row in trainings.values()]
            rows.append((f"{words} ({cells[0]['faces']:,})", *map(_cell, cells)))
        parts.append(markdown((split, *trainings), rows))
    again = " ".join(
        f"--least {name.removeprefix('from ')}" for name in trainings if name != _UNCHANGED
    )
    parts.append(
        "Again: `python -m fer_core benchmark corrections --data fer2013.csv.xz --votes "
        f"fer2013new.csv --model {result['audit']} {again}`."
    )
    return "\n\n".join(parts)


def _cell(one: dict[str, float]) -> str:
    words = f"{one['accuracy']:.2%}"
    if "difference" in one:
        words += f" ({100 * one['difference']:+.2f} ± {100 * one['within']:.2f})"
    return words
