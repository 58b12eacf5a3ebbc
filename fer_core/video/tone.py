"""Tone mapping: pictures of high dynamic range as a usual screen and a usual camera show them."""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

#: Luminance of white paper in HDR video in cd/m² (ITU-R BT.2408); it becomes SDR's white.
REFERENCE_WHITE: Final = 203.0
#: Share of the reference white up to which light is kept; what is brighter is compressed.
KNEE: Final = 0.7
#: Transfer functions of HDR video and what they are called.
HDR: Final = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}

#: Peak luminance in cd/m² of the screen that HLG is shown on, and its system gamma (BT.2100).
_HLG_PEAK: Final = 1000.0
_HLG_GAMMA: Final = 1.2
_BT2020_LUMA: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)

#: Linear light of other primaries → BT.709 (BT.2087 for BT.2020; Display P3).
_TO_BT709: Final = {
    int(ColorPrimaries.BT2020): np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
        np.float32,
    ),
    int(ColorPrimaries.SMPTE432): np.array(
        [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32
    ),
    int(ColorPrimaries.BT709): None,
}


def tone_map(rgb: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """Return an HDR picture as SDR.

    The signal becomes light (SMPTE ST 2084, or ARIB STD-B67 with the system gamma of
    BT.2100), in units of the reference white. Light is brought to the primaries of BT.709.
    Light up to the knee ``k`` is kept, so that faces keep their brightness; above it, ``x``
    becomes ``k + (1 - k) * s / (1 + s)`` with ``s = (x - k) / (1 - k)``, which never exceeds
    1 (Reinhard's curve, moved to the knee). The result has the display gamma of BT.709
    video, 2.4 (BT.1886).

    Args:
        rgb: ``(H, W, 3)`` ``uint16``, 65535 for the full signal.
        transfer: One of :data:`HDR`.
        primaries: FFmpeg's number. Unknown ones count as BT.2020.

    Returns:
        ``(H, W, 3)`` ``uint8``.
    """
    light = _light(transfer)[rgb]
    if HDR[transfer] == "HLG":
        luminance = (light @ _BT2020_LUMA) ** np.float32(_HLG_GAMMA - 1)
        light *= np.float32(_HLG_PEAK / REFERENCE_WHITE) * luminance[..., None]
    matrix = _TO_BT709.get(primaries, _TO_BT709[int(ColorPrimaries.BT2020)])
    if matrix is not None:
        light = cv2.transform(light, matrix)
    np.maximum(light, 0, out=light)
    bright = light > KNEE
    over = light[bright] - np.float32(KNEE)
    light[bright] = KNEE + (1 - KNEE) * over / (1 - KNEE + over)
    return (255 * cv2.pow(light, 1 / 2.4) + 0.5).astype(np.uint8)


@lru_cache(maxsize=2)
def _light(transfer: int) -> np.ndarray:
    """Return the light of each of the 65536 signals.

    Shares of the reference white for PQ; for HLG, light of the scene from 0 to 1.
    """
    signal = np.arange(65536) / 65535
    if HDR[transfer] == "PQ":
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        power = signal ** (1 / m2)
        light = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
        return (light / REFERENCE_WHITE).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = (np.exp((signal - c) / a) + b) / 12
    return np.where(signal <= 0.5, signal**2 / 3, bright).astype(np.float32)
