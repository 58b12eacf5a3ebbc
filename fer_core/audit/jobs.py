"""An audit in a process of its own: ``python -m fer_core.audit.jobs NAME``.

Its folder under ``FER_HOME/audits`` holds what it was asked (``config.json``), what it
found (``summary.json``, ``problems.csv``) and what it saw (``seen.npz``).
"""

import contextlib
import json
import sys
import time
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from fer_core.audit import STEPS, Audit, audit
from fer_core.audit.network import explainable, features
from fer_core.classifier import load_classifier
from fer_core.datasets import Dataset, load
from fer_core.datasets.ferplus import counts_of
from fer_core.datasets.identity import digest
from fer_core.errors import DatasetError
from fer_core.evaluation.predictions import predictions
from fer_core.extras import require
from fer_core.files import remove_folder, write_atomic, write_bytes, write_json
from fer_core.jobs import NO_LIMITS, Job, Kind, Limits, run_worker
from fer_core.models.catalogue import default_model, find_model
from fer_core.preprocess import FACE_SIZE
from fer_core.settings import settings

_READING: Final = "Reading every face with the model"
_STEPS: Final = (_READING, *STEPS)
#: What reading a damaged file raises.
_DAMAGED: Final = (OSError, ValueError, LookupError, EOFError, RecursionError, zipfile.BadZipFile)

#: Of an audit: seconds to load Keras and the rest, and how often as long as the predictions all
#: of it takes per face, as measured with the shipped models.
_START_SECONDS: Final = 14.0
_TIMES_AS_LONG: Final = 3.0
#: Faces that are read to learn how fast a model is.
_TRIED: Final = 32


@dataclass(frozen=True)
class AuditJob(Job):
    """One audit of a dataset with a model."""

    kind: ClassVar[str] = "audit"
    error: ClassVar[type[DatasetError]] = DatasetError
    taken: ClassVar[str] = "This dataset is being looked through already."
    worker: ClassVar[str] = "fer_core.audit.jobs"
    progress_types: ClassVar[dict[str, Kind]] = Job.progress_types | {"what": str}

    @classmethod
    def of(cls, dataset: Dataset, model: str | None = None) -> "AuditJob":
        """Return the audit of a dataset as it was read, whether it was made or not."""
        folder = find_model(model or default_model())
        votes = [] if dataset.votes is None else [dataset.votes]
        content = digest(dataset.faces, dataset.labels, *votes)
        version = folder.card.files[folder.card.exported][:8]
        return cls(settings().audits / f"{content}-{folder.name}-{version}")

    @property
    def done(self) -> bool:
        """Return whether it is there to be read."""
        return self.path.is_dir() and self.state()["status"] == "done"

    def start(
        self,
        source: str,
        votes: Path | None,
        skip_bad: bool,
        model: str | None,
        label_order: str | None = None,
        owner: str = "",
        limits: Limits = NO_LIMITS,
    ) -> None:
        """Begin, in a process of its own.

        Args:
            source: See :func:`fer_core.datasets.load`; so are the next two.
            votes: Likewise.
            skip_bad: Likewise.
            model: Whose predictions and features are used; the default without.
            label_order: See :func:`fer_core.datasets.load`.
            owner: Opaque text that says in whose limits it counts.
            limits: What the owner may use.

        Raises:
            FerError: Keras is not installed.
        """
        require("keras", "An audit", "train")
        self.path.mkdir(parents=True, exist_ok=True)
        config = {
            "source": str(source),
            "votes": str(votes) if votes else None,
            "skip_bad": skip_bad,
            "model": model or default_model(),
            "label_order": label_order,
        }
        write_json(self.path / "config.json", config)
        self.write_state(status="created", owner=owner)
        self.spawn(limits=limits)

    def problem(self) -> str | None:
        """Return what is wrong with a finished audit; ``None`` where nothing is."""
        if not self.path.is_dir():
            return None
        if self.state()["status"] == "damaged":
            return str(self._damaged())
        try:
            if self.done:
                self.result()
                len(self._arrays)
        except DatasetError as error:
            return str(error)
        return None

    def delete(self) -> None:
        """End it where it runs, and delete what it found."""
        if self.busy():
            self.stop()
        with contextlib.suppress(FileNotFoundError):
            remove_folder(self.path)

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            with np.load(self.path / "seen.npz") as file:
                return {name: file[name] for name in ("probabilities", "features", "map")}
        except _DAMAGED as error:
            raise self._damaged() from error

    def _damaged(self) -> DatasetError:
        return DatasetError(
            "What was found is damaged: delete it, and look through the faces again."
        )

    @property
    def probabilities(self) -> np.ndarray:
        """Return ``(N, 7)``: what the exported file says of every face."""
        return self._arrays["probabilities"]

    @property
    def features(self) -> np.ndarray:
        """Return ``(N, D)`` ``float32``, see :func:`fer_core.audit.network.features`."""
        return self._arrays["features"]

    @property
    def map(self) -> np.ndarray:
        """Return ``(N, 2)``: the features' two principal components."""
        return self._arrays["map"]

    def result(self) -> Audit:
        """Return what was found.

        Raises:
            DatasetError: It is damaged.
        """
        try:
            problems = pd.read_csv(self.path / "problems.csv", keep_default_na=False)
            summary = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except _DAMAGED as error:
            raise self._damaged() from error
        if not isinstance(summary, dict) or not isinstance(summary.get("labels"), dict):
            raise self._damaged()
        if missing := {"kind", "face", "row", "split", "proposal"} - set(problems):
            raise self._damaged() from LookupError(missing)
        return Audit(problems, summary)


def expected_seconds(faces: int, model: str | None = None) -> float:
    """Return how long an audit will about take on this machine, as busy as it is.

    It follows from the last audit with the model, where there is one, and otherwise from how fast
    the model reads a few faces now.

    Args:
        faces: How many there are.
        model: Whose predictions and features are used; the default without.

    Raises:
        ModelError: There is no such model.
    """
    model = model or default_model()
    known = [_pace(AuditJob(path)) for path in settings().audits.glob("*/")]
    before = [(when, pace) for when, of, pace in filter(None, known) if of == model]
    if before:
        return _START_SECONDS + faces * max(before)[1]
    classifier = load_classifier(model)
    some = np.random.default_rng(0).integers(0, 256, (_TRIED, FACE_SIZE, FACE_SIZE), np.uint8)
    times = []
    for _ in range(3):  # the first loads what the model needs
        begun = time.monotonic()
        classifier.predict_faces(some)
        times.append(time.monotonic() - begun)
    return _START_SECONDS + faces * _TIMES_AS_LONG * min(times[1:]) / _TRIED


def _pace(job: AuditJob) -> tuple[float, str, float] | None:
    """Return when an audit ended, its model, and its seconds per face; ``None`` of others."""
    try:
        config = json.loads((job.path / "config.json").read_text(encoding="utf-8"))
        seconds, faces = float(job.state()["seconds"]), int(job.result().summary["faces"])
        when = (job.path / "summary.json").stat().st_mtime
        return when, str(config["model"]), max(0.0, seconds - _START_SECONDS) / faces
    except (*_DAMAGED, DatasetError, TypeError, ZeroDivisionError):
        return None


def run_audit(job: AuditJob) -> None:
    """Do it, in this process."""
    config: dict[str, Any] = json.loads((job.path / "config.json").read_text(encoding="utf-8"))
    votes = Path(config["votes"]) if config["votes"] else None
    dataset = load(
        config["source"],
        votes,
        skip_bad=config["skip_bad"],
        label_order=config.get("label_order"),  # audits of earlier versions lack it
    )
    begun = time.monotonic()
    steps: dict[str, float] = {}

    def tell(what: str, share: float) -> None:
        steps.setdefault(what, time.monotonic())
        spent = time.monotonic() - steps[what]
        left = spent / share - spent if share > 0.02 else None
        words = f"Step {_STEPS.index(what) + 1} of {len(_STEPS)}: {what}"
        job.write_progress({"what": words, "share": round(share, 3), "seconds_left": left})

    said = predictions(config["model"], dataset, lambda share: tell(_READING, share))
    counts = counts_of(dataset, votes) if votes else None
    found = audit(dataset, model=config["model"], counts=counts, on_progress=tell)
    seen = features(dataset.faces, explainable(config["model"]))
    arrays = {"probabilities": said, "features": seen, "map": _flat(seen)}
    write_atomic(job.path / "seen.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    write_bytes(job.path / "problems.csv", found.problems.to_csv(index=False).encode())
    write_json(job.path / "summary.json", found.summary)
    job.write_state(status="done", seconds=round(time.monotonic() - begun, 1))


def _flat(values: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import PCA

    return PCA(2, random_state=0).fit_transform(values).astype(np.float32)


def main(name: str) -> int:
    """Do the audit ``name``; returns the exit status."""

    def do() -> None:
        job = AuditJob(settings().audits / name)
        with job.hold():
            run_audit(job)

    return run_worker(do)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
