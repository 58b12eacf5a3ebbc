"""The calling side of explanations: one worker process for all threads of this process."""

import subprocess
import threading
from contextlib import suppress
from typing import Any, Final

import numpy as np

from fer_core.errors import FerError, ModelError
from fer_core.explain import protocol
from fer_core.explain.pictures import Explanation, paint
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models
from fer_core.preprocess import CROP_SIZE, crops_to_faces
from fer_core.resources import module_command, module_environment
from fer_core.system import detached

#: A model's folder and the checksum of its ``model.keras``.
_Key = tuple[str, str]

#: Seconds without a request after which the worker ends.
IDLE_SECONDS: Final = 300.0
#: Seconds that one answer may take, the loading of TensorFlow included.
LIMIT_SECONDS: Final = 90.0


class Explainer:
    """A worker process and the way to it; any number of threads may ask, one at a time."""

    def __init__(
        self, idle_seconds: float = IDLE_SECONDS, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        """Start nothing yet: the worker starts with the first request.

        Args:
            idle_seconds: How long the worker stays without a request.
            limit_seconds: How long one answer may take before the worker is ended.
        """
        self._idle, self._limit = idle_seconds, limit_seconds
        self._lock = threading.Lock()  # held while the worker is asked
        self._process: subprocess.Popen | None = None
        self._warm: list[_Key] = []  # what the worker has loaded, the last used at the end
        self._turn = threading.Lock()  # held for moments, guards what follows
        self._wanted: ModelFolder | None = None
        self._preparing = False
        self._failed: set[_Key] = set()

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
        process = self._process
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent stays unsent
                    if stream:
                        stream.close()

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
        return self.pid is not None and _key(folder) in self._warm

    def _ask(
        self, folder: ModelFolder, act: str, *arrays: np.ndarray, **more: Any
    ) -> protocol.Message:
        """Ask the worker, which is started where there is none; the lock is held."""
        path, checksum = key = _key(folder)
        header = {"act": act, "folder": path, "checksum": checksum} | more
        # A worker that was idle may end, with status 0, just as it is asked: ask another.
        answer = self._exchange(header, arrays)
        if answer is None and self._process and self._process.returncode == 0:
            answer = self._exchange(header, arrays)
        if answer is None:
            raise ModelError("The explanation broke off: try again.")
        if "error" in answer[0]:
            raise ModelError(answer[0]["error"])
        self._warm = [*(one for one in self._warm if one != key), key][-protocol.LOADED :]
        self._failed.discard(key)
        return answer

    def _exchange(
        self, header: dict[str, Any], arrays: tuple[np.ndarray, ...]
    ) -> protocol.Message | None:
        """Send one request and return its answer; ``None`` where the worker is gone."""
        try:
            process = self._running()
        except OSError:
            return None
        assert process.stdin is not None and process.stdout is not None
        # A worker that hangs is ended, which ends the reading below.
        limit = threading.Timer(self._limit, process.kill)
        limit.start()
        try:
            protocol.send(process.stdin, header, *arrays)
            answer = protocol.receive(process.stdout)
        except (OSError, ValueError, LookupError, TypeError):
            answer = None
        finally:
            limit.cancel()
        if answer is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)  # for its own status, before it is ended
            self.close()
        return answer

    def _running(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._warm = []
            self._process = subprocess.Popen(
                module_command("fer_core.explain.worker", str(self._idle)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=module_environment() | {"KERAS_BACKEND": "tensorflow"},
                # Ctrl-C ends the app, whose end it notices.
                **detached(),
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


def _key(folder: ModelFolder) -> _Key:
    return str(folder.path.resolve()), folder.card.files["model.keras"]
