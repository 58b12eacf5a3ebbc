"""The process that explains: ``python -m fer_core.explain.worker IDLE_SECONDS``.

It reads requests from standard input and answers on standard output. It ends when nothing
was asked for a while, which gives its memory back, and when its parent is gone.
"""

import os
import queue
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fer_core.errors import FerError
from fer_core.explain import protocol
from fer_core.extras import how_to_install
from fer_core.models.catalogue import read_folder

if TYPE_CHECKING:
    from fer_core.explain.maps import Network


def main(idle_seconds: float) -> None:
    """Answer requests until nobody asks any more."""
    # Whatever a library prints goes to the log and not between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.Queue = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        try:
            message = requests.get(timeout=idle_seconds)
        except queue.Empty:
            break
        try:
            header, *arrays = _answer(*message)
        except FerError as error:
            header, arrays = {"error": str(error)}, []
        protocol.send(answers, header, *arrays)
    answers.flush()
    os._exit(0)  # TensorFlow's threads may take seconds to end


def _read(stream: BinaryIO, requests: queue.Queue) -> None:
    while message := protocol.receive(stream):
        requests.put(message)
    # The parent is gone. A computation that still runs, or hangs, is for nobody.
    os._exit(0)


def _answer(header: dict[str, Any], arrays: list) -> tuple:
    network = _network(header["folder"], header["checksum"])
    if header["act"] == "warm up":
        network.warm_up()
        return ({},)
    emotion, heat, gradient = network.explain(arrays[0], header["emotion"])
    return {"emotion": emotion}, heat, gradient


@lru_cache(maxsize=protocol.LOADED)
def _network(folder: str, checksum: str) -> "Network":
    """Load a network once; ``checksum`` tells another file of the same name."""
    path = read_folder(Path(folder)).checked("model.keras")
    try:
        from fer_core.explain.maps import Network
    except ImportError as error:
        raise FerError(
            f"Explanations need Keras and TensorFlow: {how_to_install('train')}"
        ) from error
    return Network(path, path.parent.name)


if __name__ == "__main__":
    main(float(sys.argv[1]))
