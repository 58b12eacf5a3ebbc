"""The app: what its pages are made of."""
