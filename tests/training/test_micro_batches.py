"""Gradient accumulation: the step is that of the whole batch, whatever it is cut into."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import performance
from step_trainers import (
    FreeNorms,
    batches,
    distance,
    graph_size,
    make_trainer,
    moved,
    values,
    videos,
)

from movinet import InputError
from movinet.training import preparation, step_settings
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

COUNT = "trainer.gradient_accumulation_steps"
CLIPS, LABELS = videos(16)
RMSPROP = "{type: rmsprop, rmsprop: {rho: 0.9, momentum: 0.9, epsilon: 1.0, clipnorm: %s}}"


def movement(tiny_config, count, override="", task=None):
    """What two steps over eight clips each do to the weights."""
    override = ",".join(filter(None, [override, f"{COUNT}={count}"]))
    trainer = make_trainer(tiny_config, override, **({"task": task} if task else {}))
    return moved(trainer, batches(CLIPS, LABELS, 8 // count), steps=2)


def test_any_number_of_micro_batches_takes_the_same_step(tiny_config):
    decay = "task.losses.l2_weight_decay=0.05"
    whole = movement(tiny_config, 1, decay)
    for count in (2, 4):
        assert distance(movement(tiny_config, count, decay), whole) < 1e-5
    # Negative controls: what an omitted mean, or a decay added up, would do.
    assert distance(movement(tiny_config, 1), whole) > 1e-3
    trainer = make_trainer(tiny_config, decay)
    assert distance(moved(trainer, batches(CLIPS, LABELS, 2), steps=2), whole) > 1e-2


@pytest.mark.parametrize(
    "optimizer", [RMSPROP % 0.05, "{type: adam, adam: {global_clipnorm: 0.05}}"]
)
def test_optimizers_see_the_gradient_of_the_whole_batch(tiny_config, optimizer):
    override = f"trainer.optimizer_config.optimizer={optimizer}"
    whole = movement(tiny_config, 1, override)
    # Moments divide small numbers by small ones, which shows their last digits.
    assert distance(movement(tiny_config, 4, override), whole) < 1e-4
    # The negative control: the clipping that is asked for acts.
    loose = override.replace("0.05", "1000.0")
    assert distance(movement(tiny_config, 1, loose), whole) > 1e-2


def test_the_moving_average_follows_the_updates(tiny_config):
    override = "trainer.optimizer_config.ema={average_decay: 0.9}"
    averages = []
    for count in (1, 4):
        trainer = make_trainer(tiny_config, f"{override},{COUNT}={count}")
        moved(trainer, batches(CLIPS, LABELS, 8 // count), steps=2)
        kept = trainer.optimizer._average_weights
        averages.append(np.concatenate([average.numpy().ravel() for average in kept]))
    assert distance(averages[1], averages[0]) < 1e-6
    assert distance(averages[0], values(trainer.model)) > 1e-3


@pytest.fixture
def half_precision():
    performance.set_mixed_precision_policy(tf.float16)
    yield "runtime.mixed_precision_dtype=float16"
    performance.set_mixed_precision_policy(tf.float32)


def test_half_precision(tiny_config, half_precision):
    fixed = f"{half_precision},runtime.loss_scale=64.0"
    whole = movement(tiny_config, 1, fixed)
    # Sums of half precision differ in their third digit; a lost scale differs by its factor.
    assert distance(movement(tiny_config, 4, fixed), whole) < 2e-2
    assert np.abs(whole).max() > 1e-3


def test_a_micro_batch_that_overflows_stops_the_whole_step(tiny_config, half_precision):
    trainer = make_trainer(tiny_config, f"{half_precision},{COUNT}=4")
    scale = float(trainer.optimizer.loss_scale)
    clips = CLIPS.numpy()
    clips[3] = np.inf
    assert np.array_equal(moved(trainer, batches(clips, LABELS, 2)), 0 * values(trainer.model))
    assert float(trainer.optimizer.loss_scale) == scale / 2


def test_batch_norm_sees_micro_batches_alone(tiny_config):
    """What the page on batch sizes warns of, and the negative control of all of the above."""
    whole = movement(tiny_config, 1, task=FreeNorms)
    assert distance(movement(tiny_config, 4, task=FreeNorms), whole) > 1e-2


def test_running_statistics_keep_their_pace(tiny_config):
    """Micro-batches that all hold the same clip have the mean of the whole batch."""
    clips, labels = tf.repeat(CLIPS[:1], 8, axis=0), np.repeat(LABELS[:1], 8, axis=0)
    found, steady = [], None
    for count in (1, 4):
        trainer = make_trainer(tiny_config, f"{COUNT}={count}", FreeNorms)
        norms = [
            layer
            for layer in trainer.model.submodules
            if isinstance(layer, tf_keras.layers.BatchNormalization)
        ]
        steady = np.concatenate([norm.moving_mean.numpy() for norm in norms])
        trainer.train_step(batches(clips, labels, 8 // count))
        found.append(np.concatenate([norm.moving_mean.numpy() for norm in norms]) - steady)
    assert distance(found[1], found[0]) < 1e-4
    # The negative control: four updates at the pace of one go 1 + 0.9 + 0.81 + 0.729 as far.
    assert distance(found[0] * 3.439, found[0]) > 1


def test_through_the_input_pipeline(tiny_config):
    """The same clips in the same order, in orbit's loop; metrics and steps count them all."""
    found = []
    for count in (1, 4):
        config = preparation.prepare(
            tiny_config(
                f"task.freeze_backbone=true,task.model.dropout_rate=0,{COUNT}={count},"
                "trainer.optimizer_config.warmup.type=null,task.train_data.seed=5"
            ),
            train=True,
            evaluate=True,
        )
        tf_keras.utils.set_random_seed(1)
        trainer = Trainer(config, MovinetTask(config.task), train=True)
        trainer.run_steps(3)
        assert trainer.step == 3 and int(trainer.optimizer.iterations) == 3
        assert float(trainer.train_metrics[0].count) == 3 * 8
        found.append((values(trainer.model), trainer.take_training_metrics()))
    assert distance(found[1][0], found[0][0]) < 1e-6
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-5)


def test_the_graph_does_not_grow_with_the_number(tiny_config):
    sizes = [
        graph_size(
            make_trainer(tiny_config, f"{COUNT}={count}"), batches(CLIPS, LABELS, 8 // count)
        )
        for count in (2, 4)
    ]
    assert sizes[0] == sizes[1]


def test_what_cannot_be_divided_is_refused(tiny_config):
    for override, says in (
        (f"{COUNT}=3", "global_batch_size is 8, .* into 3 micro-batches .* multiple of 3"),
        (f"{COUNT}=0", "gradient_accumulation_steps is 0; it must be at least 1"),
    ):
        with pytest.raises(InputError, match=says):
            preparation.prepare(tiny_config(override), train=True, evaluate=True)
    with pytest.raises(InputError, match=r"4 micro-batches .* for 4 replicas: .* multiple of 16"):
        step_settings.micro_batches(tiny_config(f"{COUNT}=4"), num_replicas=4)
    assert step_settings.micro_batches(tiny_config(f"{COUNT}=4"), 2).global_batch_size == 2
