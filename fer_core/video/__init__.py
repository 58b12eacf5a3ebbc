"""Recorded video: how emotions change over time.

>>> result = analyze_video(Path("talk.mp4"))  # doctest: +SKIP
>>> result.summary()["shares"], result.changes()  # doctest: +SKIP
"""

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
