"""TensorFlow without its words on the terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep to itself what native libraries write to stderr inside; show it if the block fails.

    TensorFlow greets from C++ when it is imported and once more at its first operation, and no
    setting of its own stops all of it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def start_tensorflow() -> None:
    """Import TensorFlow and let it find its devices, quietly."""
    with quiet_start():
        import tensorflow as tf

        tf.config.list_logical_devices()
        # It also warns from Python, of what is meant: each head of a study is a function anew.
        tf.get_logger().setLevel("ERROR")
