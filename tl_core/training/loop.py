"""Training and answering in compiled steps, several to a call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.training.batches import Chunk, Examples
from tl_core.training.mixing import Mixing

if TYPE_CHECKING:
    import keras

_ANSWER_BYTES = 64 * 2**20


class Loop:
    """A Keras model that gives scores N×classes, with its optimiser, as compiled TensorFlow steps.

    Keras' own `fit` spends more time in Python than a head spends in its matrix products; one
    call here takes all the steps of a chunk.
    """

    def __init__(
        self,
        model: "keras.Model",
        optimizer: Any,
        label_smoothing: float,
        classes: int,
        mixing: Mixing | None = None,
    ) -> None:
        import tensorflow as tf

        self.model = model
        self._optimizer = optimizer
        self._k = min(5, classes)
        optimizer.build(model.trainable_variables)

        share = label_smoothing / classes

        def targets_of(labels: Any) -> Any:
            return tf.one_hot(labels, classes, 1 - label_smoothing + share, share)

        def step(inputs: Any, labels: Any) -> Any:
            targets = targets_of(labels)
            if mixing:
                inputs, targets = mixing(inputs, targets, optimizer.iterations)
            with tf.GradientTape() as tape:
                scores = tf.cast(_call(model, inputs, training=True), tf.float32)
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, scores))
                total = tf.add_n([loss, *model.losses]) if model.losses else loss
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
            right = tf.equal(tf.argmax(scores, -1), labels)
            among = tf.math.in_top_k(labels, scores, self._k)
            return tf.stack(
                [
                    loss,
                    tf.reduce_mean(tf.cast(right, tf.float32)),
                    tf.reduce_mean(tf.cast(among, tf.float32)),
                ]
            )

        def steps(inputs: Any, labels: Any) -> Any:
            # Asked for here: outside a compiled step a schedule takes as long as a step does.
            rate = tf.cast(optimizer.learning_rate, tf.float32)
            figures = tf.zeros(3)
            for number in tf.range(tf.shape(labels)[0]):
                figures += step(tuple(part[number] for part in inputs), labels[number])
            return figures, rate

        def answer(inputs: Any) -> Any:
            return tf.nn.softmax(tf.cast(_call(model, inputs, training=False), tf.float32))

        # The last call of an epoch takes fewer steps, the last answer fewer rows: traced once for
        # any number of them.
        self._steps = _traced_once(steps)
        self._answer = _traced_once(answer)
        self._constant = tf.constant

    @property
    def learning_rate(self) -> float:
        """The rate that the next step would use."""
        return float(self._optimizer.learning_rate)

    @property
    def variables(self) -> tuple[NDArray[np.generic], ...]:
        """Everything that changes from step to step: weights, optimiser slots, dropout's seeds."""
        return tuple(variable.numpy() for variable in self._variables())

    def restore(self, variables: Sequence[NDArray[np.generic]]) -> None:
        """Take up what `variables` gave for a loop like this one.

        Raises:
            TransferLabError: that loop was another: the number or a shape differs.
        """
        own = self._variables()
        shapes = [tuple(variable.shape) for variable in own]
        if shapes != [array.shape for array in variables]:
            raise TransferLabError(
                "What was saved of this training is of another model, so of another version of "
                "Transfer Lab; train it anew."
            )
        for variable, array in zip(own, variables, strict=True):
            # numpy has no name for bfloat16 in its files and gives its bytes back as such.
            variable.assign(array.view(variable.numpy().dtype))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self._optimizer.variables]

    def train(self, chunk: Chunk) -> tuple[NDArray[np.float64], float]:
        """Take the chunk's steps.

        Returns their summed loss, top-1 and top-5 shares (3), and the learning rate of the first.
        """
        figures, rate = self._steps(
            tuple(self._constant(part) for part in chunk.inputs), self._constant(chunk.labels)
        )
        return np.asarray(figures, dtype=np.float64), float(rate)

    def probabilities(self, examples: Examples, view: int = 0) -> NDArray[np.float32]:
        """Return the model's probabilities len(examples)×classes for one view, no training."""
        batch = int(np.clip(_ANSWER_BYTES // examples.row_bytes, 16, 1024))
        parts = []
        for start in range(0, len(examples), batch):
            positions = np.arange(start, min(start + batch, len(examples)))
            inputs = examples.gather(positions, view)
            parts.append(self._answer(tuple(self._constant(p) for p in inputs)).numpy())
        return np.concatenate(parts)


def _traced_once(function: Any) -> Any:
    """Return `function` compiled at its first call, for any length of its arguments' first axis."""
    import tensorflow as tf

    compiled: list[Any] = []

    def call(*arguments: Any) -> Any:
        if not compiled:
            signature = tf.nest.map_structure(
                lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), arguments
            )
            compiled.append(tf.function(function, input_signature=signature))
        return compiled[0](*arguments)

    return call


def _call(model: "keras.Model", inputs: Any, training: bool) -> Any:
    return model(inputs[0] if len(inputs) == 1 else list(inputs), training=training)
