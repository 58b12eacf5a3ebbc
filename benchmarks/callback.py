"""The usual way: detector and model inside every frame callback, for comparison.

``callback.py keras MODEL.keras FRAMES.npy SECONDS`` reads faces with OpenCV's Haar cascade
and Keras' ``predict``; ``callback.py fer FRAMES.npy SECONDS`` does so with the ``fer``
package with its defaults. The file stands alone: the package's environment has no ``fer_core``.
Frames come 30 a second; those that come while the callback is busy are dropped, as
streamlit-webrtc drops them. Prints one JSON line.
"""

import json
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

RATE = 30


def keras_callback(path: str) -> tuple[str, Callable[[np.ndarray], None]]:
    """Find faces by Haar with the report's parameters, then ``predict`` on the faces."""
    import keras

    model = keras.models.load_model(path, compile=False)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def callback(image: np.ndarray) -> None:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(grey, 1.1, 5, minSize=(30, 30))
        for x, y, w, h in boxes:
            face = cv2.resize(grey[y : y + h, x : x + w], (48, 48)).astype(np.float32)
            model.predict(face[None, ..., None], verbose=0)
            cv2.rectangle(image, (x, y), (x + w, y + h), (0, 255, 0), 2)

    return "Haar and Keras predict in every callback", callback


def fer_callback() -> tuple[str, Callable[[np.ndarray], None]]:
    """Return the package's own detection and model."""
    from fer import __version__
    from fer.fer import FER

    detector = FER()
    return f"fer {__version__} in every callback", lambda image: detector.detect_emotions(
        image[..., ::-1]
    )


def measure(
    callback: Callable[[np.ndarray], None], frames: np.ndarray, seconds: float
) -> dict[str, float]:
    """Return frames returned a second, and milliseconds from a frame's coming to its return."""
    for frame in frames[:3]:
        callback(frame.copy())
    start = time.perf_counter()
    delays: list[float] = []
    while (now := time.perf_counter() - start) < seconds:
        number = int(now * RATE)  # the newest that has come
        callback(frames[number % len(frames)].copy())
        delays.append(time.perf_counter() - start - number / RATE)
        due = start + (number + 1) / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
    return {
        "frames": len(delays) / (time.perf_counter() - start),
        "delay": float(np.median(delays)) * 1000,
        "delay p95": float(np.quantile(delays, 0.95)) * 1000,
    }


if __name__ == "__main__":
    kind, *rest, frames_path, duration = sys.argv[1:]
    name, call = keras_callback(*rest) if kind == "keras" else fer_callback()
    print(json.dumps({"name": name} | measure(call, np.load(frames_path), float(duration))))
