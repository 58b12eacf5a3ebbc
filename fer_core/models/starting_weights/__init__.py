"""What a network starts from: named sets of weights, files, or nothing."""

from fer_core.models.starting_weights.growth import SMALLER
from fer_core.models.starting_weights.loading import about, keras_form, start, trained_here

__all__ = ["SMALLER", "about", "keras_form", "start", "trained_here"]
