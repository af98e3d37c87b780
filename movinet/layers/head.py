"""The head of the backbone and the classifier behind it."""

import dataclasses

import tensorflow as tf
import tf_keras

from movinet.layers import noise
from movinet.layers.base import Dimension, Size, SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig, to_json
from movinet.layers.convolution import ConvBlock, ConvSpec
from movinet.layers.frames import dimensions, unfold
from movinet.layers.pooling import RunningAverage, spatial_average


@dataclasses.dataclass(frozen=True)
class ProjectionSpec:
    """Widths of the head's projection."""

    input_filters: int
    filters: int


class Head(SpecLayer):
    """Projects and pools: over the video so far (`3d`), over each frame (`2d`), or not at all.

    Call:     x [B*T, H, W, C]; reads and writes the states of its pool if the network is causal.
    Returns:  ([B, 1, 1, 1, C'] for 3d, [B, T, 1, 1, C'] for 2d, else [B, T, H, W, C'], new states).
    """

    def create(self, spec: ProjectionSpec, config: LayerConfig) -> None:
        """Makes the projection and the pool."""
        self._project = ConvBlock(
            ConvSpec(spec.input_filters, spec.filters, activation=config.activation),
            config,
            "project",
        )
        self._pool = RunningAverage(spec.filters, "state_head", per_frame=False)

    def call(
        self, x: tf.Tensor, num_frames: Dimension, states: States | None = None
    ) -> tuple[tf.Tensor, States]:
        """Projects and pools; see the class."""
        x, _ = self._project(x, num_frames)
        pooling = self.config.average_pooling_type
        if pooling == "none":
            return unfold(x, num_frames), {}
        x = spatial_average(x, num_frames)
        new_states: States = {}
        if pooling == "3d":
            x, new_states = self._pool(x, states or {})
        return x[:, :, None, None], (new_states if self.config.causal else {})

    def state_specs(self, batch: Size) -> dict[str, StateSpec]:
        """Returns the states of the pool."""
        streams = self.config.causal and self.config.average_pooling_type == "3d"
        return self._pool.state_specs(batch) if streams else {}


@dataclasses.dataclass(frozen=True)
class ClassifierHeadSpec:
    """Widths of the classifier, its dropout rate in [0, 1), and the hidden activation."""

    input_filters: int
    filters: int
    num_classes: int
    dropout_rate: float
    activation: str


class ClassifierHead(SpecLayer):
    """A hidden layer, dropout, and the logits.

    Call:     x [B, T, 1, 1, C] with T = 1 if the backbone pools over time.
    Returns:  logits in float32, [B, num_classes], or [B, T, num_classes] if it pools each frame.
    """

    def create(self, spec: ClassifierHeadSpec, config: LayerConfig) -> None:
        """Makes the two pointwise convolutions."""
        self._head = ConvBlock(
            ConvSpec(
                spec.input_filters, spec.filters, activation=spec.activation, normalised=False
            ),
            config,
            "head",
        )
        self._keep_rate = 1.0 - spec.dropout_rate
        normal = tf_keras.initializers.RandomNormal(stddev=0.01)
        self._classifier = ConvBlock(
            ConvSpec(spec.filters, spec.num_classes, normalised=False),
            dataclasses.replace(
                config,
                kernel_initializer=to_json(normal, tf_keras.initializers.serialize),
                kernel_regularizer="null",
            ),
            "classifier",
        )

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Classifies; see the class."""
        num_frames = dimensions(x)[1]
        # [B, T, 1, 1, C] -> [B*T, 1, 1, C]
        x = tf.reshape(x, [-1, 1, 1, self.spec.input_filters])
        x, _ = self._head(x, num_frames)
        if training and self._keep_rate < 1.0:
            x *= tf.cast(noise.keep(dimensions(x), self._keep_rate), x.dtype)
        x, _ = self._classifier(x, num_frames)
        logits = tf.cast(x[:, 0, 0], tf.float32)
        pools_time = self.config.average_pooling_type == "3d"
        return logits if pools_time else unfold(logits, num_frames)
