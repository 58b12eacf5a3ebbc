"""From single analyses to people over time: numbers, smoothed values, detection in between."""

from fer_core.tracking.detector import TrackingDetector
from fer_core.tracking.smoothing import EmotionSmoother
from fer_core.tracking.tracker import Tracker

__all__ = ["EmotionSmoother", "Tracker", "TrackingDetector"]
