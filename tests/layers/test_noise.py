"""What random layers draw: a function of the seed and of their order, and of nothing else."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from movinet.layers import noise

SEED = [3, 4]


def draw(seed, count=2, size=200):
    with noise.drawn_from(tf.constant(seed, tf.int64)):
        return [noise.keep([size, 1], 0.7).numpy() for _ in range(count)]


def test_a_seed_gives_the_same_again_and_another_seed_does_not():
    first, again, other = draw(SEED), draw(SEED), draw([3, 5])
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1])


def test_what_is_kept_is_scaled_so_that_the_mean_stays():
    (drawn,) = draw(SEED, 1, 20_000)
    assert set(np.unique(drawn)) == {np.float32(0), np.float32(1 / 0.7)}
    assert drawn.mean() == pytest.approx(1.0, abs=0.02)


def test_the_graph_draws_what_python_draws():
    function = tf.function(lambda seed: _in_graph(seed))
    np.testing.assert_array_equal(function(tf.constant(SEED, tf.int64)), draw(SEED, 2)[1])


def _in_graph(seed):
    with noise.drawn_from(seed):
        noise.keep([200, 1], 0.7)
        return noise.keep([200, 1], 0.7)


def test_without_a_seed_it_is_tensorflow_that_draws_and_contexts_end():
    tf.random.set_seed(1)
    first = noise.keep([200, 1], 0.7).numpy()
    with noise.drawn_from(tf.constant(SEED, tf.int64)):
        noise.keep([200, 1], 0.7)
        with noise.drawn_from(tf.constant([8, 8], tf.int64)):
            noise.keep([200, 1], 0.7)
        second_inside = noise.keep([200, 1], 0.7).numpy()
    np.testing.assert_array_equal(second_inside, draw(SEED)[1])
    assert not np.array_equal(noise.keep([200, 1], 0.7).numpy(), first)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(noise.keep([200, 1], 0.7).numpy(), first)


def test_threads_do_not_see_each_other():
    found = []
    with noise.drawn_from(tf.constant(SEED, tf.int64)):
        noise.keep([2], 0.7)
        thread = threading.Thread(target=lambda: found.append(draw(SEED)))
        thread.start()
        thread.join()
        inside = noise.keep([200, 1], 0.7).numpy()
    np.testing.assert_array_equal(found[0][0], draw(SEED)[0])
    np.testing.assert_array_equal(inside, draw(SEED)[1])
