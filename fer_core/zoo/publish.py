"""From a finished training run to a model that ships: rounded, calibrated, exported,
measured, and described by its card.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fer_core.calibration import fit_temperature
from fer_core.datasets.base import SPLITS, Dataset
from fer_core.emotions import EMOTIONS
from fer_core.models import starting_weights
from fer_core.models.architectures.registry import architecture
from fer_core.models.card import ClassFrequencies, Stored, Training
from fer_core.models.catalogue import ModelFolder, check_new_name
from fer_core.models.keras_settings import our_keras
from fer_core.models.outputs import outputs
from fer_core.models.recipe import Recipe
from fer_core.system import describe_machine
from fer_core.train import origin
from fer_core.train.command import command
from fer_core.train.config import TrainConfig
from fer_core.train.fit import load_best
from fer_core.train.origin import RunData
from fer_core.train.runs import TrainingRun
from fer_core.zoo.calibrate import calibrate_model
from fer_core.zoo.export import round_weights, save_model


@our_keras()
def publish(
    run: TrainingRun,
    dataset: Dataset,
    folder: Path,
    *,
    flip: bool = False,
    stored: Stored = "float32",
    keras_form: bool = True,
    brief: bool = False,
    splits: Collection[str] | None = None,
    cycle: int | None = None,
    overwrite: bool = False,
    data: str = "",
    licence: str = "",
    notes: str = "",
) -> ModelFolder:
    """Write a model folder from the best weights of a run.

    PublicTest, which chose the weights, also fits the temperature. PrivateTest is
    measured here, once, and decides nothing. A split with faces that the run was trained on
    gives no figures: the card says so.

    Args:
        run: a finished run.
        dataset: What measures it: the data that it was trained on, or other data, which the
            card then names.
        folder: where the model goes; its name becomes the model's.
        flip: build the mean over both mirror images into the exported file.
        stored: see :func:`fer_core.zoo.export.save_model`.
        keras_form: see there.
        brief: see :func:`fer_core.zoo.calibrate.calibrate_model`.
        splits: likewise.
        cycle: take the weights at the end of this cycle, see
            :func:`fer_core.train.fit.load_best`.
        overwrite: Whether it may replace a model of that name, see
            :func:`fer_core.models.catalogue.check_new_name`.
        data: what the card says of the data.
        licence: what the card says of the licence.
        notes: what else the card says of how it was made.

    Raises:
        ModelError: the name is not allowed or taken; nothing was computed then.
    """
    check_new_name(folder.name, folder.parent, overwrite=overwrite)
    config = run.config
    public = _public(config)
    core = load_best(run, cycle)
    round_weights(core)
    origins = _Origins.of(run, dataset)
    validation = dataset.take(~origins.known).split("PublicTest")
    faces = validation.faces[..., None].astype(np.float32)
    views = [faces, faces[:, :, ::-1]] if flip else [faces]
    logits = np.stack([outputs(core, view) for view in views])
    fitted = fit_temperature(logits, validation.labels)
    of = architecture(config.model)
    fold = f"Trained as {config.fold} of a cross-validation." if config.fold else ""
    return save_model(
        core,
        folder,
        temperature=fitted.value,
        flip=flip,
        stored=stored,
        keras_form=keras_form,
        overwrite=overwrite,
        calibrate=partial(
            calibrate_model, dataset=dataset, brief=brief, splits=origins.measured(splits)
        ),
        title=of.title,
        architecture=of.name,
        reference=of.reference,
        licence=licence,
        data=data,
        notes=" ".join(filter(None, (notes, fold, fitted.refused, *origins.sentences()))),
        starting_weights=_started_from(config),
        command=command(public),
        recipe=Recipe.model_validate(public.model_dump(exclude={"fold"})),
        class_frequencies=origins.frequencies,
        training=_history(run),
    )


@dataclass(frozen=True)
class _Origins:
    """What a run was trained on, and what measures it.

    Attributes:
        trained: The data of the run.
        other: The data that measures it, where that is other data.
        known: ``(N,)`` ``bool``, the faces of the measuring data that the run was trained on;
            of the run's own data, those outside the split Training.
        withheld: For each split that gives no figures for that reason, how many faces.
        frequencies: Training faces of each emotion.
    """

    trained: RunData
    other: RunData | None
    known: np.ndarray
    withheld: dict[str, int]
    frequencies: ClassFrequencies | None

    @classmethod
    def of(cls, run: TrainingRun, dataset: Dataset) -> "_Origins":
        now = origin.describe(dataset)
        trained = origin.stored(run) or now
        known = origin.trained_on(run, dataset)
        found = {split: int(known[dataset.usage == split].sum()) for split in dataset.counts()}
        counts = dict(zip(EMOTIONS, trained.training, strict=True))
        return cls(
            trained,
            None if trained.is_same(now) else now,
            known,
            {split: count for split, count in found.items() if count},
            ClassFrequencies(**{emotion.lower(): n for emotion, n in counts.items()})
            if any(counts.values())
            else None,
        )

    def measured(self, splits: Collection[str] | None) -> Collection[str] | None:
        """Return which splits to measure of those asked for; ``None`` stands for all."""
        if not self.withheld:
            return splits
        return [one for one in (SPLITS if splits is None else splits) if one not in self.withheld]

    def sentences(self) -> list[str]:
        """Return what the card says of it."""
        said = []
        if self.other:
            said.append(f"Trained on {self.trained}, measured on {self.other}.")
        said += [
            f"Of {split}, {count:,} faces are also in the training data, so this split gives no "
            "figures."
            for split, count in self.withheld.items()
        ]
        return said


def _public(config: TrainConfig) -> TrainConfig:
    # Where files lay on the training machine is nobody's business.
    return config.model_copy(
        update={
            "data": Path(config.data).name,
            "votes": config.votes and Path(config.votes.name),
            "mix": {Path(path).name: weight for path, weight in config.mix.items()},
            "mix_label_order": {
                Path(path).name: order for path, order in config.mix_label_order.items()
            },
            "weights": Path(config.weights).name,
        }
    )


def _started_from(config: TrainConfig) -> str:
    """Return what the card says of starting weights; those of a run are followed to its own."""
    before = TrainingRun(Path(config.weights).parent)
    if not Path(config.weights).is_file() or not (before.path / "config.json").is_file():
        return starting_weights.about(config.weights)
    return starting_weights.trained_here(
        f"{Path(config.weights).name} of a run of ",
        _history(before),
        command(_public(before.config)),
        _started_from(before.config),
    )


def _history(run: TrainingRun) -> Training:
    state, rows = run.state(), run.metrics()
    return Training(
        epochs=len(rows),
        best_epoch=state.get("best_epoch"),
        minutes=round(sum(row["seconds"] for row in rows) / 60, 1),
        backend=state.get("backend"),
        machine=state.get("machine", f"{describe_machine()}, no GPU"),
    )
