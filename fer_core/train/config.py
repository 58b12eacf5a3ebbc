"""What a training run does: the recipe, as one typed configuration."""

from fer_core.models.recipe import Recipe


class TrainConfig(Recipe):
    """The recipe of one run; saved with the run as ``config.json``."""
