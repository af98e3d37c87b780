"""The moving average takes the place of the weights for an evaluation, and leaves no trace."""

import numpy as np
import pytest
import tensorflow as tf
from step_trainers import FreeNorms, batches, make_trainer, videos

EMA = "trainer.optimizer_config.ema={average_decay: 0.7}"


def bits(variables):
    return [variable.numpy().tobytes() for variable in variables]


@pytest.fixture
def trainer(tiny_config):
    clips, labels = videos(12)
    iterator = batches(clips, labels, 4)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        trainer = make_trainer(tiny_config, EMA, FreeNorms)
        step = tf.function(trainer.train_step)
        for _ in range(3):
            step(iterator)
        yield trainer


def test_they_are_averages_inside_and_to_the_bit_what_they_were_outside(trainer):
    weights, averages = trainer.optimizer._model_weights, trainer.optimizer._average_weights
    assert len(weights) == len(averages) > 20
    before, of_averages = bits(weights), bits(averages)
    assert before != of_averages
    with trainer.averaged_weights():
        assert bits(weights) == of_averages
    assert bits(weights) == before and bits(averages) == of_averages
    with pytest.raises(KeyError), trainer.averaged_weights():
        raise KeyError
    assert bits(weights) == before and bits(averages) == of_averages


def test_what_the_model_garden_does_instead_rounds(trainer):
    """The control: it is close, and not the same."""
    weights = trainer.optimizer._model_weights
    before = [weight.numpy() for weight in weights]
    for _ in range(2):
        trainer.optimizer.swap_weights()
    after = [weight.numpy() for weight in weights]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert any(one.tobytes() != other.tobytes() for one, other in zip(before, after, strict=True))
