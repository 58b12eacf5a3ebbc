"""The process that explains: ``python -m fer_core.explain.worker IDLE_SECONDS MEMORY``.

``MEMORY`` is in bytes, 0 for no limit.
"""

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.errors import FerError
from fer_core.explain.client import LOADED
from fer_core.extras import how_to_install
from fer_core.models.catalogue import read_folder
from fer_core.system import limit_memory
from fer_core.worker_process import Message, answer_requests

if TYPE_CHECKING:
    from fer_core.explain.maps import Network


def main(idle_seconds: float, memory: int) -> None:
    """Answer requests until nobody asks any more."""
    answer_requests(lambda message: _answer(message, memory), idle_seconds)


def _answer(message: Message, memory: int) -> tuple:
    header, arrays = message
    network = _network(header["folder"], header["checksum"], memory)
    if header["act"] == "warm up":
        network.warm_up()
        return ({},)
    emotion, heat, gradient = network.explain(arrays[0], header["emotion"])
    return {"emotion": emotion}, heat, gradient


@lru_cache(maxsize=LOADED)
def _network(folder: str, checksum: str, memory: int) -> "Network":
    """Load a network once; ``checksum`` tells another file of the same name."""
    path = read_folder(Path(folder)).checked("model.keras")
    try:
        from fer_core.explain.maps import Network
    except ImportError as error:
        raise FerError(
            f"Explanations need Keras and TensorFlow: {how_to_install('train')}"
        ) from error
    if memory:
        limit_memory(memory)
    return Network(path, path.parent.name)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
