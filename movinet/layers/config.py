"""The choices that every layer of one network shares, validated once."""

import dataclasses
import json
from typing import Any

import tensorflow as tf
import tf_keras

from movinet.layers import activations

CONV_TYPES = ("3d", "2plus1d", "3d_2plus1d")
SE_TYPES = ("3d", "2d", "2plus3d", "none")
POOLING_TYPES = ("3d", "2d", "none")


def _check(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"Unknown {field} {value!r}: choose one of {', '.join(choices)}.")


@dataclasses.dataclass(frozen=True)
class LayerConfig:
    """Layout, activations, normalisation and initialisation of a network.

    Only primitives, so that it can be compared, hashed and written to a file. Initialisers and
    regularisers are held as the JSON of their Keras configuration.

    Raises: ValueError naming the field and the valid choices.
    """

    conv_type: str = "3d"
    se_type: str = "3d"
    causal: bool = False
    activation: str = "swish"
    gating_activation: str = "sigmoid"
    use_positional_encoding: bool = False
    average_pooling_type: str = "3d"
    use_sync_bn: bool = True
    norm_momentum: float = 0.99
    norm_epsilon: float = 1e-3
    kernel_initializer: str = '"HeNormal"'
    kernel_regularizer: str = "null"
    bias_regularizer: str = "null"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check("conv_type", self.conv_type, CONV_TYPES)
        _check("se_type", self.se_type, SE_TYPES)
        _check("average_pooling_type", self.average_pooling_type, POOLING_TYPES)
        _check("activation", self.activation, activations.NAMES)
        _check("gating_activation", self.gating_activation, activations.NAMES)

    @property
    def splits_time(self) -> bool:
        """Whether a k x s x s convolution is a 1 x s x s one followed by a k x 1 x 1 one."""
        return self.conv_type != "3d"

    @property
    def stores_2d_kernels(self) -> bool:
        """Whether checkpoints hold 4-D kernels, as the mobile layout does."""
        return self.conv_type == "2plus1d"

    @property
    def compute_dtype(self) -> str:
        """The dtype of activations: half precision under a mixed policy."""
        return tf_keras.mixed_precision.Policy(self.dtype).compute_dtype

    def initializer(self) -> tf_keras.initializers.Initializer:
        """Returns a new initialiser for the kernels."""
        return tf_keras.initializers.get(json.loads(self.kernel_initializer))

    def kernel_penalty(self) -> tf_keras.regularizers.Regularizer | None:
        """Returns the regulariser of the kernels, if any."""
        return tf_keras.regularizers.get(json.loads(self.kernel_regularizer))

    def bias_penalty(self) -> tf_keras.regularizers.Regularizer | None:
        """Returns the regulariser of the biases, if any."""
        return tf_keras.regularizers.get(json.loads(self.bias_regularizer))

    def batch_norm(self, filters: int, name: str) -> tf_keras.layers.BatchNormalization:
        """Returns a built batch norm over frames folded into the batch.

        Synchronised statistics of a single replica are its own, and the fused op computes them
        faster: the synchronised form is used only where there is more than one replica.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        layer = tf_keras.layers.BatchNormalization(
            momentum=self.norm_momentum,
            epsilon=self.norm_epsilon,
            synchronized=self.use_sync_bn and replicas > 1,
            dtype=self.dtype,
            name=name,
        )
        with tf.name_scope(name):
            layer.build([None, None, None, filters])
        return layer


def to_json(value: Any, serialize: Any) -> str:
    """Returns the JSON of a Keras initialiser or regulariser given as name, config or object."""
    return json.dumps(value if value is None or isinstance(value, str | dict) else serialize(value))
