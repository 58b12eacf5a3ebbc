"""What could make a network more accurate, each beside the plain recipe, on a small network.

Every run is a whole cycle of the learning rate with the weights of its end, so nothing is chosen
on PublicTest. A small network and few epochs tell which ideas are worth the hours of a large one,
not what they bring there: mixing faces and softer targets often pay only with more epochs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import keras
import numpy as np
from scipy.special import softmax

from benchmarks.report import MEASURED
from benchmarks.versus import again, environment
from fer_core.audit import labels
from fer_core.audit.network import explainable, features, gradients, out_of_fold
from fer_core.datasets import load
from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.files import write_json
from fer_core.models.architectures import registry
from fer_core.preprocess import FACE_SIZE
from fer_core.train import optimize
from fer_core.train.batches import Batches, feed
from fer_core.train.callbacks import logits
from fer_core.train.config import TrainConfig
from fer_core.train.kernels import use_quick_kernels
from fer_core.train.presets import preset
from fer_core.train.teacher import answers
from fer_core.zoo.readme import table

#: Side of the faces, and share of the epochs that they have it.
SMALL: Final = (32, 0.6)
#: How far the weights go uphill before the gradient is taken, as in the paper.
SHARPNESS: Final = 0.05
#: How much the second head counts beside the first.
SECOND: Final = 0.5


@dataclass(frozen=True)
class Variant:
    """One idea, and the recipe's settings that it changes.

    Attributes:
        what: It, with its paper.
        settings: Of :class:`~fer_core.train.config.TrainConfig`.
        teacher: The model that has half of every target.
        cutmix: Whether a box of each face comes from another one.
        sharp: Whether the gradient is taken uphill.
        second_head: Whether a second last layer learns the votes.
        small_first: Whether the first epochs have smaller faces.
        without_errors: Whether faces that the audit calls wrongly labelled are left out.
    """

    what: str
    settings: dict[str, Any]
    teacher: str | None = None
    cutmix: bool = False
    sharp: bool = False
    second_head: bool = False
    small_first: bool = False
    without_errors: bool = False


VARIANTS: Final = {
    "plain": Variant("the recipe, with label smoothing 0.1", {}),
    "vgg": Variant("half of every target from `vgg`", {"label_smoothing": 0.0}, teacher="vgg"),
    "ensemble": Variant(
        "half of every target from `ensemble`: a second generation",
        {"label_smoothing": 0.0},
        teacher="ensemble",
    ),
    "votes": Variant(
        "half of every target from FER+ (Barsoum et al. 2016)",
        {"label_smoothing": 0.0, "votes_share": 0.5},
    ),
    "second head": Variant(
        "FER+ as a second head, half as important", {"label_smoothing": 0.0}, second_head=True
    ),
    "mixup": Variant("mixup, 0.2 (Zhang et al. 2018)", {"label_smoothing": 0.0, "mixup": 0.2}),
    "CutMix": Variant(
        "CutMix of every batch (Yun et al. 2019)", {"label_smoothing": 0.0}, cutmix=True
    ),
    "SAM": Variant(
        f"sharpness-aware minimisation, {SHARPNESS} (Foret et al. 2021)", {}, sharp=True
    ),
    "larger late": Variant(
        f"faces of {SMALL[0]} pixels in the first {SMALL[1]:.0%} of the epochs, then "
        f"{FACE_SIZE} (Tan & Le 2021)",
        {},
        small_first=True,
    ),
    "no label errors": Variant(
        "without the faces that the audit calls wrongly labelled", {}, without_errors=True
    ),
}


def run_recipes(
    data: str,
    votes: Path,
    model: str = "fast",
    epochs: int = 12,
    seeds: int = 2,
    only: tuple[str, ...] = (),
    save: bool = False,
) -> dict[str, Any]:
    """Train a network once per variant and seed, and measure it on PublicTest.

    Args:
        data: Path of FER2013.
        votes: Those of FER+.
        model: Architecture, trained by its recommended recipe without its weight average.
        epochs: Of every run: one whole cycle.
        seeds: From 0.
        only: Names of :data:`VARIANTS`; all without.
        save: Keep what is measured after every run; runs that are kept are not repeated.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    dataset = load(data, votes)
    training, validation = dataset.split("Training"), dataset.split("PublicTest")
    kept = MEASURED / "recipes.json"
    asked = {"model": model, "epochs": epochs, "data": data}
    result: dict[str, Any] = asked | {"machine": environment(), "runs": {}, "voting": None}
    if save and kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))
        if {name: before[name] for name in asked} == asked:
            result = before
    said: list[np.ndarray] = []
    for seed in range(seeds):
        for name in only or VARIANTS:
            runs = result["runs"].setdefault(name, {})
            # The answers of the plain ones are needed for their vote.
            if str(seed) in runs and name != "plain":
                continue
            found = _train(VARIANTS[name], training, validation, model, epochs, seed)
            right = found.argmax(axis=1) == validation.labels
            runs[str(seed)] = float(right.mean())
            if name == "plain":
                said.append(found)
                voted = np.mean(said, axis=0).argmax(axis=1)
                result["voting"] = float((voted == validation.labels).mean())
            if save:
                write_json(kept, result)
    return result


@keras.saving.register_keras_serializable("benchmarks")
class Sharp(keras.Model):
    """A network whose gradient is that of the worst place nearby (Foret et al. 2021,
    arXiv 2010.01412); on TensorFlow.
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """Update the weights with one batch."""
        import tensorflow as tf

        faces, targets = data
        weights = self.trainable_variables

        def gradients_here() -> tuple[Any, list[Any]]:
            with tf.GradientTape() as tape:
                answers = self(faces, training=True)
                loss = self.compute_loss(x=faces, y=targets, y_pred=answers)
            return loss, tape.gradient(loss, [weight.value for weight in weights])

        loss, uphill = gradients_here()
        scale = SHARPNESS / (tf.linalg.global_norm(uphill) + 1e-12)
        steps = [scale * tf.cast(one, tf.float32) for one in uphill]
        for weight, step in zip(weights, steps, strict=True):
            weight.assign_add(step)
        _, found = gradients_here()
        for weight, step in zip(weights, steps, strict=True):
            weight.assign_sub(step)
        self.optimizer.apply(found, weights)
        return {"loss": loss}


class _Varied(Batches):
    """Batches with a variant's own changes; targets have a second half where there is a
    second head.
    """

    def __init__(
        self, data: Dataset, config: TrainConfig, variant: Variant, side: int, teacher: Any
    ) -> None:
        super().__init__(data, config, 0, teacher)
        self._variant, self._side = variant, side
        if variant.second_head and data.votes is not None:
            self._targets = np.hstack([self._targets, data.votes])

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        faces, targets = super().__getitem__(index)
        if self._variant.cutmix:
            rng = np.random.default_rng([self._config.seed, self.epoch, index, 1])
            faces, targets = cutmix(faces, targets, rng)
        if self._side != FACE_SIZE:
            faces = resized(faces, self._side)
        return faces, targets


def cutmix(
    faces: np.ndarray, targets: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Put a box of another face of the batch into each face (Yun et al. 2019, arXiv 1905.04899).

    Args:
        faces: ``(B, 48, 48, 1)``.
        targets: ``(B, C)``; of each row the share of the box's area is the other face's.
        rng: Source of chance.

    Returns:
        Both, changed; the arguments stay as they are.
    """
    share, side = rng.random(), FACE_SIZE
    half = np.sqrt(1 - share) * side / 2
    middle = rng.uniform(0, side, 2)
    (top, left), (bottom, right) = (
        np.clip(np.rint(middle + way * half), 0, side).astype(int) for way in (-1, 1)
    )
    other = rng.permutation(len(faces))
    out = faces.copy()
    out[:, top:bottom, left:right] = faces[other, top:bottom, left:right]
    taken = np.float32((bottom - top) * (right - left) / side**2)
    return out, (1 - taken) * targets + taken * targets[other]


def resized(faces: np.ndarray, side: int) -> np.ndarray:
    """Return faces ``(B, 48, 48, 1)`` as ``(B, side, side, 1)``."""
    small = [cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in faces]
    return np.stack(small)[..., None]


@dataclass(frozen=True)
class _Teacher:
    """What a model says of the training faces."""

    said: np.ndarray

    def targets(self, rows: np.ndarray, faces: np.ndarray) -> np.ndarray:
        return self.said[rows]


def _train(
    variant: Variant,
    training: Dataset,
    validation: Dataset,
    model: str,
    epochs: int,
    seed: int,
) -> np.ndarray:
    """Return what a new network says of the validation faces: ``(N, 7)``."""
    settings = preset("recommended", model) | variant.settings
    settings |= {"model": model, "data": training.name, "epochs": epochs, "seed": seed}
    config = TrainConfig(**settings)
    teacher = _Teacher(answers(variant.teacher, training.faces)) if variant.teacher else None
    if variant.without_errors:
        training = training.take(~label_errors(training))

    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(config.precision)
    network = registry.build(model, **config.model_options)
    outputs = network.output
    if variant.second_head:
        second = keras.layers.Dense(len(EMOTIONS), dtype="float32", name="votes")
        outputs = keras.layers.Concatenate(dtype="float32")(
            [outputs, second(network.get_layer("logits").input)]
        )
    learner = (Sharp if variant.sharp else keras.Model)(network.input, outputs)
    use_quick_kernels(learner)
    batches = _Varied(training, config, variant, FACE_SIZE, teacher)
    steps = len(batches)
    optimize.shorten_memory(learner, steps * epochs)
    optimizer = optimize.optimizer(config, steps)
    stages = [(learner, batches, epochs)]
    if variant.small_first:
        small = keras.Input((SMALL[0], SMALL[0], 1))
        same = keras.models.clone_model(
            network, input_tensors=small, clone_function=lambda layer: layer
        )
        first = _Varied(training, config, variant, SMALL[0], teacher)
        stages.insert(0, (same, first, round(SMALL[1] * epochs)))
    done = 0
    for stage, faces, end in stages:
        stage.compile(optimizer, _loss(config.label_smoothing, variant.second_head))
        for epoch in range(done, end):
            faces.epoch = epoch
            stage.fit(feed(faces), initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        done = end
    return _answers(network, validation.faces)


def _answers(network: keras.Model, faces: np.ndarray) -> np.ndarray:
    """Return what a network says of faces ``(N, 48, 48)``, both ways round: ``(N, 7)``."""
    both = (faces, faces[:, :, ::-1])
    return np.mean([softmax(logits(network, seen), axis=1) for seen in both], axis=0)


def _loss(smoothing: float, second_head: bool) -> Callable[[Any, Any], Any]:
    """Return the loss; with a second head it is the first's and a share of the second's."""
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    number = len(EMOTIONS)

    def both(targets: Any, answers: Any) -> Any:
        first = plain(targets[:, :number], answers[:, :number])
        return first + SECOND * plain(targets[:, number:], answers[:, number:])

    return both if second_head else plain


def label_errors(training: Dataset) -> np.ndarray:
    """Return which faces the audit calls wrongly labelled, ``(N,)``; no votes help it."""
    views = (features(training.faces, explainable()), gradients(training.faces))
    found = labels.find(training.labels, out_of_fold(views, training.labels))
    return found.wrong


def to_markdown(result: dict[str, Any]) -> str:
    """Return the section of docs/results.md."""
    runs, machine = result["runs"], result["machine"]
    means = {name: np.mean([*of.values()]) for name, of in runs.items()}
    rows = [
        (
            name,
            VARIANTS[name].what,
            ", ".join(f"{one:.2%}" for one in of.values()),
            f"{100 * (means[name] - means['plain']):+.2f}" if name != "plain" else "",
        )
        for name, of in sorted(runs.items(), key=lambda item: -means[item[0]])
    ]
    number, data = len(runs["plain"]), Path(result["data"]).name
    head = ("", "what is different", "PublicTest, by seed", "points beside plain")
    how = f"--model {result['model']} --epochs {result['epochs']}"
    return "\n\n".join(
        [
            f"Ideas tried on a small network, `{result['model']}`, {result['epochs']} epochs each "
            f"on {machine['cores']} cores, {machine['processor']}, with the weights of the last "
            "epoch and both mirror images. Of 3,589 faces, a difference below about a point may be "
            "chance.",
            table(head, rows),
            f"The {number} plain networks voting together have {result['voting']:.2%}.",
            again(f"recipes --data {data} --votes fer2013new.csv {how}"),
        ]
    )
