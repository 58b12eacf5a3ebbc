"""A trained model ready to serve: face crops in, probabilities out.

The exported file runs on LiteRT, which loads in a tenth of a second where TensorFlow
needs several; nothing here imports TensorFlow. A model from elsewhere runs in a process of its
own (:mod:`fer_core.sandbox`). An ensemble runs its members' files and averages what they say.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from fer_core.calibration import with_temperature
from fer_core.class_prior import AS_TRAINED, ClassPrior, Correction, Trained, correction
from fer_core.emotions import EMOTIONS
from fer_core.ensemble import soft_vote
from fer_core.errors import ModelError
from fer_core.litert import Runner
from fer_core.models import imported
from fer_core.models.card import Card
from fer_core.models.catalogue import (
    Ensemble,
    ModelFolder,
    default_model,
    find_model,
    read_folder,
)
from fer_core.preprocess import CROP_SIZE, faces_to_crops
from fer_core.sandbox import SandboxRunner

T = TypeVar("T")


class Classifier:
    """A loaded model; any number of threads may call it at once.

    >>> classifier = load_classifier("mini_xception")
    >>> classifier.predict(np.zeros((2, 192, 192, 3), np.uint8)).shape
    (2, 7)
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Load the exported file of ``folder``, after checking it against its card.

        Raises:
            ModelError: the file is damaged, or is not a model from crops to seven
                probabilities; or so is one of an ensemble's members.
        """
        self.name = folder.name
        self.card = folder.card
        self._ensemble = folder.ensemble()
        members = [m.folder for m in self._ensemble.members] if self._ensemble else [folder]
        self._folders = members
        self._networks = [_network(member) for member in members]
        #: Whether the exported file averages the face and its mirror image itself.
        self.averages_mirror_images = all(member.card.tta == "flip" for member in members)
        self._trained = _trained(folder.card, self._ensemble)
        self._correction = Correction()

    def with_prior(self, prior: ClassPrior) -> "Classifier":
        """Return this model under a class prior; both share what is loaded.

        Raises:
            ModelError: The prior cannot be applied to this model.
        """
        other = copy.copy(self)
        other._correction = correction(prior, self._trained, self.name)
        return other

    @property
    def correction(self) -> Correction:
        """Return what :meth:`assume` does."""
        return self._correction

    @property
    def class_prior(self) -> str:
        """Return the class prior that is applied, as exports record it."""
        return self._correction.class_prior

    @property
    def frequencies(self) -> tuple[float, ...] | None:
        """Return the frequencies of the emotions in the training data, ``None`` where unknown."""
        return self._trained.frequencies

    def assume(self, probabilities: np.ndarray) -> np.ndarray:
        """Apply the class prior: the only place where this happens.

        Args:
            probabilities: ``(N, 7)`` of :meth:`predict`, or the mean of several views.

        Returns:
            ``(N, 7)`` ``float32``; rows sum to 1.
        """
        return self._correction(probabilities)

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Return the probabilities of the seven emotions, as trained; see :meth:`assume`.

        Args:
            crops: ``(N, 192, 192, 3)``, RGB, 0 to 255, ``uint8`` or float; see
                :func:`fer_core.preprocess.crop_face`.

        Returns:
            ``(N, 7)`` ``float32``; rows sum to 1, columns as in ``EMOTIONS``.

        Raises:
            ModelError: What the model says are no probabilities; or it came from elsewhere and
                exceeds its limits.
        """
        if crops.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
            raise ValueError(f"crops have the shape {crops.shape}, not (N, 192, 192, 3)")
        said = np.empty((len(self._networks), len(crops), len(EMOTIONS)), np.float32)
        for rows, folder, network in zip(said, self._folders, self._networks, strict=True):
            for row, ((probabilities,),) in zip(rows, network(list(crops)), strict=True):
                row[:] = probabilities
            _check(rows, folder.name)
        return vote(said, self._ensemble) if self._ensemble else said[0]

    def predict_faces(self, faces: np.ndarray) -> np.ndarray:
        """Predict, as trained, for dataset faces ``(N, 48, 48)``, grey, 0 to 255."""
        chunks = [
            self.predict(faces_to_crops(faces[i : i + 256])) for i in range(0, len(faces), 256)
        ]
        return np.concatenate(chunks) if chunks else np.empty((0, len(EMOTIONS)), np.float32)


def vote(members: np.ndarray, ensemble: Ensemble) -> np.ndarray:
    """Return what an ensemble says.

    Args:
        members: ``(M, N, 7)``: the probabilities of each member.
        ensemble: the weights of their votes and the temperature of the mean.

    Returns:
        ``(N, 7)`` ``float32``; rows sum to 1.
    """
    weights = np.array([member.weight for member in ensemble.members])
    return with_temperature(soft_vote(members, weights), ensemble.temperature)


def _trained(card: Card, ensemble: Ensemble | None) -> Trained:
    """Return what the class prior needs to know of a model.

    An ensemble has the weighted mean of its members' frequencies.
    """
    frequencies = card.frequencies()
    if ensemble:
        of = [(member.weight, member.folder.card.frequencies()) for member in ensemble.members]
        known = [(weight, shares) for weight, shares in of if shares]
        mean = np.sum([weight * np.array(shares) for weight, shares in known], axis=0)
        frequencies = tuple((mean / mean.sum()).tolist()) if len(known) == len(of) else None
    found = card.temperatures
    temperatures = {
        "as-trained": found.as_trained,
        "uniform": found.uniform,
        "recommended": found.recommended,
    }
    return Trained(
        frequencies,
        card.prior_strength,
        tuple((name, value) for name, value in temperatures.items() if value is not None),
    )


def _check(said: np.ndarray, name: str) -> None:
    """Check that rows are probabilities.

    Raises:
        ModelError: One is not.
    """
    # A number that is none is not above any other, so it fails both comparisons.
    if not ((said >= -1e-4).all() and (abs(said.sum(axis=1) - 1) <= 1e-2).all()):
        raise ModelError(
            f"{name}: what it says of this face are no probabilities of the seven emotions. "
            "Choose another model."
        )


class _Sandboxed:
    """The network of a model from elsewhere, which runs as long as the model is allowed."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        folder.check_allowed()
        self._run = self._guarded(
            lambda: SandboxRunner(folder.read_exported, partial(imported.stop, folder.path))
        )
        self.input_shape, self.output_shapes = self._run.input_shape, self._run.output_shapes

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        self._folder.check_allowed()
        return self._guarded(lambda: self._run(inputs))

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except ModelError as error:
            self._folder.check_allowed()  # says more, where it was stopped just now
            raise ModelError(f"{self._folder.name}: {error}") from error


def _network(folder: ModelFolder) -> Runner | _Sandboxed:
    try:
        run = _Sandboxed(folder) if folder.imported else Runner(folder.read_exported())
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{folder.name}: the exported file is not a LiteRT model.") from error
    if run.input_shape != (1, CROP_SIZE, CROP_SIZE, 3) or run.output_shapes != [(1, len(EMOTIONS))]:
        raise ModelError(f"{folder.name}: the model does not map crops to seven probabilities.")
    return run


# One for each model, so that a model that loads for long delays nobody who uses another.
_locks: dict[str, threading.Lock] = {}


@lru_cache(maxsize=8)
def _load(path: Path, checksum: str, foreign: bool) -> Classifier:
    return Classifier(read_folder(path))


def load_classifier(name: str | None = None, prior: ClassPrior = AS_TRAINED) -> Classifier:
    """Return the model called ``name`` (the default without), loaded once per process.

    Args:
        name: Of a model.
        prior: The class prior that :meth:`Classifier.assume` applies.

    Raises:
        ModelError: there is none of that name, its folder is damaged, it was stopped, or the prior
            cannot be applied to it.
    """
    folder = find_model(name or default_model())
    folder.check_allowed()
    with _locks.setdefault(folder.name, threading.Lock()):
        # A model replaced on disk is loaded anew.
        loaded = _load(folder.path, folder.served, folder.imported)
    return loaded if prior == AS_TRAINED else loaded.with_prior(prior)
