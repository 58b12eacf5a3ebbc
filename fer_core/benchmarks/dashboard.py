"""The words for what ``benchmarks/dashboard.py`` measures."""

from typing import Any

from fer_core.models.readme import table


def to_markdown(result: dict[str, Any]) -> str:
    """How soon the training page answers, and what it costs the training."""
    machine, rates = result["machine"], result["faces_per_second"]
    come, waits = result["arriving"], result["answers"]
    rows = [(number, f"{a:.1f}", f"{b:.1f}", f"{1 - a / b:+.1%}") for number, (a, b) in enumerate(
        zip(rates["open"], rates["closed"], strict=True), 1
    )]  # fmt: skip
    noise = max(rates["closed"]) / min(rates["closed"]) - 1
    return "\n\n".join(
        [
            f"One run trains ({result['network']}) beside {result['finished']} finished ones, on "
            f"{machine['cores']} cores, {machine['processor']}. From a click on the page's name to "
            f"the run's charts: median {come['median']:.2f} s, worst of {come['n']} "
            f"{come['worst']:.2f} s; from a click on the axis to the charts that show it: median "
            f"{waits['median']:.2f} s, worst of {waits['n']} {waits['worst']:.2f} s. A window that "
            f"has nothing of the app yet shows the charts after {result['opening']:.1f} s.",
            "Faces per second of that run while a browser on the same machine shows it, and while "
            f"no page is open, in turns of {result['seconds']:.0f} s within one run. "
            f"The page costs **{result['cost']:.1%}** of the speed (median of the pairs); the "
            f"turns without a page differ among themselves by {noise:.0%}.",
            table(("pair", "page open", "no page", "cost"), rows),
            f"Again: `python benchmarks/dashboard.py --pairs {len(rows)} --json "
            "docs/measured/dashboard.json`.",
        ]
    )
