"""Long work on a model, in a process of its own: ``python -m fer_core.zoo.create NAME``.

Its folder under ``FER_HOME/making`` has the model's name and holds what was asked
(``config.json``) besides what all long work has, see :mod:`fer_core.jobs`; the status at the
end is ``done``.
"""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from fer_core.datasets import load
from fer_core.ensemble import Weights, check_weights
from fer_core.errors import ModelError
from fer_core.files import remove_folder, write_json
from fer_core.jobs import NO_LIMITS, Job, Limits, run_worker
from fer_core.models.catalogue import check_new_name, find_model
from fer_core.progress import seconds_left
from fer_core.settings import settings
from fer_core.zoo import ensembles
from fer_core.zoo.calibrate import evaluate_private, evaluate_source

_ACTS: Final = ("ensemble", "private", "source")


@dataclass(frozen=True)
class ModelJob(Job):
    """An ensemble that is made, or a model that is measured on faces that choose nothing."""

    kind = "job"
    error = ModelError
    taken = "Something is done with the model {name} already."
    worker = "fer_core.zoo.create"

    @property
    def config(self) -> dict[str, Any]:
        """Return what was asked: ``what`` (one of :data:`_ACTS`), ``data`` and, of an
        ensemble, ``members`` and ``weights``.
        """
        try:
            config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            if config["what"] in _ACTS and isinstance(config["data"], str):
                return config
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            pass
        raise ModelError(f"What was to be done with {self.name} is not known.")

    def delete(self) -> None:
        """End it where it runs, and forget it; the models stay as they are."""
        if self.busy():
            self.stop()
        if self.path.exists():
            remove_folder(self.path)


def make_ensemble(
    name: str,
    members: list[str],
    data: str,
    weights: Weights = "equal",
    label_order: str | None = None,
    owner: str = "",
    limits: Limits = NO_LIMITS,
) -> ModelJob:
    """Begin to make an ensemble, measured on PublicTest of a dataset.

    Args:
        name: of the new model.
        members: who votes, see :func:`fer_core.zoo.ensembles.save`.
        data: the dataset, see :func:`fer_core.datasets.load`.
        weights: see :data:`fer_core.ensemble.Weights`.
        label_order: Of the dataset, see :func:`fer_core.datasets.load`.
        owner: Opaque text that says in whose limits it counts.
        limits: What the owner may use.

    Raises:
        ModelError: the name or the members cannot be taken.
    """
    check_new_name(name)
    ensembles.check_members(members)
    check_weights(weights, len(members))
    config: dict[str, Any] = {"what": "ensemble", "data": data, "members": members}
    config["label_order"] = label_order
    config["weights"] = weights if isinstance(weights, str) else list(weights)
    return _start(name, config, owner, limits)


def measure(
    name: str,
    what: Literal["private", "source"],
    data: str,
    label_order: str | None = None,
    owner: str = "",
    limits: Limits = NO_LIMITS,
) -> ModelJob:
    """Begin to measure a model, whose card then has the figures.

    Args:
        name: Of a model of this machine.
        what: On PrivateTest (:func:`fer_core.zoo.calibrate.evaluate_private`), or on a source that
            reports (:func:`fer_core.zoo.calibrate.evaluate_source`).
        data: The dataset, see :func:`fer_core.datasets.load`.
        label_order: Likewise.
        owner: Opaque text that says in whose limits it counts.
        limits: What the owner may use.

    Raises:
        ModelError: there is none of that name, or it ships with the project.
    """
    if find_model(name).path.parent != settings().models:
        raise ModelError(f"{name} ships with the project, and so do its figures.")
    return _start(name, {"what": what, "data": data, "label_order": label_order}, owner, limits)


def list_jobs() -> list[ModelJob]:
    """Return what is done with models now, or ended and was not seen to yet; the oldest first."""
    found = [ModelJob(path) for path in settings().model_jobs.glob("[!.]*/")]
    return sorted(found, key=lambda job: job.state().get("created", ""))


def _start(name: str, config: dict[str, Any], owner: str, limits: Limits) -> ModelJob:
    job = ModelJob(settings().model_jobs / name)
    if job.busy():
        raise ModelError(job.taken.format(name=name))
    try:
        job.path.mkdir(parents=True, exist_ok=True)
        write_json(job.path / "config.json", config)
        job.write_state(status="created", owner=owner)
        job.spawn(limits=limits)
    except OSError as error:
        raise ModelError(f"{job.path} cannot be written: {error.strerror}.") from error
    return job


def _run(job: ModelJob) -> None:
    config, begun = job.config, time.monotonic()

    def tell(share: float) -> None:
        job.write_progress({"share": round(share, 3), "seconds_left": seconds_left(begun, share)})

    data = load(config["data"], label_order=config.get("label_order"))
    if config["what"] == "ensemble":
        ensembles.save(
            config["members"],
            data.split("PublicTest"),
            settings().models / job.name,
            weights=config["weights"],
            on_progress=tell,
        )
    else:
        evaluate = evaluate_private if config["what"] == "private" else evaluate_source
        evaluate(find_model(job.name), data)
    job.write_state(status="done")


def main(name: str) -> int:
    """Do the work called ``name``; returns the exit status."""

    def do() -> None:
        job = ModelJob(settings().model_jobs / name)
        with job.hold():
            _run(job)

    return run_worker(do)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
