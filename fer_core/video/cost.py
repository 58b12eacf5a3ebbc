"""What the steps of a video's analysis cost beside each other, from what is known of the video.

How fast a machine is shows while it reads. How much longer pictures and drawing take than reading
depends on the video: on its frames and their size, and on the faces in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fer_core.video.decode import VideoFile
from fer_core.video.result import VideoOptions

#: The steps of an analysis in their order: frames are analysed, pictures of moments and people
#: saved, boxes drawn into a video.
Step = Literal["reading", "pictures", "drawing"]

#: Processor seconds on one machine, fitted to ten made videos of 640×480 to 1920×1080 with up to
#: three faces. Only their ratios are used.
_DECODED: Final = 0.0018  # per megapixel
_SAMPLE: Final = 0.015
_FACE: Final = 0.009
_PICTURE: Final = 0.02
_FRAME: Final = 0.0005
_SCALED: Final = 0.0064  # per megapixel that is read for drawing
_ENCODED: Final = 0.0148  # per megapixel that is drawn
#: Frames that are decoded for one picture, on average, and pictures of moments and of each person.
_ON_THE_WAY: Final = 45
_MOMENTS: Final = 6
_OF_A_PERSON: Final = 8


@dataclass(frozen=True)
class Cost:
    """The size of a video.

    Attributes:
        frames: That are decoded.
        samples: Frames that are analysed.
        megapixels: Of a frame.
        drawn: Megapixels of a frame of the annotated video.
    """

    frames: float
    samples: float
    megapixels: float
    drawn: float

    @classmethod
    def of_file(cls, source: Path, options: VideoOptions, longest: int) -> "Cost":
        """Return the size of a video file.

        Args:
            source: The file.
            options: How it is read.
            longest: Longer side of the annotated video in pixels.

        Raises:
            VideoError: It cannot be read.
        """
        with VideoFile(source, options.stream) as video:
            info = video.info
        end = min(options.end or info.seconds, info.seconds)
        seconds = max(end - (options.start or 0.0), 1.0)
        frames = seconds * max(info.rate, 1.0)
        samples = min(frames, seconds * options.fps) if options.fps else frames
        scale = min(1.0, longest / max(info.width, info.height, 1))
        megapixels = info.width * info.height / 1e6
        return cls(frames, samples, megapixels, megapixels * scale**2)

    def of(self, step: Step, faces: float) -> float:
        """Return what a step costs.

        Args:
            step: Which.
            faces: In an analysed frame, on average.
        """
        decoded = _DECODED * self.megapixels
        if step == "reading":
            return self.frames * decoded + self.samples * (_SAMPLE + faces * _FACE)
        if step == "pictures":
            count = _MOMENTS + _OF_A_PERSON * faces if faces else 0
            return count * (_PICTURE + min(self.frames / 2, _ON_THE_WAY) * decoded)
        drawn = _FRAME + _SCALED * self.megapixels + _ENCODED * self.drawn
        return self.frames * drawn
