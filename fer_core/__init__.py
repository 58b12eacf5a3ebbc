"""Emotions from faces: detection, classification, training and evaluation.

The library behind the app; it knows nothing of Streamlit and works from a notebook:

>>> from fer_core.analysis import analyze
>>> from fer_core.classifier import load_classifier
>>> from fer_core.faces import get_detector
>>> from fer_core.images import example_portrait
>>> analyze(example_portrait(), load_classifier(), get_detector()).faces[0].emotion
'Happy'
"""

__version__ = "0.1.0"
