"""The table of what ``benchmarks/runtimes.py`` measures."""

from typing import Any

from fer_core.benchmarks.versus import BATCHES
from fer_core.models.readme import table


def to_markdown(result: dict[str, Any]) -> str:
    """The runtimes that were tried, and those that failed with why."""
    machine = result["machine"]
    rows = [
        (
            label,
            f"{of['import']:.2f}",
            f"{of['load']:.2f}",
            *(f"{of[f'per face, batch {n}'] * 1000:.2f}" for n in BATCHES),
            f"{of['cold seconds']:.2f}",
            f"{of['cold megabytes']:.0f}",
            f"{of['from keras']:.0e}",
        )
        for label, of in result["runtimes"].items()
    ]
    head = (
        "runtime",
        "import, s",
        "load and first result, s",
        *(f"ms per face, batch {n}" for n in BATCHES),
        "new process, s",
        "peak MB",
        "largest difference from Keras",
    )
    failed = [f"{label} failed: {why}." for label, why in result["failed"].items()]
    about = (
        f"{result['model']} on {machine['cores']} cores, {machine['processor']}; medians of "
        f"{result['rounds']} rounds in turns, Python's own start included in the new process. "
        "The app serves with LiteRT, one thread per interpreter, faces spread over the cores."
    )
    again = "Again: `python benchmarks/runtimes.py --json docs/measured/runtimes.json`."
    return "\n\n".join([about, table(head, rows), *failed, again])
