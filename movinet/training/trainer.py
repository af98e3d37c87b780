"""Runs steps of a task under a distribution strategy: orbit's inner loops of training and
evaluation.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orbit
import tensorflow as tf
import tf_keras
from official.core import config_definitions
from official.modeling import optimization

from movinet.data.pipeline import clip_problems
from movinet.errors import InputError
from movinet.training import schedule, step_settings
from movinet.training.metrics import ClassificationCounts
from movinet.training.steps import TrainingStep
from movinet.training.task import MovinetTask

Numbers = dict[str, float]


class Trainer(orbit.StandardTrainer, orbit.StandardEvaluator):
    """One model with its optimizer and step counter; trains on one dataset and evaluates on any.

    Create it in the scope of the strategy. `checkpoint` holds all that training goes on from:
    global_step, model, optimizer, backbone, the clips read so far, and the numbers of the interval
    that has begun. Order of the data and noise in the network are functions of these and the seed.
    """

    def __init__(
        self,
        config: config_definitions.ExperimentConfig,
        task: MovinetTask,
        *,
        train: bool,
        bad_clips: str | None = None,
    ) -> None:
        self.config = config
        self.bad_clips = bad_clips
        self.task = task
        self.strategy = tf.distribute.get_strategy()
        self.model = task.build_model()
        self.global_step = orbit.utils.create_global_step()
        self.clips_read = tf.Variable(
            0,
            trainable=False,
            dtype=tf.int64,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="clips_read",
        )
        self.optimizer = self._create_optimizer()
        self.weights = tf.train.Checkpoint(
            global_step=self.global_step, model=self.model, **self.model.checkpoint_items
        )
        self.evaluation_datasets: dict[str, Any] = {}
        self.train_loss = tf_keras.metrics.Mean("loss", dtype=tf.float32)
        self.validation_loss = tf_keras.metrics.Mean("loss", dtype=tf.float32)
        self.train_metrics = task.build_metrics(training=True)
        self.validation_metrics = task.build_metrics(training=False)
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step,
            model=self.model,
            optimizer=self.optimizer,
            clips_read=self.clips_read,
            interval=[self.train_loss, *self.train_metrics],
            **self.model.checkpoint_items,
        )
        self.training_step = TrainingStep(
            config,
            task,
            self.model,
            self.optimizer,
            self.train_metrics,
            self.train_loss,
            self.global_step,
        )
        options = config.trainer
        if train:
            orbit.StandardTrainer.__init__(
                self,
                None,
                orbit.StandardTrainerOptions(
                    use_tf_while_loop=options.train_tf_while_loop and options.train_tf_function,
                    use_tf_function=options.train_tf_function,
                    use_tpu_summary_optimization=options.allow_tpu_summary,
                ),
            )
        orbit.StandardEvaluator.__init__(
            self, None, orbit.StandardEvaluatorOptions(use_tf_function=options.eval_tf_function)
        )

    def _create_optimizer(self) -> tf_keras.optimizers.Optimizer:
        config = self.config.trainer.optimizer_config
        if config.ema and self.config.runtime.mixed_precision_dtype == "float16":
            raise InputError(
                "trainer.optimizer_config.ema does not go with "
                "runtime.mixed_precision_dtype=float16 "
                "in the Model Garden; use bfloat16 or float32."
            )
        try:
            optimizer = self.task.create_optimizer(
                config, self.config.runtime, self.config.task.differential_privacy_config
            )
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"trainer.optimizer_config: {error}.") from error
        updates = step_settings.updates_of_a_step(self.config)
        rate = optimization.OptimizerFactory(config).build_learning_rate()
        if updates > 1 and callable(rate):
            optimizer.learning_rate = schedule.SeveralUpdates(rate, updates)
        if isinstance(optimizer, optimization.ExponentialMovingAverage):
            optimizer.shadow_copy(self.model)
        # So that a checkpoint finds all it holds; the optimizers would make them in the first step.
        if hasattr(optimizer, "build"):
            optimizer.build(self.model.trainable_variables)
        else:
            optimizer._create_all_weights(self.model.trainable_variables)
        return optimizer

    def _distribute(self, data: Any, start: int = 0) -> Any:
        return orbit.utils.make_distributed_dataset(
            self.strategy, self.task.build_inputs, data, start=start, bad_clips=self.bad_clips
        )

    def read_from(self, clip: int) -> None:
        """Goes on with that clip of the endless stream of all epochs."""
        self.clips_read.assign(clip)
        batches = step_settings.micro_batches(self.config, self.strategy.num_replicas_in_sync)
        self.train_dataset = self._distribute(batches, clip)

    @property
    def step(self) -> int:
        """Steps of training done so far."""
        return int(self.global_step.numpy())

    @property
    def next_clip(self) -> int:
        """The clip of the stream that the next step begins with."""
        return int(self.clips_read.numpy())

    @property
    def loss(self) -> float:
        """The mean loss since the metrics were last taken."""
        return _number(self.train_loss.result())

    @property
    def averages_weights(self) -> bool:
        """Whether the optimizer keeps a moving average of the weights, which is what gets
        evaluated.
        """
        return isinstance(self.optimizer, optimization.ExponentialMovingAverage)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.optimizer.learning_rate
        return _number(rate(self.optimizer.iterations) if callable(rate) else rate)

    def run_steps(self, steps: int) -> None:
        """Trains `steps` steps; the metrics go on adding up."""
        if self.train_dataset is None:
            self.read_from(self.next_clip)
        with self.strategy.scope(), _data_named():
            self.train(tf.constant(steps, tf.int32))

    def take_training_metrics(self) -> Numbers:
        """Loss and metrics since the last call, and the learning rate."""
        numbers = _take([self.train_loss, *self.train_metrics])
        return {**numbers, "learning_rate": self.learning_rate}

    def train_step(self, iterator: Any) -> None:
        """One step on all replicas (called by orbit, traced)."""
        self.training_step(iterator)
        self.global_step.assign_add(1)
        self.clips_read.assign_add(self.config.task.train_data.global_batch_size)

    def run_evaluation(self, data: Any, steps: int = -1) -> Numbers:
        """Evaluates the present weights on a dataset: all of it, or `steps` batches.

        Returns loss and metrics; `counts` gives the confusion matrix of the same. Raises InputError
        when there is nothing to evaluate.
        """
        key = str(data.as_dict())
        if key not in self.evaluation_datasets:
            self.evaluation_datasets[key] = self._distribute(data)
        self.eval_dataset = self.evaluation_datasets[key]
        for metric in (self.validation_loss, *self.validation_metrics):
            metric.reset_state()
        with self.strategy.scope(), _data_named():
            self.evaluate(tf.constant(steps, tf.int32))
        if not _number(self.validation_loss.count):
            raise InputError(
                f"The split {data.split!r} of {data.input_path or data.tfds_name} has no clips to "
                "evaluate."
            )
        return {
            metric.name: _number(metric.result())
            for metric in (self.validation_loss, *self.validation_metrics)
            if metric.name != "counts"
        }

    def counts(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Confusion matrix [K, K] and top-5 hits [K] of the last evaluation; None for several
        labels a clip.
        """
        for metric in self.validation_metrics:
            if isinstance(metric, ClassificationCounts):
                return metric.counts()
        return None

    def eval_step(self, iterator: Any) -> None:
        """One batch on every replica (called by orbit, traced)."""

        def evaluate(batch: Any) -> tf.Tensor:
            losses = self.task.validation_step(
                batch, model=self.model, metrics=self.validation_metrics
            )
            clips = tf.shape(batch[1])[0]
            self.validation_loss.update_state(losses[self.task.loss], sample_weight=clips)
            return clips

        def replica_step(batch: Any) -> None:
            # The last batch may leave nothing for some replicas, and no layer takes an empty batch.
            tf.cond(tf.size(batch[1]) > 0, lambda: evaluate(batch), lambda: 0)

        self.strategy.run(replica_step, args=(next(iterator),))

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Puts the moving average of the weights in their place for a while, if there is one.

        Afterwards they are what they were to the last bit. The Model Garden swaps the two by sums
        and differences, which round: a run that goes on behind an evaluation would differ.
        """
        if not self.averages_weights:
            yield
            return
        weights = self.optimizer._model_weights
        kept = [tf.convert_to_tensor(weight) for weight in weights]
        self._assign(weights, self.optimizer._average_weights)
        try:
            yield
        finally:
            self._assign(weights, kept)

    def _assign(self, variables: Sequence[tf.Variable], values: Sequence[Any]) -> None:
        with self.strategy.scope():
            for variable, value in zip(variables, values, strict=True):
                variable.assign(tf.convert_to_tensor(value))

    def failed(self, loss: float) -> bool:
        """Whether the loss is not a number or beyond `trainer.loss_upper_bound`."""
        bounds = self.config.trainer
        return not math.isfinite(loss) or (
            self.step >= bounds.recovery_begin_steps and loss > bounds.loss_upper_bound
        )


@contextlib.contextmanager
def _data_named() -> Iterator[None]:
    """Turns what the input pipeline meets in a step (a frame that is no image, a label out of
    range, a damaged record) into an InputError.
    """
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise InputError(
            f"A step stopped at its data: {clip_problems.sentence(error).rstrip('.')}. Mend or "
            "rebuild the data."
        ) from error


def _number(value: Any) -> float:
    """The number in a tensor, or in a variable that has a copy on every replica."""
    return float(tf.convert_to_tensor(value))


def _take(metrics: list[tf_keras.metrics.Metric]) -> Numbers:
    numbers = {metric.name: _number(metric.result()) for metric in metrics}
    for metric in metrics:
        metric.reset_state()
    return numbers
