"""What a network starts from: named sets of weights, files, or nothing."""

from fer_core.models.starting_weights.loading import about, start

__all__ = ["about", "start"]
