"""The MoViNet backbone: stem, bottlenecks and head of one architecture."""

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from movinet import inputs as model_inputs
from movinet.architectures import ARCHITECTURES, Architecture
from movinet.layers.base import Size, States, StateSpec
from movinet.layers.bottleneck import MovinetBlock, MovinetBlockSpec
from movinet.layers.config import LayerConfig, to_json
from movinet.layers.frames import dimensions, fold, unfold
from movinet.layers.head import Head, ProjectionSpec
from movinet.layers.stem import Stem

Endpoints = dict[str, tf.Tensor]


def _find(model_id: str | Architecture) -> Architecture:
    if isinstance(model_id, Architecture):
        return model_id
    if model_id not in ARCHITECTURES:
        raise ValueError(f"Unknown model_id {model_id!r}: choose one of {sorted(ARCHITECTURES)}.")
    return ARCHITECTURES[model_id]


@tf_keras.utils.register_keras_serializable(package="movinet")
class Movinet(tf_keras.Model):
    """MoViNet without its classifier; https://arxiv.org/abs/2103.11511.

    Args:
      model_id: key of `ARCHITECTURES`, or an architecture.
      causal: whether a frame sees no later one, so that the network can stream.
      use_positional_encoding: whether squeeze-excitation knows the index of a frame (if causal).
      conv_type: `3d` kernels, or kernels split into space and time, stored as `3d_2plus1d` (5-D) or
        `2plus1d` (4-D).
      se_type: what squeeze-excitation pools over: `3d`, `2d`, `2plus3d` (both), or `none`.
      input_specs: shape of the clips, [B, T, H, W, 3]; None in it, or as a whole, for any.
      activation: behind all convolutions of the bottlenecks.
      gating_activation: of squeeze-excitation's gate.
      use_sync_bn: whether replicas share batch statistics.
      norm_momentum, norm_epsilon: of batch norm.
      kernel_initializer, kernel_regularizer, bias_regularizer: of all convolutions.
      stochastic_depth_drop_rate: of the last bottleneck, in [0, 1); earlier ones drop less.
      use_external_states: kept from the official interface; asks that the network be causal. Any
        causal network takes states, so nothing else depends on it.
      output_states: whether a call returns states too.
      average_pooling_type: what the head pools over: `3d`, `2d` (each frame), or `none`.

    Call:     a clip [B, T, H, W, 3] of floats in [0, 1], or `{**states, 'image': clip}`; without
              states a new video begins.
    Returns:  endpoints, a dict of `stem`, `block{b}_layer{l}` [B, T, h, w, C] and `head`
              [B, 1, 1, 1, C]; with `output_states`, (endpoints, states).

    Raises: ValueError for an unknown choice, listing the valid ones.
    """

    def __init__(
        self,
        model_id: str | Architecture = "a0",
        causal: bool = False,
        use_positional_encoding: bool = False,
        conv_type: str = "3d",
        se_type: str = "3d",
        input_specs: tf_keras.layers.InputSpec | None = None,
        activation: str = "swish",
        gating_activation: str = "sigmoid",
        use_sync_bn: bool = True,
        norm_momentum: float = 0.99,
        norm_epsilon: float = 0.001,
        kernel_initializer: Any = "HeNormal",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        stochastic_depth_drop_rate: float = 0.0,
        use_external_states: bool = False,
        output_states: bool = True,
        average_pooling_type: str = "3d",
        **kwargs: Any,
    ) -> None:
        if use_external_states and not causal:
            raise ValueError(
                "use_external_states=True needs causal=True: no other network streams."
            )
        architecture = _find(model_id)
        super().__init__(**{"name": "movinet", **kwargs}, autocast=False)
        self.model_id = model_id
        self.architecture = architecture
        self.input_specs = model_inputs.spec_from_config(input_specs)
        self.stochastic_depth_drop_rate = stochastic_depth_drop_rate
        self.use_external_states = use_external_states
        self.output_states = output_states
        self.layer_config = LayerConfig(
            conv_type=conv_type,
            se_type=se_type,
            causal=causal,
            activation=activation,
            gating_activation=gating_activation,
            use_positional_encoding=use_positional_encoding,
            average_pooling_type=average_pooling_type,
            use_sync_bn=use_sync_bn,
            norm_momentum=norm_momentum,
            norm_epsilon=norm_epsilon,
            kernel_initializer=to_json(kernel_initializer, tf_keras.initializers.serialize),
            kernel_regularizer=to_json(kernel_regularizer, tf_keras.regularizers.serialize),
            bias_regularizer=to_json(bias_regularizer, tf_keras.regularizers.serialize),
            dtype=self.dtype_policy.name,
        )
        self._create()
        self.built = True

    def _create(self) -> None:
        config, architecture = self.layer_config, self.architecture
        stem = Stem(architecture.stem, config, "stem")
        blocks = [
            MovinetBlock(
                MovinetBlockSpec(bottleneck, self.stochastic_depth_drop_rate * bottleneck.depth),
                config,
                bottleneck.name,
            )
            for bottleneck in architecture.walk()
        ]
        projection = ProjectionSpec(architecture.output_filters, architecture.head.project_filters)
        head = Head(projection, config, "head")
        # The names under which checkpoints hold the layers, before the attributes' own.
        for index, layer in enumerate([stem, *blocks, head]):
            self._track_trackable(layer, f"layer_with_weights-{index}")
        self._stem, self._blocks, self._head = stem, blocks, head

    def build(self, input_shape: Any = None) -> None:
        """Does nothing: all variables exist since construction."""

    def call(
        self, inputs: model_inputs.Inputs, training: bool | None = None
    ) -> Endpoints | tuple[Endpoints, States]:
        """Runs the network; see the class."""
        endpoints, states = self.run(inputs)
        return (endpoints, states) if self.output_states else endpoints

    # No layer has control flow for AutoGraph to convert; trying takes half of the time of a trace.
    @tf.autograph.experimental.do_not_convert
    def run(self, inputs: model_inputs.Inputs) -> tuple[Endpoints, States]:
        """Returns endpoints and new states, whatever `output_states` says."""
        clip, states = model_inputs.split(inputs, self.state_specs(None, None, None))
        num_frames = dimensions(clip)[1]
        x = fold(tf.cast(clip, self.layer_config.compute_dtype))
        endpoints: Endpoints = {}
        new_states: States = {}
        for layer in (self._stem, *self._blocks):
            x, layer_states = layer(x, num_frames, states)
            endpoints[layer.name] = unfold(x, num_frames)
            new_states |= layer_states
        endpoints["head"], layer_states = self._head(x, num_frames, states)
        return endpoints, new_states | layer_states

    def state_specs(self, batch: Size, height: Size, width: Size) -> dict[str, StateSpec]:
        """Returns shape and dtype of every state for frames of that size; none if not causal."""
        specs: dict[str, StateSpec] = {}
        for layer in (self._stem, *self._blocks):
            specs |= layer.state_specs(batch, height, width)
            height, width = layer.output_size(height), layer.output_size(width)
        return specs | self._head.state_specs(batch)

    def initial_state_specs(
        self, input_shape: Sequence[int | None]
    ) -> dict[str, tf_keras.layers.InputSpec]:
        """Returns an input spec for every state, for clips of shape [B, T, H, W, 3]."""
        batch, _, height, width, _ = input_shape
        return {
            name: tf_keras.layers.InputSpec(shape=spec.shape, dtype=spec.dtype)
            for name, spec in self.state_specs(batch, height, width).items()
        }

    def init_states(self, input_shape: Sequence[int] | tf.Tensor) -> States:
        """Returns the states at the start of a video, for clips of shape [B, T, H, W, 3]."""
        if isinstance(input_shape, tf.Tensor):
            input_shape = tf.unstack(input_shape, num=5)
        batch, _, height, width, _ = input_shape
        return {
            name: tf.zeros(spec.shape, spec.dtype)
            for name, spec in self.state_specs(batch, height, width).items()
        }

    @property
    def head_filters(self) -> int:
        """Width of the classifier's hidden layer."""
        return self.architecture.head.head_filters

    @property
    def conv_type(self) -> str:
        """Layout of the convolutions."""
        return self.layer_config.conv_type

    def get_config(self) -> dict[str, Any]:
        """Returns every argument of the constructor."""
        config = self.layer_config
        return {
            "name": self.name,
            "dtype": config.dtype,
            "model_id": self.architecture.to_config()
            if isinstance(self.model_id, Architecture)
            else self.model_id,
            "causal": config.causal,
            "use_positional_encoding": config.use_positional_encoding,
            "conv_type": config.conv_type,
            "se_type": config.se_type,
            "input_specs": model_inputs.spec_to_config(self.input_specs),
            "activation": config.activation,
            "gating_activation": config.gating_activation,
            "use_sync_bn": config.use_sync_bn,
            "norm_momentum": config.norm_momentum,
            "norm_epsilon": config.norm_epsilon,
            "kernel_initializer": json.loads(config.kernel_initializer),
            "kernel_regularizer": json.loads(config.kernel_regularizer),
            "bias_regularizer": json.loads(config.bias_regularizer),
            "stochastic_depth_drop_rate": self.stochastic_depth_drop_rate,
            "use_external_states": self.use_external_states,
            "output_states": self.output_states,
            "average_pooling_type": config.average_pooling_type,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Movinet":
        """Builds the network that `get_config` describes, with new weights."""
        if isinstance(config["model_id"], dict):
            config = {**config, "model_id": Architecture.from_config(config["model_id"])}
        return cls(**config)
