"""The calling side of explanations: one worker process for all threads of this process."""

import subprocess
import threading
from contextlib import suppress
from typing import Any, Final

import numpy as np

from fer_core.errors import ModelError
from fer_core.explain import protocol
from fer_core.explain.pictures import Explanation, paint
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models
from fer_core.preprocess import CROP_SIZE, crops_to_faces
from fer_core.resources import module_command, module_environment

#: Seconds without a request after which the worker ends.
IDLE_SECONDS: Final = 300.0
#: Seconds that one answer may take, the loading of TensorFlow included.
_LIMIT: Final = 90.0


class Explainer:
    """A worker process and the way to it; any number of threads may ask, one at a time."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Start nothing yet: the worker starts with the first request.

        Args:
            idle_seconds: How long the worker stays without a request.
        """
        self._idle = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._warm: set[tuple[str, str]] = set()

    @property
    def pid(self) -> int | None:
        """The worker's process id; ``None`` while there is no worker."""
        process = self._process
        return process.pid if process and process.poll() is None else None

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
        with suppress(ModelError):
            folder = _explainable(model)
            if self.pid is None:
                self._warm.clear()
            if _key(folder) not in self._warm:
                self._warm.add(_key(folder))
                threading.Thread(target=self._prepare, args=(folder,), daemon=True).start()

    def close(self) -> None:
        """End the worker; the next request starts another."""
        process = self._process
        if process:
            process.kill()
            process.wait()

    def _prepare(self, folder: ModelFolder) -> None:
        with suppress(ModelError), self._lock:
            self._ask(folder, "warm up")

    def _ask(
        self, folder: ModelFolder, act: str, *arrays: np.ndarray, **more: Any
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Ask the worker, which is started where there is none; the lock is held."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        path, checksum = _key(folder)
        # A worker that hangs is ended, which ends the reading below.
        limit = threading.Timer(_LIMIT, process.kill)
        limit.start()
        try:
            header = {"act": act, "folder": path, "checksum": checksum} | more
            protocol.send(process.stdin, header, *arrays)
            answer = protocol.receive(process.stdout)
        except OSError:
            answer = None
        finally:
            limit.cancel()
        if answer is None:
            self.close()
            raise ModelError("The explanation broke off: try again.")
        if "error" in answer[0]:
            raise ModelError(answer[0]["error"])
        self._warm.add(_key(folder))
        return answer

    def _running(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self._warm.clear()
            self._process = subprocess.Popen(
                module_command("fer_core.explain.worker", str(self._idle)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=module_environment(),
            )
        return self._process


_EXPLAINER = Explainer()


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
    return _EXPLAINER.explain(crop, emotion, model)


def warm_up(model: str | ModelFolder | None = None) -> None:
    """Prepare to explain a model, in the background; return at once and never fail.

    Args:
        model: Name or folder of the model; without it the default. One that cannot be
            explained starts nothing.
    """
    _EXPLAINER.warm_up(model)


def _explainable(model: str | ModelFolder | None) -> ModelFolder:
    folder = model if isinstance(model, ModelFolder) else find_model(model or default_model())
    if not folder.explainable:
        able = ", ".join(other.name for other in list_models() if other.explainable)
        raise ModelError(
            f"{folder.name} cannot explain itself: it has no model.keras. These can: "
            f"{able or 'none that is here'}."
        )
    return folder


def _key(folder: ModelFolder) -> tuple[str, str]:
    return str(folder.path.resolve()), folder.card.files["model.keras"]
