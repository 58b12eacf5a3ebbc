"""A decoded frame and the picture that it becomes."""

from dataclasses import dataclass
from typing import Final

import av
import cv2
import numpy as np

from fer_core.errors import VideoError
from fer_core.video.orientation import orientation
from fer_core.video.tone import HDR, tone_map

#: FFmpeg's number for a colour matrix that a file does not say.
_UNSPECIFIED: Final = 2


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame that is not yet a picture.

    Attributes:
        time: Seconds from the start of the file.
        duration: Seconds for which it stands: until the next frame, or to the end.
        index: Number of the frame, counted from 0 over all frames that were decoded, also
            those that were not sampled. -1 if it was reached by a jump into the file.
        raw: PyAV's frame.
        width: Pixels of the upright frame with square pixels.
        height: As ``width``.
    """

    time: float
    duration: float
    index: int
    raw: av.VideoFrame
    width: int
    height: int

    def image(
        self, longest: int | None = None, region: tuple[float, float, float, float] | None = None
    ) -> np.ndarray:
        """Return the upright picture, ``(H, W, 3)`` ``uint8``, RGB; HDR as SDR.

        Args:
            longest: Reduce the picture so that its longer side has at most this many pixels.
            region: ``(x, y, width, height)`` in pixels of the upright frame. Only this part
                is returned, as far as it lies in the frame; ``longest`` then applies to it.

        Raises:
            VideoError: The format of the pixels is unknown.
            ValueError: The region lies outside of the frame.
        """
        if region is None:
            scale = min(1.0, longest / max(self.width, self.height)) if longest else 1.0
            return self._converted(
                max(1, round(self.width * scale)), max(1, round(self.height * scale))
            )
        x, y, width, height = region
        left, top = max(0, round(x)), max(0, round(y))
        right = min(self.width, round(x + width))
        bottom = min(self.height, round(y + height))
        if right <= left or bottom <= top:
            raise ValueError(f"The region {region} lies outside of {self.width}×{self.height}.")
        image = self._converted(self.width, self.height)[top:bottom, left:right]
        scale = min(1.0, longest / max(image.shape[:2])) if longest else 1.0
        if scale < 1:
            size = [max(1, round(side * scale)) for side in (right - left, bottom - top)]
            return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(image)

    def _converted(self, width: int, height: int) -> np.ndarray:
        """Return the whole picture in a size of the upright frame."""
        turned = orientation(self.raw)
        if turned.transposed:
            width, height = height, width
        transfer, primaries = self.raw.color_trc, self.raw.color_primaries
        hdr = transfer in HDR
        matrix = "BT2020" if hdr and self.raw.colorspace == _UNSPECIFIED else None
        try:
            rgb = self.raw.reformat(
                width,
                height,
                format="rgb48le" if hdr else "rgb24",
                src_colorspace=matrix,
                interpolation="AREA",
            ).to_ndarray()
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(
                "The pixels of this video are stored in an unknown way: convert it to H.264 in "
                "MP4 and try again."
            ) from error
        if hdr:
            rgb = tone_map(rgb, transfer, primaries)
        return np.ascontiguousarray(turned.upright(rgb))
