"""What a model looked at: Grad-CAM and guided back-propagation.

They need Keras and TensorFlow, which never enter the calling process: TensorFlow takes
seconds to load and crashes a process that imports WebRTC's libraries after it. A worker
process computes them, see :mod:`fer_core.explain.client`.

>>> explain(crop, "Happy", "mini_xception").grad_cam.shape  # doctest: +SKIP
(384, 384, 3)
"""

from fer_core.explain.client import IDLE_SECONDS, Explainer, explain, warm_up
from fer_core.explain.pictures import SIZE, Explanation

__all__ = ["IDLE_SECONDS", "SIZE", "Explainer", "Explanation", "explain", "warm_up"]
