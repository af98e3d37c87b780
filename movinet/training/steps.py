"""How one step of training is put together, of a batch as a whole or of parts that fit into memory.

Two settings cut it: `trainer.gradient_accumulation_steps` reads a batch as micro-batches, and
`task.clip_by_clip` reads each video as a stream, one clip after the other, handing on the states.
The parts follow each other in loops of the graph, which does not grow with their number, and the
activations of one part live at a time. The loops are around `strategy.run`, not inside of it: from
a loop of its own a replica could not meet the others.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
import tf_keras
from official.core import config_definitions

from movinet.inputs import IMAGE
from movinet.layers import noise
from movinet.layers.base import States
from movinet.layers.frames import dimensions
from movinet.training import step_settings
from movinet.training.task import Batch, MovinetTask

Gradients = list[tf.Tensor]


class TrainingStep:
    """One step on all replicas; call it with an iterator over `step_settings.micro_batches`.

    Args:
      config, task, model, optimizer: what is trained.
      metrics: they count each video once, by its logits after the last frame.
      mean_loss: gets the loss of each part.
      step: the number of steps taken, of which all that is random in the network is a function.
    """

    def __init__(
        self,
        config: config_definitions.ExperimentConfig,
        task: MovinetTask,
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: list[tf_keras.metrics.Metric],
        mean_loss: tf_keras.metrics.Mean,
        step: tf.Variable,
    ) -> None:
        self.task, self.model, self.optimizer = task, model, optimizer
        self.metrics, self.mean_loss = metrics, mean_loss
        self.step, self.seed = step, config.task.train_data.seed or 0
        self.compiles = config.runtime.enable_xla and config.runtime.num_gpus > 0
        self.num_batches = config.trainer.gradient_accumulation_steps
        self.num_clips = step_settings.clips_of_a_video(config)
        self.updates_each_clip = step_settings.updates_of_a_step(config) > 1
        # The first clip with a loss; those before it are read for their states alone.
        only_last = config.task.clip_by_clip.loss == "last_clip"
        self.first_learned = self.num_clips - 1 if only_last else 0
        # The part that a loss has in the loss of an update.
        losses = self.num_batches * (self.num_clips - self.first_learned)
        self.share = 1.0 if self.updates_each_clip else 1.0 / losses
        _slow_down_statistics(model, step_settings.parts_of_an_update(config))

    def __call__(self, iterator: Iterator[Batch]) -> None:
        """Takes the step; in the context of all replicas."""
        run = tf.distribute.get_strategy().run
        if self.num_batches * self.num_clips == 1:
            run(self._learn_whole, args=(next(iterator),))
        elif self.updates_each_clip:
            self._read_batch(next(iterator), 0, [])
        else:

            def add_batch(index: Any, gradients: Gradients) -> Gradients:
                return self._read_batch(next(iterator), index * self.num_clips, gradients)

            gradients = _repeat(self.num_batches, add_batch, run(self._no_gradients))
            run(self._apply, args=(gradients,))

    def _read_batch(self, batch: Batch, part: Any, gradients: Gradients) -> Gradients:
        """Reads videos from their first clip, the part of that index of the step, to their last;
        returns the gradients with theirs.
        """
        run, first = tf.distribute.get_strategy().run, self.first_learned

        def read(index: Any, states: States) -> States:
            return run(self._read_clip, args=(batch, part, index, states))

        def learn(index: Any, carried: tuple) -> tuple:
            return run(self._learn_clip, args=(batch, part, index + first, *carried))

        states, logits = run(self._begin, args=(batch,))
        states = _repeat(first, read, states)
        carried = (states, logits, gradients)
        _, logits, gradients = _repeat(self.num_clips - first, learn, carried)
        run(self._count, args=(batch, logits))
        return gradients

    # All below runs on each replica, with its share of the batch.

    def _learn_whole(self, batch: Batch) -> None:
        step = self._compiled(self.task.train_step)
        with self.noise_of(0):
            losses = step(batch, model=self.model, optimizer=self.optimizer, metrics=self.metrics)
        self.mean_loss.update_state(losses[self.task.loss])

    def _begin(self, batch: Batch) -> tuple[States, tf.Tensor]:
        """States and logits [B, K] before the first clip; a video of one clip needs no states."""
        shape = dimensions(batch[0][IMAGE])
        states = self.model.init_states(shape) if self.num_clips > 1 else {}
        return states, tf.zeros([shape[0], self.task.num_classes])

    def _read_clip(self, batch: Batch, part: Any, index: Any, states: States) -> States:
        features, _ = self._clip(batch, index)
        with self.noise_of(part + index):
            return self.task.read(features, self.model, states)[1]

    def _learn_clip(
        self,
        batch: Batch,
        part: Any,
        index: Any,
        states: States,
        _: tf.Tensor,
        gradients: Gradients,
    ) -> tuple[States, tf.Tensor, Gradients]:
        learn, clip = self._compiled(self.task.learn), self._clip(batch, index)
        with self.noise_of(part + index):
            learned = learn(clip, self.model, self.optimizer, states, self.share)
        self.mean_loss.update_state(learned.losses[self.task.loss])
        if self.updates_each_clip:
            self._apply(learned.gradients)
        else:
            pairs = zip(gradients, learned.gradients, strict=True)
            gradients = [total + gradient for total, gradient in pairs]
        return learned.states, learned.logits, gradients

    def _clip(self, batch: Batch, index: Any) -> Batch:
        """The clip of that index of each video."""
        if self.num_clips == 1:
            return batch
        features, labels = batch
        batch_size, num_frames, *frame = dimensions(features[IMAGE])
        # [B, T, H, W, 3] -> [B, clips, T / clips, H, W, 3]
        shape = [batch_size, self.num_clips, num_frames // self.num_clips, *frame]
        return {IMAGE: tf.gather(tf.reshape(features[IMAGE], shape), index, axis=1)}, labels

    def noise_of(self, part: Any) -> contextlib.AbstractContextManager[None]:
        """All that is random in one part of the step is a function of (seed, step, part, replica):
        a run that goes on after a stop draws what it would have drawn.
        """
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.convert_to_tensor(self.step)])
        return noise.drawn_from(tf.random.fold_in(tf.random.fold_in(seed, part), replica))

    def _count(self, batch: Batch, logits: tf.Tensor) -> None:
        self.task.process_metrics(self.metrics, batch[1], logits)

    def _no_gradients(self) -> Gradients:
        return [tf.zeros_like(variable) for variable in self.model.trainable_variables]

    def _apply(self, gradients: Gradients) -> None:
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))

    def _compiled(self, function: Callable) -> Callable:
        return tf.function(function, jit_compile=True) if self.compiles else function


def _repeat(count: int, body: Callable[[Any, Any], Any], values: Any) -> Any:
    """`values` after `count` calls of `body(index, values)`, which the graph holds once.

    A call ends before the next begins: otherwise their activations would live side by side.
    """
    if count < 2:
        return body(0, values) if count else values
    _, values = tf.while_loop(
        lambda index, _: index < count,
        lambda index, values: (index + 1, body(index, values)),
        (tf.constant(0), values),
        parallel_iterations=1,
    )
    return values


def _slow_down_statistics(model: tf_keras.Model, parts: int) -> None:
    """Lets the running statistics of batch norm, which every part moves, go as far with all parts
    of an update as they would with one.
    """
    for layer in model.submodules:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum **= 1 / parts
