"""Training through the quicker kernels is training all the same."""

import numpy as np
import pytest


def test_fused_batch_norm_gives_the_same_weights() -> None:
    import keras

    from fer_core.models.architectures import registry
    from fer_core.train.kernels import use_quick_kernels

    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (32, 48, 48, 1)).astype(np.float32)
    labels = rng.integers(0, 7, 32)

    def trained(quick: bool) -> list[np.ndarray]:
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(0)
        model = registry.build("mini_xception")
        before = [np.array(w) for w in model.get_weights()]
        if quick:
            use_quick_kernels(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
        for _ in range(3):
            model.train_on_batch(faces, labels)
        after = model.get_weights()
        assert any(np.abs(a - b).max() > 0.01 for a, b in zip(after, before, strict=True))
        return after

    for own, quick in zip(trained(False), trained(True), strict=True):
        # Bessel's correction of the smallest maps (32 faces of 3×3) is the largest gap.
        np.testing.assert_allclose(own, quick, atol=2e-3, rtol=5e-3)


@pytest.mark.parametrize("side", [3, 6])
def test_a_convolution_on_a_small_map_has_its_own_gradients(side: int) -> None:
    import keras
    import tensorflow as tf

    from fer_core.train.kernels import use_quick_kernels

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer, usual_layer = (
            keras.layers.Conv2D(160, 3, padding="same", use_bias=False) for _ in range(2)
        )
        model = keras.Sequential([keras.Input((side, side, 128)), layer])
        usual = keras.Sequential([keras.Input((side, side, 128)), usual_layer])
    finally:
        keras.config.set_dtype_policy("float32")
    own = keras.layers.Conv2D(160, 3, padding="same", use_bias=False)
    plain = keras.Sequential([keras.Input((side, side, 128)), own])
    for other in (own, usual_layer):
        other.set_weights(layer.get_weights())
    use_quick_kernels(model)
    assert layer.convolution_op.__module__ == use_quick_kernels.__module__
    x = tf.constant(np.random.default_rng(1).normal(size=(16, side, side, 128)), tf.float32)
    # A weight per place: what comes from a wrong place is not hidden by symmetry.
    weight = tf.constant(np.random.default_rng(2).normal(size=(16, side, side, 160)), tf.float32)

    def gradients(network: keras.Model) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.cast(network(x, training=True), tf.float32) * weight)
        return [g.numpy() for g in tape.gradient(loss, [x, *network.trainable_weights])]

    def error(exact: np.ndarray, found: np.ndarray) -> float:
        return float(np.linalg.norm(exact - found) / np.linalg.norm(exact))

    found = zip(gradients(plain), gradients(model), gradients(usual), strict=True)
    for exact, quick, of_keras in found:
        # bfloat16 rounds to 0.4 %; some processors lose more, in Keras' own way as well.
        assert error(exact, quick) < max(0.01, 1.2 * error(exact, of_keras))
