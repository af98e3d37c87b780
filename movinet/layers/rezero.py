"""ReZero: a learned scalar that starts at zero."""

from typing import Any

import tensorflow as tf

from movinet.layers.base import SpecLayer
from movinet.layers.config import LayerConfig


class ReZero(SpecLayer):
    """Scales its input by one learned scalar; https://arxiv.org/abs/2003.04887.

    Its spec is None: it fits any shape.
    """

    def create(self, spec: Any, config: LayerConfig) -> None:
        """Makes the scalar."""
        self.scale = self.add_weight("scale", [], initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Scales."""
        return x * tf.cast(self.scale, x.dtype)
