"""The order of training: which clip stands where, as a function of seed and position alone.

Clips are at the positions 0, 1, 2, ... of a stream without end. N clips make an epoch of N
positions; each epoch has an order of its own, which is computed and stored nowhere, so that
training goes on at any position at once.
"""

import tensorflow as tf

ENDLESS = 2**62
"""A position that no training reaches."""

_BATCHES = -1  # In the place of an epoch, in the seeds of whole batches.


def records_at(position: tf.Tensor, clips: int, seed: int, count: int = 1) -> tf.Tensor:
    """The records [count] at a position and at those after it, all of the same epoch: its first
    ones come after its last.
    """
    indices = (position % clips + tf.range(count, dtype=tf.int64)) % clips
    last = tf.constant(clips - 1, tf.int64)
    return tf.random.experimental.index_shuffle(indices, _seed(seed, position // clips), last)


def clip_seed(position: tf.Tensor, record: tf.Tensor, clips: int, seed: int) -> tf.Tensor:
    """The seed [2] of what is drawn for one clip: a function of seed, epoch and record."""
    return tf.random.fold_in(_seed(seed, position // clips), record)


def batch_seed(position: tf.Tensor, seed: int) -> tf.Tensor:
    """The seed [2] of what is drawn for a batch whose first clip is at `position`."""
    return tf.random.fold_in(_seed(seed, tf.constant(_BATCHES, tf.int64)), position)


def dealt_position(element: tf.Tensor, batch_size: int, pipelines: int, pipeline: int) -> tf.Tensor:
    """The position, counted from the start, of an element of one of several pipelines.

    Batch k of all pipelines together is made of positions k * batch_size and following, however
    many pipelines there are.
    """
    share = batch_size // pipelines
    return element // share * batch_size + pipeline * share + element % share


def dealt_elements(positions: int, batch_size: int, pipelines: int, pipeline: int) -> int:
    """How many of so many positions one pipeline has."""
    share = batch_size // pipelines
    batches, rest = divmod(positions, batch_size)
    return batches * share + min(max(rest - pipeline * share, 0), share)


def _seed(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(seed, tf.int64), epoch])
