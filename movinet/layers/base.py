"""How every layer is made: from a spec (geometry) and a config (choices), with all its weights."""

from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf
import tf_keras

from movinet.layers.config import LayerConfig

States: TypeAlias = dict[str, tf.Tensor]
# A size of a tensor: a number, or a scalar tensor where only the running graph knows it.
Dimension: TypeAlias = int | tf.Tensor
# A size in a specification: None leaves it open.
Size: TypeAlias = Dimension | None


class StateSpec(NamedTuple):
    """Shape and dtype of one state; it starts as zeros."""

    shape: tuple[Size, ...]
    dtype: str


class SpecLayer(tf_keras.layers.Layer):
    """A layer whose weights exist as soon as it does.

    Subclasses make weights and sublayers in `create`, inside a name scope of their own. Widths come
    from the spec, so that nothing waits for a first call.
    """

    def __init__(self, spec: Any, config: LayerConfig, name: str) -> None:
        super().__init__(name=name, dtype=config.dtype)
        self.spec = spec
        self.config = config
        with tf.name_scope(name):
            self.create(spec, config)
        self.built = True

    def create(self, spec: Any, config: LayerConfig) -> None:
        """Makes the weights and sublayers."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Refuses: the model's configuration describes all of its layers."""
        raise NotImplementedError(f"{type(self).__name__} is saved as a part of its model.")
