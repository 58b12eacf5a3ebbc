"""Errors that a user can cause. Each carries one sentence that says what to do."""


class FerError(Exception):
    """Base of every error whose message is meant for the person using the program."""


class ImageError(FerError):
    """A picture cannot be read."""


class DetectorError(FerError):
    """A face detector cannot be used on this machine."""


class ModelError(FerError):
    """A trained model or an architecture cannot be used."""


class DatasetError(FerError):
    """A dataset cannot be read or does not hold what is asked of it."""


class TrainingError(FerError):
    """A training run cannot start or cannot go on."""
