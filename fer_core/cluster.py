"""Work on several machines: a Dask cluster, on this machine or behind a scheduler."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fer_core.errors import FerError

T = TypeVar("T")
R = TypeVar("R")


def on_dask(
    call: Callable[[T], R], items: Sequence[T], scheduler: str | None, workers: int
) -> Iterator[tuple[T, R]]:
    """Call a function on each item on a Dask cluster.

    Args:
        call: A function that the workers can import, or a ``partial`` of one.
        items: What it is called with; may be sent to other machines.
        scheduler: Address such as ``tcp://host:8786``, whose workers see the same files and
            have this package; without, a cluster on this machine.
        workers: Processes of a cluster on this machine.

    Yields:
        Each item with its result, in the order in which they are done.

    Raises:
        FerError: Dask is not installed, or the scheduler cannot be reached.
    """
    try:
        from distributed import Client, LocalCluster, as_completed
    except ImportError as error:
        raise FerError("--engine dask needs Dask: 'pip install fer-core[dask]'.") from error
    if not items:
        return
    cluster: Any = scheduler
    try:
        if not scheduler:
            cluster = LocalCluster(
                n_workers=min(workers, len(items)), threads_per_worker=1, dashboard_address=None
            )
        client = Client(cluster)
    except OSError as error:
        raise FerError(f"The Dask scheduler {scheduler} cannot be reached.") from error
    try:
        futures = {client.submit(call, item, pure=False): item for item in items}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        client.close()
        if not scheduler:
            cluster.close()
