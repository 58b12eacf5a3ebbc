"""How the app's process and the worker talk: a line of JSON, then the bytes of arrays."""

import json
from typing import Any, BinaryIO

import numpy as np


def send(stream: BinaryIO, header: dict[str, Any], *arrays: np.ndarray) -> None:
    """Send a message.

    Args:
        stream: What the other side reads.
        header: Plain JSON values.
        arrays: ``float32`` arrays that go with it.
    """
    shapes = [list(array.shape) for array in arrays]
    stream.write(json.dumps(header | {"shapes": shapes}).encode() + b"\n")
    for array in arrays:
        stream.write(np.ascontiguousarray(array, np.float32).tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """Receive a message: its header and its arrays.

    Returns:
        ``None`` where the other side is gone.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    arrays = []
    for shape in header.pop("shapes"):
        size = 4 * int(np.prod(shape))
        content = stream.read(size)
        if len(content) < size:
            return None
        arrays.append(np.frombuffer(content, np.float32).reshape(shape))
    return header, arrays
