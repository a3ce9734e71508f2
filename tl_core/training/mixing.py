"""Changes of a batch of activations: augmentation that costs no pass through the backbone."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mixing:
    """Shifts each image's activations and mixes the images of a batch with each other.

    `shift` is how many cells the maps move at most, each way, their edges mirrored: a cell covers
    as many pixels as the frozen part has strides, so that this is a shifted crop of the picture.
    `mixup` is the alpha of the Beta distribution by which the batch and its reverse are mixed,
    inputs and targets alike (Zhang et al., mixup, arXiv:1710.09412; for activations Verma et al.,
    Manifold Mixup, arXiv:1806.05236); 0 mixes nothing. What is drawn follows from `seed` and the
    number of the step alone.
    """

    mixup: float
    shift: int
    seed: int

    def __call__(self, inputs: tuple[Any, ...], targets: Any, step: Any) -> tuple[Any, Any]:
        """Return the changed inputs and targets (N×classes, each row summing to 1).

        The first of `inputs` are the activations N×h×w×C.
        """
        if self.shift:
            inputs = (self._shifted(inputs[0], step), *inputs[1:])
        if self.mixup:
            inputs, targets = self._mixed(inputs, targets, step)
        return inputs, targets

    def _shifted(self, maps: Any, step: Any) -> Any:
        import tensorflow as tf

        height, width = maps.shape[1:3]
        for axis, size in ((1, height), (2, width)):
            most = min(self.shift, size)
            padding = [[0, 0]] * 4
            padding[axis] = [most, most]
            padded = tf.pad(maps, padding, mode="SYMMETRIC")
            starts = tf.random.stateless_uniform(
                [tf.shape(maps)[0]], self._drawn_by(step, axis), 0, 2 * most + 1, tf.int32
            )
            cells = starts[:, None] + tf.range(size)
            maps = tf.gather(padded, cells, axis=axis, batch_dims=1)
            if axis == 2:
                # A gather behind an axis that it leaves alone puts its own axis first.
                maps = tf.ensure_shape(maps, [None, height, width, padded.shape[-1]])
        return maps

    def _mixed(self, inputs: tuple[Any, ...], targets: Any, step: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        one, other = tf.unstack(
            tf.random.stateless_gamma([2], self._drawn_by(step, 0), alpha=self.mixup)
        )
        # Both may be 0 for a small alpha, in which case nothing is mixed.
        share = tf.math.divide_no_nan(tf.minimum(one, other), one + other)

        def mixed(part: Any) -> Any:
            # Processors multiply float16 slowly, and round what they have multiplied.
            own = tf.cast(part, tf.float32)
            return tf.cast((1 - share) * own + share * tf.reverse(own, [0]), part.dtype)

        return tuple(mixed(part) for part in inputs), mixed(targets)

    def _drawn_by(self, step: Any, purpose: int) -> Any:
        import tensorflow as tf

        return tf.stack([tf.constant(3 * self.seed + purpose, tf.int64), tf.cast(step, tf.int64)])
