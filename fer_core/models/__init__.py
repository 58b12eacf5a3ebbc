"""Architectures, trained models and how one becomes the other."""
