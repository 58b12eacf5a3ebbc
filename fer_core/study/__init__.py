"""Studies: how several people respond to the same stimuli, and whether groups differ.

A study is a folder of plain files, see :mod:`fer_core.study.folder`.

>>> from fer_core.study.measures import measures
>>> study = Study.open(Path("smiles"))  # doctest: +SKIP
>>> table = measures(study)  # doctest: +SKIP
>>> family = compare_groups(per_participant(table), ["mean_happy", "valence"])  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from fer_core.lazy import lazy_attributes

if TYPE_CHECKING:
    from fer_core.study.adding import add_videos, plan
    from fer_core.study.compare import (
        Choice,
        compare_events,
        compare_groups,
        quality_differences,
    )
    from fer_core.study.curves import aligned, clusters, difference, mean_curve
    from fer_core.study.folder import Study
    from fer_core.study.measures import exclusions, per_participant
    from fer_core.study.model import StudyError
    from fer_core.study.recordings import add_result, add_session
    from fer_core.study.report import to_html

__all__ = [
    "Choice",
    "Study",
    "StudyError",
    "add_result",
    "add_session",
    "add_videos",
    "aligned",
    "clusters",
    "compare_events",
    "compare_groups",
    "difference",
    "exclusions",
    "mean_curve",
    "per_participant",
    "plan",
    "quality_differences",
    "to_html",
]

# Whoever only deletes studies needs none of what computes.
__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "Choice": "fer_core.study.compare",
        "Study": "fer_core.study.folder",
        "StudyError": "fer_core.study.model",
        "add_result": "fer_core.study.recordings",
        "add_session": "fer_core.study.recordings",
        "add_videos": "fer_core.study.adding",
        "aligned": "fer_core.study.curves",
        "clusters": "fer_core.study.curves",
        "compare_events": "fer_core.study.compare",
        "compare_groups": "fer_core.study.compare",
        "difference": "fer_core.study.curves",
        "exclusions": "fer_core.study.measures",
        "mean_curve": "fer_core.study.curves",
        "per_participant": "fer_core.study.measures",
        "plan": "fer_core.study.adding",
        "quality_differences": "fer_core.study.compare",
        "to_html": "fer_core.study.report",
    },
)
