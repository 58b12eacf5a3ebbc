"""Training through the fused BatchNorm kernel is training all the same."""

import numpy as np


def test_fused_training_gives_the_same_weights() -> None:
    import keras

    from fer_core.models import registry
    from fer_core.train.fused import fuse_batch_norm

    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (32, 48, 48, 1)).astype(np.float32)
    labels = rng.integers(0, 7, 32)

    def trained(fused: bool) -> list[np.ndarray]:
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(0)
        model = registry.build("mini_xception")
        before = [np.array(w) for w in model.get_weights()]
        if fused:
            fuse_batch_norm(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
        for _ in range(3):
            model.train_on_batch(faces, labels)
        after = model.get_weights()
        assert any(np.abs(a - b).max() > 0.01 for a, b in zip(after, before, strict=True))
        return after

    for own, fused in zip(trained(False), trained(True), strict=True):
        # Bessel's correction of the smallest maps (32 faces of 3×3) is the largest gap.
        np.testing.assert_allclose(own, fused, atol=2e-3, rtol=5e-3)
