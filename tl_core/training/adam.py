"""Adam in one pass over a weight and its moments."""

from typing import Any

import keras
import tensorflow as tf


class FusedAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW whose step is TensorFlow's own kernel: the same formula as Keras', in one operation.

    Keras writes the step as a dozen operations, each of which passes over all weights; for a head
    of many features and few images they take longer than its products. Source of the formula:
    Kingma and Ba, 2015, at the end of their section 2; Loshchilov and Hutter, 2019, for the decay.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take one step of `variable` against `gradient`, both of one shape and in float32."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )
