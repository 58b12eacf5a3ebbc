"""The words for what ``benchmarks/dashboard.py`` measures."""

from typing import Any

import numpy as np

from fer_core.models.readme import table


def to_markdown(result: dict[str, Any]) -> str:
    """How soon the training page answers, and what it costs the training."""
    machine, rates = result["machine"], result["faces_per_second"]
    come, waits = result["arriving"], result["answers"]
    cores = result["cores"]
    costs = _costs(cores)
    cost, slower = np.median(costs), np.median(_costs(rates))
    turns = zip(rates["open"], rates["closed"], cores["open"], cores["closed"], costs, strict=True)
    rows = [
        (number, f"{a:.1f}", f"{b:.1f}", f"{c:.3f}", f"{d:.3f}", f"{cost:+.1%}")
        for number, (a, b, c, d, cost) in enumerate(turns, 1)
    ]
    noise = max(rates["closed"]) / min(rates["closed"]) - 1
    return "\n\n".join(
        [
            f"One run trains ({result['network']}, on {result['data']}) beside "
            f"{result['finished']} finished ones, on {machine['cores']} cores, "
            f"{machine['processor']}. From a click on the page's name to the run's charts: median "
            f"{come['median']:.2f} s, worst of {come['n']} {come['worst']:.2f} s; from a click on "
            f"the axis to the charts that show it: median {waits['median']:.2f} s, worst of "
            f"{waits['n']} {waits['worst']:.2f} s. A window that has nothing of the app yet shows "
            f"the charts after {result['opening']:.1f} s.",
            "What that run has of the processor while a browser on the same machine shows it, and "
            f"while no page is open, in turns of {result['seconds']:.0f} s within one run: the "
            f"page costs **{cost:.1%}** of it (median of the pairs). Faces per second say "
            f"{slower:.1%}, but differ by {noise:.0%} among the turns without a page alone.",
            table(
                ("pair", "faces/s, page open", "no page", "cores, page open", "no page", "cost"),
                rows,
            ),
            f"Again: `python benchmarks/dashboard.py --pairs {len(rows)} --data "
            f"{result['data']} --json docs/measured/dashboard.json`.",
        ]
    )


def _costs(turns: dict[str, list[float]]) -> np.ndarray:
    """What each turn with the page open is short of the one without beside it, as a share."""
    return 1 - np.divide(turns["open"], turns["closed"])
