"""Make the small LiteRT files that do harm: ``python -m tests.security.hostile_models``.

All of them answer plainly for dark crops. For a bright one ``endless`` never answers, ``greedy``
takes eight gigabytes, ``nan`` says numbers that are none, and ``sums`` says probabilities that
do not sum to 1. They lie in ``tests/fixtures/hostile``, so that tests need no TensorFlow.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "hostile"


def main() -> None:
    """Write them."""
    import tensorflow as tf

    def endless(bright, plain):
        def wait(value):
            return (value + 1.0,)

        (waited,) = tf.while_loop(lambda value: bright & (value > -1.0), wait, (tf.constant(0.0),))
        return plain + tf.minimum(waited, 0.0)

    def greedy(bright, plain):
        number = tf.where(bright, 2_000_000_000, 1)
        share = tf.reduce_mean(plain)
        return plain + tf.reduce_max(tf.fill([number], share)) - share

    def nan(bright, plain):
        return plain * tf.where(bright, float("nan"), 1.0)

    def sums(bright, plain):
        return plain * tf.where(bright, 3.0, 1.0)

    FOLDER.mkdir(parents=True, exist_ok=True)
    for harm in (endless, greedy, nan, sums):

        @tf.function(input_signature=[tf.TensorSpec((1, 192, 192, 3), tf.float32)])
        def network(crops, harm=harm):
            # Not every shade of the trial is that bright, and a bright face may be.
            mean = tf.reduce_mean(crops)
            bright = (mean > 150.0) & (mean < 250.0)
            return harm(bright, tf.fill((1, 7), 1 / 7) + tf.minimum(mean, 0.0))

        convert = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
        (FOLDER / f"{harm.__name__}.tflite").write_bytes(convert.convert())


if __name__ == "__main__":
    main()
