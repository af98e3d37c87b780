"""Trainers of the tiny network for tests of a single step: random weights, clips from memory."""

import numpy as np
import tensorflow as tf
import tf_keras
from models import random_clip, randomise

from movinet.training import configuration, overrides
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

# A constant rate: a warm-up would begin with a step that changes nothing.
PLAIN = (
    "task.model.dropout_rate=0,task.train_data.num_classes=3,"
    "trainer.optimizer_config.optimizer={type: sgd},trainer.optimizer_config.warmup.type=null,"
    "trainer.optimizer_config.learning_rate={type: constant, constant: {learning_rate: 0.1}}"
)


class FrozenNorms(MovinetTask):
    """The task with random weights and batch norms that neither learn nor see the batch."""

    frozen = True

    def build_model(self) -> tf_keras.Model:
        model = super().build_model()
        randomise(model)
        for layer in model.submodules:
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                layer.trainable = not self.frozen
        return model


class FreeNorms(FrozenNorms):
    """Batch norms as usual."""

    frozen = False


def make_trainer(tiny_config, override="", task=FrozenNorms):
    """A trainer without a dataset."""
    config = tiny_config(PLAIN)
    if override:
        config = configuration.apply(config, overrides.parse(override))
    return Trainer(config, task(config.task), train=False)


def videos(count, frames=4, size=16, seed=0):
    """Random videos and labels [count, 3]."""
    labels = np.random.default_rng(seed).integers(0, 3, count)
    return random_clip(count, frames, size, size, 3, seed=seed), np.eye(3, dtype=np.float32)[labels]


def batches(clips, labels, batch_size):
    """An iterator over batches as the input pipeline yields them."""
    data = tf.data.Dataset.from_tensor_slices(({"image": clips}, labels))
    return iter(data.batch(batch_size, drop_remainder=True))


def values(model):
    """All weights as one vector."""
    return np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables])


def moved(trainer, iterator, steps=1):
    """How far so many steps move the weights, as one vector."""
    before = values(trainer.model)
    step = tf.function(trainer.train_step)
    for _ in range(steps):
        step(iterator)
    return values(trainer.model) - before


def distance(actual, expected):
    """Length of the difference as a part of the length of what is expected."""
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def graph_size(trainer, iterator):
    """Operations in the graph of a step."""
    graph = tf.function(trainer.train_step).get_concrete_function(iterator).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)
