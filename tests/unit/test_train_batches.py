from dataclasses import replace

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.train import configure
from fer_core.train.augment import Augmentation, augment


@pytest.fixture(scope="module")
def data():
    return demo.load(160, 70, 35, seed=4)


def batches(data, epoch=0, **changes):
    from fer_core.train.batches import Batches

    settings = {"model": "vgg", "data": "demo", "batch_size": 32, "mixup": 0.2}
    return Batches(data.split("Training"), configure(**settings | changes), epoch)


def test_batches_depend_on_seed_and_epoch_only(data):
    first = batches(data)[2]
    assert all(np.array_equal(a, b) for a, b in zip(first, batches(data)[2], strict=True))
    assert not np.array_equal(first[0], batches(data, epoch=1)[2][0])
    assert not np.array_equal(first[0], batches(data, seed=1)[2][0])


def test_mixup_mixes_faces_and_targets_alike(data):
    plain = {"rotation": 0, "shift": 0, "zoom": 0, "flip": False}
    faces, targets = batches(data, mixup=0.4, augmentation=plain)[0]
    assert targets.sum(axis=1) == pytest.approx(1)
    assert ((targets > 0.01) & (targets < 0.99)).any()
    pure, labels = batches(data, mixup=0.0, augmentation=plain)[0]
    share = targets.max(axis=1).min()
    rng_free = [np.abs(faces[0] - (share * pure[0] + (1 - share) * p)).max() for p in pure]
    rng_free += [np.abs(faces[0] - ((1 - share) * pure[0] + share * p)).max() for p in pure]
    assert min(rng_free) < 0.01
    assert labels.max() == 1


def test_balanced_classes_weigh_the_same(data):
    labels = np.where(np.arange(len(data)) % 3 == 0, 1, 3)
    _, targets, weights = zip(
        *(
            b
            for b in _all(batches(replace(data, labels=labels), class_weights="balanced", mixup=0))
        ),
        strict=True,
    )
    targets, weights = np.concatenate(targets), np.concatenate(weights)
    assert weights[targets[:, 1] == 1].min() > weights[targets[:, 3] == 1].max() * 1.5


def _all(sequence):
    return [sequence[i] for i in range(len(sequence))]


def test_augmentation_keeps_range_and_shape(data):
    wild = Augmentation(
        rotation=30, shift=0.2, zoom=0.3, crop=0.3, brightness=0.4, contrast=0.5, blur=1, erase=1,
        noise=1, jpeg=1,
    )  # fmt: skip
    out = augment(data.faces[:40], wild, np.random.default_rng(0))
    assert out.shape == (40, 48, 48)
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 255


def test_noise_and_jpeg_come_to_their_share_of_the_faces(data):
    faces, still = data.faces[:400], {"rotation": 0, "shift": 0, "zoom": 0, "flip": False}
    for kind in ("noise", "jpeg"):
        out = augment(faces, Augmentation(**still, **{kind: 0.25}), np.random.default_rng(2))
        error = np.abs(out - faces).mean(axis=(1, 2))
        changed = error > 0
        assert 0.15 < changed.mean() < 0.35
        assert error[changed].min() > 0.5 and error[changed].max() < 30


def test_a_random_crop_is_a_part_enlarged():
    ramp = np.tile(np.arange(48, dtype=np.uint8) * 5, (8, 48, 1))
    still = {"rotation": 0, "shift": 0, "zoom": 0, "flip": False}
    out = augment(ramp, Augmentation(crop=0.5, **still), np.random.default_rng(1))
    slope = np.diff(out[:, 24, 4:-4], axis=1).mean(axis=1)
    assert (slope <= 5.01).all()
    assert slope.min() < 4
    assert np.array_equal(augment(ramp, Augmentation(**still), np.random.default_rng(1)), ramp)
