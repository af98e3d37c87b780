"""The MoViNet video classifier, and its view as a stream."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf
import tf_keras

from movinet import inputs as model_inputs
from movinet.backbone import Movinet
from movinet.layers import activations
from movinet.layers.base import States
from movinet.layers.config import to_json
from movinet.layers.head import ClassifierHead, ClassifierHeadSpec
from movinet.model_info import ModelInfo


@tf_keras.utils.register_keras_serializable(package="movinet")
class MovinetClassifier(tf_keras.Model):
    """Classifies clips, or a video piece by piece.

    Args:
      backbone: the network in front.
      num_classes: number of logits.
      input_specs: `{'image': spec}` of the clips; the backbone's if None.
      activation: of the hidden layer.
      dropout_rate: behind the hidden layer, in [0, 1).
      kernel_initializer, kernel_regularizer, bias_regularizer: of the hidden layer.
      output_states: whether a call of a causal model returns states too. A model that is not causal
        has none to return.

    Call:     a clip [B, T, H, W, 3] of floats in [0, 1], or `{**states, 'image': clip}`; without
              states a new video begins.
    Returns:  logits [B, num_classes] in float32 (no softmax); with `output_states`, (logits,
              states). Training (`fit`) always sees the logits alone.

    Attributes:
      info: what belongs to its weights besides them, if `movinet.load` made it.

    Raises: ValueError for an unknown choice, or a backbone that does not pool space.
    """

    info: ModelInfo | None = None

    def __init__(
        self,
        backbone: Movinet,
        num_classes: int,
        input_specs: Mapping[str, tf_keras.layers.InputSpec] | None = None,
        activation: str = "swish",
        dropout_rate: float = 0.0,
        kernel_initializer: Any = "HeNormal",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        output_states: bool = False,
        **kwargs: Any,
    ) -> None:
        if backbone.layer_config.average_pooling_type == "none":
            raise ValueError("A classifier needs a backbone with average_pooling_type 3d or 2d.")
        if activation not in activations.NAMES:
            raise ValueError(
                f"Unknown activation {activation!r}: choose one of {', '.join(activations.NAMES)}."
            )
        super().__init__(**{"name": "movinet_classifier", **kwargs}, autocast=False)
        specs = input_specs or {model_inputs.IMAGE: backbone.input_specs}
        self.input_specs = {
            name: model_inputs.spec_from_config(spec) for name, spec in specs.items()
        }
        self.num_classes = num_classes
        self.output_states = output_states
        # Which layers differ from the backbone's in how they are initialised and regularised.
        self.head_config = dataclasses.replace(
            backbone.layer_config,
            kernel_initializer=to_json(kernel_initializer, tf_keras.initializers.serialize),
            kernel_regularizer=to_json(kernel_regularizer, tf_keras.regularizers.serialize),
            bias_regularizer=to_json(bias_regularizer, tf_keras.regularizers.serialize),
        )
        head = ClassifierHead(
            ClassifierHeadSpec(
                input_filters=backbone.architecture.head.project_filters,
                filters=backbone.head_filters,
                num_classes=num_classes,
                dropout_rate=dropout_rate,
                activation=activation,
            ),
            self.head_config,
            "classifier_head",
        )
        # The names under which checkpoints hold the two, before the attributes' own.
        for index, layer in enumerate([backbone, head]):
            self._track_trackable(layer, f"layer_with_weights-{index}")
        self._backbone, self._classifier_head = backbone, head
        self.built = True
        # What a SavedModel takes, even if the model has never been called.
        shape = self.input_specs[model_inputs.IMAGE].shape
        self._set_save_spec(tf.TensorSpec(shape, name=model_inputs.IMAGE))

    def build(self, input_shape: Any = None) -> None:
        """Does nothing: all variables exist since construction."""

    def call(
        self, inputs: model_inputs.Inputs, training: bool | None = None
    ) -> tf.Tensor | tuple[tf.Tensor, States]:
        """Classifies; see the class."""
        logits, states = self.run(inputs)
        return (logits, states) if self._returns_states else logits

    # No layer has control flow for AutoGraph to convert; trying takes half of the time of a trace.
    @tf.autograph.experimental.do_not_convert
    def run(self, inputs: model_inputs.Inputs) -> tuple[tf.Tensor, States]:
        """Returns logits and new states, whatever `output_states` says."""
        endpoints, states = self._backbone.run(inputs)
        return self._classifier_head(endpoints["head"]), states

    def stream(self) -> "StreamView":
        """Returns the same network with external states."""
        return StreamView(self)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> tf.Tensor:
        """Computes the loss of the logits, as `fit` asks."""
        return super().compute_loss(x, y, self._logits(y_pred), sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
        """Updates the metrics with the logits, as `fit` asks."""
        return super().compute_metrics(x, y, self._logits(y_pred), sample_weight)

    def _logits(self, outputs: Any) -> tf.Tensor:
        return outputs[0] if self._returns_states else outputs

    @property
    def _returns_states(self) -> bool:
        return self.output_states and self.causal

    def initial_state_specs(
        self, input_shape: Sequence[int | None]
    ) -> dict[str, tf_keras.layers.InputSpec]:
        """Returns an input spec for every state, for clips of shape [B, T, H, W, 3]."""
        return self._backbone.initial_state_specs(input_shape)

    def init_states(self, input_shape: Sequence[int] | tf.Tensor) -> States:
        """Returns the states at the start of a video, for clips of shape [B, T, H, W, 3]."""
        return self._backbone.init_states(input_shape)

    @property
    def backbone(self) -> Movinet:
        """The network in front."""
        return self._backbone

    @property
    def causal(self) -> bool:
        """Whether a frame sees no later one, so that the network can stream."""
        return self._backbone.layer_config.causal

    @property
    def checkpoint_items(self) -> dict[str, tf_keras.Model]:
        """What a checkpoint holds besides the model itself."""
        return {"backbone": self._backbone}

    def get_config(self) -> dict[str, Any]:
        """Returns every argument of the constructor."""
        spec, config = self._classifier_head.spec, self.head_config
        return {
            "name": self.name,
            "dtype": self.dtype_policy.name,
            "backbone": tf_keras.saving.serialize_keras_object(self._backbone),
            "num_classes": self.num_classes,
            "input_specs": {
                name: model_inputs.spec_to_config(spec) for name, spec in self.input_specs.items()
            },
            "activation": spec.activation,
            "dropout_rate": spec.dropout_rate,
            "kernel_initializer": json.loads(config.kernel_initializer),
            "kernel_regularizer": json.loads(config.kernel_regularizer),
            "bias_regularizer": json.loads(config.bias_regularizer),
            "output_states": self.output_states,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "MovinetClassifier":
        """Builds the model that `get_config` describes, with new weights."""
        backbone = config["backbone"]
        if not isinstance(backbone, Movinet):
            backbone = tf_keras.saving.deserialize_keras_object(backbone, custom_objects)
        return cls(**{**config, "backbone": backbone})


class Streamable(Protocol):
    """A model that may have states: a `MovinetClassifier`, or an ensemble of some."""

    @property
    def causal(self) -> bool:
        """Whether it has."""
        ...

    def run(self, inputs: model_inputs.Inputs) -> tuple[tf.Tensor, States]:
        """Returns logits and new states."""
        ...

    def init_states(self, input_shape: Sequence[int] | tf.Tensor) -> States:
        """Returns the states at the start of a video, for clips of shape [B, T, H, W, 3]."""
        ...


class StreamView:
    """A model as a network with external states; it shares the model's weights.

    Call:     `{**states, 'image': clip}` with a clip [B, T, H, W, 3] of any number of frames;
              without states a new video begins.
    Returns:  (logits [B, num_classes], states).

    Raises: ValueError if the model is not causal.
    """

    def __init__(self, model: Streamable) -> None:
        if not model.causal:
            raise ValueError("A model that is not causal cannot stream: build it with causal=True.")
        self.model = model
        # Pieces of several lengths share one trace.
        self._run = tf.function(model.run, reduce_retracing=True)

    def __call__(self, inputs: model_inputs.Inputs) -> tuple[tf.Tensor, States]:
        """Reads the next piece of the video."""
        return self._run(inputs)

    def init_states(self, input_shape: Sequence[int] | tf.Tensor) -> States:
        """Returns the states at the start of a video, for clips of shape [B, T, H, W, 3]."""
        return self.model.init_states(input_shape)
