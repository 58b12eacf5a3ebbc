"""Ideas for training that are tried on a small network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recipes
from fer_core.datasets import load


def test_cutmix_gives_each_target_the_area_of_the_other_face() -> None:
    faces = np.repeat(np.arange(16, dtype=np.float32), 48 * 48).reshape(16, 48, 48, 1)
    targets = np.eye(16, dtype=np.float32)
    for seed in range(20):
        mixed, shares = recipes.cutmix(faces, targets, np.random.default_rng(seed))
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
        for face, share in zip(mixed, shares, strict=True):
            area = np.bincount(face.astype(int).ravel(), minlength=16) / 48**2
            np.testing.assert_allclose(share, area, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("idea", recipes.VARIANTS)
def test_every_idea_trains(idea: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load("demo")
    demo = whole.take(np.arange(len(whole)) % 20 == 0)
    votes = np.eye(7, dtype=np.float32)[demo.labels]
    monkeypatch.setattr(recipes, "load", lambda data, votes_file: replace(demo, votes=votes))
    names = tuple(dict.fromkeys(("plain", idea)))
    result = recipes.run_recipes("demo", Path("votes.csv"), epochs=2, seeds=1, only=names)
    assert set(result["runs"]) == set(names)
    assert recipes.VARIANTS[idea].what in recipes.to_markdown(result)
