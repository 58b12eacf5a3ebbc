"""Emotions from faces: detection, classification, training and evaluation.

The library behind the app; it knows nothing of Streamlit and works from a notebook:

>>> import fer_core
>>> fer_core.analyze(fer_core.example_portrait()).faces[0].emotion
'Happy'

Importing it loads nothing else; each name below is imported when it is first used.
"""

from typing import TYPE_CHECKING

from fer_core.lazy import lazy_attributes

if TYPE_CHECKING:
    from fer_core.datasets import load as load_dataset
    from fer_core.errors import FerError
    from fer_core.facade import (
        Analyzer,
        PictureAnalysis,
        analyze,
        analyze_video,
        train_model,
    )
    from fer_core.images import example_portrait
    from fer_core.models.catalogue import list_models

__version__ = "0.1.0"

__all__ = [
    "Analyzer",
    "FerError",
    "PictureAnalysis",
    "analyze",
    "analyze_video",
    "example_portrait",
    "list_models",
    "load_dataset",
    "train_model",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "Analyzer": "fer_core.facade",
        "FerError": "fer_core.errors",
        "PictureAnalysis": "fer_core.facade",
        "analyze": "fer_core.facade",
        "analyze_video": "fer_core.facade",
        "example_portrait": "fer_core.images",
        "list_models": "fer_core.models.catalogue",
        "load_dataset": "fer_core.datasets:load",
        "train_model": "fer_core.facade",
    },
)
