"""What random layers draw in training, and where it comes from."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf

from movinet.layers.base import Dimension


class _Source(threading.local):
    """The seed in use and how many numbers it gave; of a thread, since each replica has one."""

    seed: tf.Tensor | None = None
    draws = 0


_source = _Source()


@contextlib.contextmanager
def drawn_from(seed: tf.Tensor) -> Iterator[None]:
    """Makes all that random layers draw inside a function of `seed` [2] and of their order.

    Without it they draw from TensorFlow's global generator, whose state no checkpoint holds.
    """
    before = _source.seed, _source.draws
    _source.seed, _source.draws = seed, 0
    try:
        yield
    finally:
        _source.seed, _source.draws = before


def keep(shape: Sequence[Dimension], rate: float) -> tf.Tensor:
    """Factors of that shape for what is dropped at random: 0, or 1 / `rate` at that rate."""
    return tf.floor(_uniform(shape) + rate) / rate


def _uniform(shape: Sequence[Dimension]) -> tf.Tensor:
    if _source.seed is None:
        return tf.random.uniform(shape)
    seed = tf.random.fold_in(_source.seed, _source.draws)
    _source.draws += 1
    return tf.random.stateless_uniform(shape, seed)
