"""The calling side of explanations: one worker process for all threads of this process."""

import threading
from contextlib import suppress
from typing import Any, Final

import numpy as np

from fer_core.errors import FerError, ModelError
from fer_core.explain.pictures import Explanation, paint
from fer_core.models import imported
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models
from fer_core.preprocess import CROP_SIZE, crops_to_faces
from fer_core.sandbox import MEMORY, reason
from fer_core.worker_process import Message, WorkerError, WorkerProcess

#: A model's folder and the checksum of its ``model.keras``.
_Key = tuple[str, str]

#: Models that a worker keeps loaded, those used last.
LOADED: Final = 2
#: Seconds without a request after which the worker ends.
IDLE_SECONDS: Final = 300.0
#: Seconds that one answer may take, the loading of TensorFlow included.
LIMIT_SECONDS: Final = 90.0


class Explainer:
    """A worker process and the way to it; any number of threads may ask, one at a time."""

    def __init__(
        self,
        idle_seconds: float = IDLE_SECONDS,
        limit_seconds: float = LIMIT_SECONDS,
        memory: int | None = None,
    ) -> None:
        """Start nothing yet: the worker starts with the first request.

        Args:
            idle_seconds: How long the worker stays without a request.
            limit_seconds: How long one answer may take before the worker is ended.
            memory: Bytes that the worker may hold.
        """
        self._limit = limit_seconds
        self._lock = threading.Lock()  # held while the worker is asked
        self._worker = WorkerProcess(
            "fer_core.explain.worker",
            str(idle_seconds),
            str(memory or 0),
            environment={"KERAS_BACKEND": "tensorflow"},
            memory=memory,
        )
        self._pid: int | None = None  # of the worker that has loaded what is warm
        self._warm: list[_Key] = []  # what the worker has loaded, the last used at the end
        self._turn = threading.Lock()  # held for moments, guards what follows
        self._wanted: ModelFolder | None = None
        self._preparing = False
        self._failed: set[_Key] = set()

    @property
    def pid(self) -> int | None:
        """Return the worker's process id; ``None`` while there is no worker."""
        return self._worker.pid

    def explain(
        self, crop: np.ndarray, emotion: str | None = None, model: str | ModelFolder | None = None
    ) -> Explanation:
        """Explain one face, see :func:`explain`."""
        if crop.shape != (CROP_SIZE, CROP_SIZE, 3):
            raise ValueError(f"the crop has the shape {crop.shape}, not (192, 192, 3)")
        folder = _explainable(model)
        face = crops_to_faces(crop[None])[0]
        with self._lock:
            header, (heat, gradient) = self._ask(folder, "explain", face, emotion=emotion)
        return paint(header["emotion"], face, heat, gradient)

    def warm_up(self, model: str | ModelFolder | None = None) -> None:
        """Prepare for a model in the background, see :func:`warm_up`."""
        with suppress(FerError):
            folder = _explainable(model)
            with self._turn:
                # What failed once would start a worker with every new run of a page.
                if self._is_warm(folder) or _key(folder) in self._failed:
                    return
                # Only the newest wish waits, so that many wishes cannot delay a click.
                self._wanted = folder
                if not self._preparing:
                    self._preparing = True
                    threading.Thread(target=self._prepare, daemon=True).start()

    def close(self) -> None:
        """End the worker; the next request starts another."""
        self._worker.close()

    def _prepare(self) -> None:
        while True:
            with self._turn:
                folder, self._wanted = self._wanted, None
                if folder is None:
                    self._preparing = False
                    return
            try:
                with self._lock:
                    if not self._is_warm(folder):
                        self._ask(folder, "warm up")
            except FerError:
                self._failed.add(_key(folder))

    def _is_warm(self, folder: ModelFolder) -> bool:
        return self.pid is not None and self.pid == self._pid and _key(folder) in self._warm

    def _ask(self, folder: ModelFolder, act: str, *arrays: np.ndarray, **more: Any) -> Message:
        """Ask the worker, which is started where there is none; the lock is held."""
        path, checksum = key = _key(folder)
        header = {"act": act, "folder": path, "checksum": checksum} | more
        try:
            answer = self._worker.ask(header, *arrays, seconds=self._limit)
        except WorkerError as failure:
            if folder.imported and failure.why != "ended":
                imported.stop(folder.path, reason(failure.why, self._limit))
                folder.check_allowed()
            raise ModelError("The explanation broke off: try again.") from failure
        except FerError as error:
            raise ModelError(str(error)) from error
        known = self._warm if self._pid == self.pid else []
        self._pid = self.pid
        self._warm = [*(one for one in known if one != key), key][-LOADED:]
        self._failed.discard(key)
        return answer


_EXPLAINER = Explainer()
#: For models from elsewhere: one that takes its worker down takes no other model's.
_SANDBOX = Explainer(memory=MEMORY)


def _explainer(model: str | ModelFolder | None) -> Explainer:
    with suppress(ModelError):  # said when it is asked
        return _SANDBOX if _explainable(model).imported else _EXPLAINER
    return _EXPLAINER


def explain(
    crop: np.ndarray, emotion: str | None = None, model: str | ModelFolder | None = None
) -> Explanation:
    """Explain why a face looks like an emotion to a model.

    Args:
        crop: ``(192, 192, 3)``, RGB, 0 to 255, see :func:`fer_core.preprocess.crop_face`.
        emotion: The one to explain; without it the most probable.
        model: Name or folder of the model; without it the default.

    Raises:
        ModelError: There is no such model, it has no ``model.keras`` or a damaged one, Keras
            is not installed, or the worker process broke off.
    """
    return _explainer(model).explain(crop, emotion, model)


def warm_up(model: str | ModelFolder | None = None) -> None:
    """Prepare to explain a model, in the background; return at once and never fail.

    Args:
        model: Name or folder of the model; without it the default. One that cannot be
            explained starts nothing.
    """
    _explainer(model).warm_up(model)


def _explainable(model: str | ModelFolder | None) -> ModelFolder:
    folder = model if isinstance(model, ModelFolder) else find_model(model or default_model())
    if not folder.explainable:
        able = ", ".join(other.name for other in list_models() if other.explainable)
        raise ModelError(
            f"{folder.name} cannot explain itself: it has no model.keras. These can: "
            f"{able or 'none that is here'}."
        )
    folder.check_allowed()
    return folder


def _key(folder: ModelFolder) -> _Key:
    return str(folder.path.resolve()), folder.card.files["model.keras"]
