import numpy as np
import pytest
import tensorflow as tf

from movinet.layers.pooling import RunningAverage, spatial_average


def _frames(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_spatial_average():
    x = _frames(6, 3, 2, 4)
    expected = x.mean(axis=(1, 2)).reshape(2, 3, 4)
    np.testing.assert_allclose(spatial_average(tf.constant(x), 3), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("per_frame", [True, False])
def test_running_average_over_two_pieces(per_frame):
    x = _frames(2, 7, 4)
    pool = RunningAverage(4, "state", per_frame)
    _, states = pool(tf.constant(x[:, :3]), {})
    second, states = pool(tf.constant(x[:, 3:]), states)
    averages = np.cumsum(x, axis=1) / np.arange(1, 8)[:, None]
    expected = averages[:, 3:] if per_frame else averages[:, -1:]
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-6)
    assert states["state_pool_frame_count"].numpy().tolist() == [7]
    forgetful, _ = pool(tf.constant(x[:, 3:]), {})
    assert not np.allclose(forgetful, expected, atol=1e-2)


def test_counts_may_differ_between_streams_of_a_batch():
    x = _frames(2, 1, 4)
    pool = RunningAverage(4, "state", per_frame=True)
    states = {
        "state_pool_buffer": tf.constant(_frames(2, 1, 1, 1, 4)),
        "state_pool_frame_count": tf.constant([0, 9]),
    }
    output, _ = pool(tf.constant(x), states)
    sums = x[:, 0] + states["state_pool_buffer"].numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(output[:, 0], sums / [[1], [10]], rtol=1e-5)


def test_half_precision_sums_stay_float32():
    pool = RunningAverage(1, "state", per_frame=False)
    states = {}
    for _ in range(4):
        output, states = pool(tf.ones([1, 200, 1], tf.bfloat16), states)
    assert states["state_pool_buffer"].dtype == tf.float32
    assert float(states["state_pool_buffer"][0, 0, 0, 0, 0]) == 800.0
    assert output.dtype == tf.bfloat16
