"""Studies: how several people respond to the same stimuli, and whether groups differ.

>>> study = Study.open(Path("my study"))  # doctest: +SKIP
>>> measures(study)  # doctest: +SKIP
"""
