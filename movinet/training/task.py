"""What one step of MoViNet training and evaluation computes: model, losses, metrics, gradients."""

from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras
from official.core import base_task, task_factory

import movinet
from movinet.checkpoints import loading
from movinet.errors import InputError
from movinet.layers.base import States
from movinet.training import inputs
from movinet.training.experiments import MovinetTaskConfig
from movinet.training.metrics import ClassificationCounts

Batch = tuple[dict[str, tf.Tensor], tf.Tensor]
Logs = dict[str, tf.Tensor]


class Learned(NamedTuple):
    """What a replica learns from some of its frames.

    gradients: one for each trainable variable. losses: those of `build_losses`. logits: [B, K] in
    float32. states: of the network behind these frames.
    """

    gradients: list[tf.Tensor]
    losses: Logs
    logits: tf.Tensor
    states: States


@task_factory.register_task_cls(MovinetTaskConfig)
class MovinetTask(base_task.Task):
    """Video classification with a MoViNet; clips of training and validation may differ in length
    and size.
    """

    def build_model(self) -> tf_keras.Model:
        """The classifier with new weights. Raises InputError when the configuration describes no
        MoViNet.
        """
        config = self.task_config.model
        if config.backbone.type != "movinet" or config.model_type != "movinet":
            raise InputError(
                f"task.model is a {config.model_type} on {config.backbone.type}; this trainer "
                "builds movinet on movinet."
            )
        if config.output_states or config.backbone.movinet.use_external_states:
            raise InputError(
                "Training hands states on by itself where task.clip_by_clip asks for it: set "
                "task.model.output_states and task.model.backbone.movinet.use_external_states to "
                "false."
            )
        decay = self.task_config.losses.l2_weight_decay
        # tf.nn.l2_loss, which the published decay is meant for, is half of what tf_keras calls l2.
        regularizer = tf_keras.regularizers.l2(decay / 2.0) if decay else None
        try:
            backbone = movinet.Movinet(
                **config.backbone.movinet.as_dict(),
                use_sync_bn=config.norm_activation.use_sync_bn,
                norm_momentum=config.norm_activation.norm_momentum,
                norm_epsilon=config.norm_activation.norm_epsilon,
                kernel_regularizer=regularizer,
            )
            model = movinet.MovinetClassifier(
                backbone,
                num_classes=self.num_classes,
                activation=config.activation,
                dropout_rate=config.dropout_rate,
                kernel_regularizer=regularizer,
            )
        except ValueError as error:
            raise InputError(f"task.model: {error}") from error
        if self.task_config.freeze_backbone:
            model.backbone.trainable = False
        return model

    def initialize(self, model: tf_keras.Model) -> None:
        """Loads `init_checkpoint`, if one is given, and says what was loaded."""
        path, modules = self.task_config.init_checkpoint, self.task_config.init_checkpoint_modules
        if not path:
            return
        chosen = [modules] if isinstance(modules, str) else list(modules)
        if len(chosen) != 1 or chosen[0] not in loading.MODULES:
            raise InputError(
                f"task.init_checkpoint_modules is {', '.join(chosen)!r}; it must be 'all' or "
                "'backbone'."
            )
        hint = "set task.init_checkpoint_modules=backbone"
        print(loading.load(model, path, chosen[0], partial_hint=hint))

    def build_inputs(
        self,
        params: inputs.DataConfig,
        input_context: tf.distribute.InputContext | None = None,
        start: int = 0,
        bad_clips: str | None = None,
    ) -> tf.data.Dataset:
        """Batches of ({'image': [B, T, H, W, 3]}, labels); see `inputs.build_inputs`."""
        return inputs.build_inputs(params, input_context, start=start, bad_clips=bad_clips)

    @property
    def num_classes(self) -> int:
        """Classes of the dataset."""
        return self.task_config.train_data.num_classes

    @property
    def is_multilabel(self) -> bool:
        """Whether a clip may have several labels."""
        return self.task_config.train_data.is_multilabel

    def build_losses(
        self, labels: tf.Tensor, model_outputs: tf.Tensor, aux_losses: Any = None
    ) -> Logs:
        """The losses of a batch from logits [B, K]: `class_loss`, `reg_loss`, and their sum
        `loss`.
        """
        smoothing = self.task_config.losses.label_smoothing
        if self.is_multilabel:
            class_loss = tf_keras.losses.binary_crossentropy(
                labels, model_outputs, from_logits=True, label_smoothing=smoothing
            )
        else:
            if not self.task_config.losses.one_hot:
                labels = tf.one_hot(tf.cast(labels, tf.int32), self.num_classes)
            class_loss = tf_keras.losses.categorical_crossentropy(
                labels, model_outputs, from_logits=True, label_smoothing=smoothing
            )
        losses = {
            "class_loss": tf.math.divide_no_nan(
                tf.reduce_sum(class_loss), tf.cast(tf.size(class_loss), tf.float32)
            )
        }
        losses[self.loss] = losses["class_loss"]
        if aux_losses:
            losses["reg_loss"] = tf.add_n(aux_losses)
            losses[self.loss] += losses["reg_loss"]
        return losses

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Metrics over logits; the first, `accuracy`, chooses the best checkpoint."""
        metrics = tf_keras.metrics
        if self.is_multilabel:
            found: list[tf_keras.metrics.Metric] = [
                metrics.BinaryAccuracy(name="accuracy", threshold=0.0),
                *(
                    metrics.AUC(
                        curve=curve,
                        multi_label=True,
                        num_labels=self.num_classes,
                        from_logits=True,
                        name=f"{curve}-AUC",
                    )
                    for curve in ("ROC", "PR")
                ),
            ]
            if self.task_config.metrics.use_per_class_recall:
                found += [
                    metrics.Recall(class_id=index, thresholds=0.0, name=f"recall-{index}")
                    for index in range(self.num_classes)
                ]
            return found
        top_k = (
            metrics.TopKCategoricalAccuracy
            if self.one_hot
            else metrics.SparseTopKCategoricalAccuracy
        )
        accuracy = (
            metrics.CategoricalAccuracy if self.one_hot else metrics.SparseCategoricalAccuracy
        )
        found = [accuracy(name="accuracy")]
        if self.num_classes > 5:
            found.append(top_k(k=5, name="top_5_accuracy"))
        return found if training else [*found, ClassificationCounts(self.num_classes)]

    @property
    def one_hot(self) -> bool:
        """Whether labels are vectors [B, K] rather than indices [B]."""
        return self.task_config.losses.one_hot

    def process_metrics(
        self, metrics: list[Any], labels: tf.Tensor, model_outputs: tf.Tensor, **_: Any
    ) -> None:
        """Adds a batch to the metrics."""
        for metric in metrics:
            if isinstance(metric, ClassificationCounts) and self.one_hot:
                metric.update_state(tf.argmax(labels, axis=-1), model_outputs)
            else:
                metric.update_state(labels, model_outputs)

    def train_step(
        self,
        inputs: Batch,
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: list[tf_keras.metrics.Metric] | None = None,
    ) -> Logs:
        """One step of gradient descent on one replica's batch; returns the losses."""
        learned = self.learn(inputs, model, optimizer)
        variables = model.trainable_variables
        optimizer.apply_gradients(list(zip(learned.gradients, variables, strict=True)))
        self.process_metrics(metrics or [], inputs[1], learned.logits)
        return learned.losses

    def learn(
        self,
        inputs: Batch,
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        states: States | None = None,
        share: float = 1.0,
    ) -> Learned:
        """What one replica learns from its batch, without changing the weights by it.

        Args:
          states: behind the frames before these, to which no gradient goes back; by default new
            videos begin.
          share: the part that this loss has in the loss of the step.
        """
        features, labels = inputs
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scales_loss = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            logits, states = self.read(features, model, states or {})
            losses = self.build_losses(labels, logits, model.losses)
            # The optimizer sums the gradients of the replicas.
            loss = losses[self.loss] * share / replicas
            scaled_loss = optimizer.get_scaled_loss(loss) if scales_loss else loss
        gradients = tape.gradient(
            scaled_loss, model.trainable_variables, unconnected_gradients="zero"
        )
        if scales_loss:
            gradients = optimizer.get_unscaled_gradients(gradients)
        return Learned(gradients, losses, logits, states)

    def read(
        self, features: dict[str, tf.Tensor], model: tf_keras.Model, states: States
    ) -> tuple[tf.Tensor, States]:
        """Logits [B, K] and new states of a forward pass in training mode, behind `states`."""
        logits, states = _StatefulCall(model)({**states, **features}, training=True)
        return tf.cast(logits, tf.float32), states

    def validation_step(
        self,
        inputs: Batch,
        model: tf_keras.Model,
        metrics: list[tf_keras.metrics.Metric] | None = None,
    ) -> Logs:
        """Adds one replica's batch to the metrics; returns the losses."""
        features, labels = inputs
        logits = self.inference_step(features, model)
        self.process_metrics(metrics or [], labels, logits)
        return self.build_losses(labels, logits, model.losses)

    def inference_step(self, inputs: dict[str, tf.Tensor], model: tf_keras.Model) -> tf.Tensor:
        """Logits [B, K]; with several views a clip, those of the mean probability over its
        views.
        """
        logits = tf.cast(model(inputs, training=False), tf.float32)  # [B * views, K]
        data = self.task_config.validation_data
        views = data.num_test_clips * data.num_test_crops
        if views == 1:
            return logits
        logits = tf.reshape(logits, [-1, views, self.num_classes])
        if self.is_multilabel:
            yes = tf.reduce_logsumexp(tf.math.log_sigmoid(logits), axis=1)
            no = tf.reduce_logsumexp(tf.math.log_sigmoid(-logits), axis=1)
            return yes - no
        return tf.reduce_logsumexp(tf.nn.log_softmax(logits), axis=1) - tf.math.log(float(views))


class _StatefulCall(tf_keras.layers.Layer):
    """Calls a classifier for logits and states; as a layer, so that its layers know of training."""

    def __init__(self, model: movinet.MovinetClassifier) -> None:
        super().__init__(autocast=False)
        self.model = model

    def call(self, inputs: Any, training: bool | None = None) -> tuple[tf.Tensor, States]:
        """Runs the network; `training` is for the layers inside."""
        return self.model.run(inputs)
