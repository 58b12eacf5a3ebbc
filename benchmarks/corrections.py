"""Training with the audit's corrections and without: what it changes on test faces."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.versus import again
from fer_core.audit import audit
from fer_core.audit.network import gradients
from fer_core.datasets import Dataset, duplicates, load
from fer_core.datasets.corrections import Overlay
from fer_core.datasets.ferplus import counts_of, majority, not_faces
from fer_core.emotions import EMOTIONS
from fer_core.errors import TrainingError
from fer_core.files import write_bytes
from fer_core.settings import settings
from fer_core.train import TrainConfig, TrainingRun, configure, resume, train
from fer_core.train.command import command
from fer_core.train.runs import list_runs
from fer_core.zoo.readme import table as markdown

#: Nothing that is measured on was corrected; the ways to look at it.
LABELS: Final = {
    "own": "labels of the dataset",
    "unseen": "the same, of faces without a copy in Training",
    "ferplus": "majority of FER+",
}
#: A network small enough that two trainings end within half an hour on two idle cores.
RECIPE: Final = {
    "model": "fast",
    "preset": "quick",
    "model_options": {"widths": [8, 24, 64, 128], "convolutions": [1, 1, 1, 1]},
}
_UNCHANGED: Final = "as it is"
_CLEANED: Final = "copies and no faces left out"


def run_corrections(
    data: str,
    votes: Path,
    least: tuple[float, ...] = (0.8, 0.5, 0.0),
    epochs: int = 4,
    seed: int = 0,
    model: str | None = None,
    network: bool = True,
    repeats: int = 2,
) -> dict[str, Any]:
    """Train on FER2013 as it is and with corrections of Training.

    Two learners, both from nothing: a linear discriminant on histograms of gradients
    (Dalal & Triggs 2005), in which nothing is random, with every set of corrections; and a
    small network with the first, trained from several seeds. Its runs that this machine
    has already, with the very same configuration, are not trained anew, and one that was
    interrupted goes on.

    Args:
        data: FER2013's CSV.
        votes: FER+, which take part in the audit and are the other reference.
        least: how sure a label error must be to be corrected; a training for each.
        epochs: of the network.
        seed: of the audit, and the first of the network.
        model: whose features the audit uses.
        network: train it as well.
        repeats: trainings of the network per set of corrections, each from another seed.

    Returns:
        Per learner and training what was corrected, and ``figures`` by split and kind of
        :data:`LABELS`: ``faces``, ``accuracy``, and beside the training without
        corrections the ``difference`` with the half width of its 95 % interval and, of
        several seeds, what each says; accuracy and difference are their means.
    """
    dataset = load(data, votes)
    counts = counts_of(dataset, votes)
    found = audit(dataset, model=model, counts=counts, seed=seed)
    overlays = {_UNCHANGED: Overlay.of(found.to_overlay().events[:0])}
    kinds = ("exact", "near", "blank", "no_face")
    overlays[_CLEANED] = found.to_overlay(kinds=kinds, split="Training")
    for one in least:
        overlays[f"labels from {one:g}"] = found.to_overlay(split="Training", least=one)
    values = gradients(dataset.faces)
    said = {"linear": {n: [_linear(dataset, values, o)] for n, o in overlays.items()}}
    epoch, seeds = {}, list(range(seed, seed + repeats))
    if network:
        said["network"] = {}
        for name in (_UNCHANGED, f"labels from {least[0]:g}"):
            runs = [_trained(data, overlays[name], epochs, one) for one in seeds]
            said["network"][name] = [_probabilities(run, dataset) for run in runs]
            epoch[name] = [run.state()["best_epoch"] for run in runs]
    return {
        "audit": found.summary["labels"]["model"],
        "command": command(configure(**RECIPE, data=Path(data).name, epochs=epochs, seed=seed)),
        "seeds": seeds,
        "epoch": epoch,
        "corrections": {
            name: {"relabelled": _number(o, "label"), "left_out": _number(o, "exclude")}
            for name, o in overlays.items()
        },
        "learners": {
            learner: {name: _figures(dataset, counts, of, name) for name in of}
            for learner, of in said.items()
        },
    }


def _number(overlay: Overlay, action: str) -> int:
    return int((overlay.events["action"] == action).sum())


def _linear(dataset: Dataset, values: np.ndarray, overlay: Overlay) -> np.ndarray:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    numbered = Dataset(  # carries the rows through the corrections
        dataset.name, dataset.faces, dataset.labels, dataset.usage, rows=np.arange(len(dataset))
    )
    corrected = overlay.apply(numbered).split("Training")
    learner = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    learner.fit(values[corrected.rows], corrected.labels)
    result = np.zeros((len(dataset), len(EMOTIONS)), np.float32)
    tested = dataset.usage != "Training"
    result[tested] = learner.predict_proba(values[tested])
    return result


def _trained(data: str, overlay: Overlay, epochs: int, seed: int) -> TrainingRun:
    file = None
    if len(overlay.events):
        file = settings().saved_files / "proposed.csv"
        write_bytes(file, overlay.to_csv())
    config = configure(**RECIPE, data=data, corrections=file, epochs=epochs, seed=seed)
    run = _known(config)
    if run is None:
        return train(config)
    return run if run.state()["status"] == "trained" else resume(run.name)


def _known(config: TrainConfig) -> TrainingRun | None:
    for run in list_runs():
        with suppress(TrainingError):  # a damaged folder is none of ours
            if run.config == config:
                return run
    return None


def _probabilities(run: TrainingRun, dataset: Dataset) -> np.ndarray:
    from fer_core.train.fit import probabilities

    result = np.zeros((len(dataset), len(EMOTIONS)), np.float32)
    tested = dataset.usage != "Training"
    result[tested] = probabilities(run, dataset.faces[tested])
    return result


def _figures(
    dataset: Dataset, counts: np.ndarray, said: dict[str, list[np.ndarray]], name: str
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
    labels: np.ndarray, of: np.ndarray, said: dict[str, list[np.ndarray]], name: str
) -> dict[str, Any]:
    def right(name: str) -> np.ndarray:
        return np.stack([one[of].argmax(axis=1) == labels[of] for one in said[name]]).astype(float)

    result: dict[str, Any] = {"faces": int(of.sum()), "accuracy": float(right(name).mean())}
    if name != _UNCHANGED:
        # All answer for the same faces: only those that one alone gets right count.
        apart = right(name) - right(_UNCHANGED)
        face = apart.mean(axis=0)
        result["difference"] = float(face.mean())
        result["within"] = float(1.96 * face.std() / np.sqrt(len(face)))
        if len(apart) > 1:
            result["seeds"] = apart.mean(axis=1).tolist()
    return result


def to_markdown(result: dict[str, Any]) -> str:
    """Return the result as text and tables."""
    done = [
        (name, f"{row['left_out']:,}", f"{row['relabelled']:,}")
        for name, row in result["corrections"].items()
    ]
    titles = {
        "linear": "**A linear discriminant** on histograms of gradients of the pixels; nothing in "
        "it is random.",
        "network": f"**A small network**, `{result['command']}`, once without and once with "
        "`--corrections`; PublicTest chose the epoch ("
        + ", ".join(f"{name}: {_and(of)}" for name, of in result["epoch"].items())
        + f"). Means over the seeds {_and(result['seeds'])}. The difference of each seed "
        "stands behind, because the interval covers the choice of test faces and not of seeds.",
    }
    parts = [
        "FER2013's Training as it is, and with the proposals of the audit (features of "
        f"{result['audit']}, FER+ votes): copies and pictures without a face are left out, and "
        "labels are changed if the error is at least as sure as the name says. All trainings are "
        "measured on the same faces and labels. The brackets hold the difference to the first "
        "column in points, with its 95 % interval over the test faces. The corrections follow "
        "FER+, so it is no surprise that a learner comes nearer to FER+. Whether it predicts the "
        "dataset's own labels better is the harder question.",
        markdown(("training", "left out", "relabelled"), done),
    ]
    for learner, trainings in result["learners"].items():
        parts.append(titles[learner])
        rows = [
            (
                f"{split}, {words} ({of[_UNCHANGED]['faces']:,})",
                *(_cell(one) for one in of.values()),
            )
            for split in ("PublicTest", "PrivateTest")
            for kind, words in LABELS.items()
            for of in [{name: figures[split][kind] for name, figures in trainings.items()}]
        ]
        parts.append(markdown(("faces", *trainings), rows))
    how = f"corrections --data fer2013.csv.xz --votes fer2013new.csv --model {result['audit']}"
    parts.append(again(how + ("" if "network" in result["learners"] else " --no-network")))
    return "\n\n".join(parts)


def _cell(one: dict[str, Any]) -> str:
    words = f"{one['accuracy']:.2%}"
    if "difference" in one:
        each = f"; {_and(f'{100 * d:+.2f}' for d in one['seeds'])}" if "seeds" in one else ""
        words += f" ({100 * one['difference']:+.2f} ± {100 * one['within']:.2f}{each})"
    return words


def _and(values: Iterable[object]) -> str:
    return " and ".join(map(str, values))
