"""Recorded video: how emotions change over time.

>>> result = analyze_video(Path("talk.mp4"))  # doctest: +SKIP
>>> result.summary()["shares"], result.changes()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from fer_core.lazy import lazy_attributes

if TYPE_CHECKING:
    from fer_core.video.decode import VideoFile, VideoInfo, walk_videos
    from fer_core.video.read import Progress, analyze_video
    from fer_core.video.result import VideoOptions, VideoResult

__all__ = [
    "Progress",
    "VideoFile",
    "VideoInfo",
    "VideoOptions",
    "VideoResult",
    "analyze_video",
    "walk_videos",
]

# Stored analyses can be listed and deleted without what decoding a video needs.
__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "Progress": "fer_core.video.read",
        "VideoFile": "fer_core.video.decode",
        "VideoInfo": "fer_core.video.decode",
        "VideoOptions": "fer_core.video.result",
        "VideoResult": "fer_core.video.result",
        "analyze_video": "fer_core.video.read",
        "walk_videos": "fer_core.video.decode",
    },
)
