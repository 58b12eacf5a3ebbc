"""How the app's process and the worker talk: a line of JSON, then the bytes of arrays."""

import json
from typing import IO, Any, Final

import numpy as np

#: Models that a worker keeps loaded, those used last.
LOADED: Final = 2

#: A header and the arrays that came with it.
Message = tuple[dict[str, Any], list[np.ndarray]]


def send(stream: IO[bytes], header: dict[str, Any], *arrays: np.ndarray) -> None:
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


def receive(stream: IO[bytes]) -> Message | None:
    """Receive a message: its header and its arrays.

    Returns:
        ``None`` where the other side is gone.

    Raises:
        ValueError: What came is no message.
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
