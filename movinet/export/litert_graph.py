"""From a trained classifier to the bytes of a LiteRT (`.tflite`) model in float32."""

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import TypeAlias

import tensorflow as tf

from movinet.classifier import MovinetClassifier
from movinet.errors import InputError
from movinet.export import time_axis
from movinet.export.folding import FoldedNetwork, fold
from movinet.export.inference_graph import InferenceGraph
from movinet.streaming.video_model import IMAGE, LOGITS

Outputs: TypeAlias = dict[str, tf.Tensor]


def convert(
    model: MovinetClassifier,
    *,
    height: int,
    width: int,
    num_frames: int = 1,
    state_layout: str = "5d",
    split_hard_swish: bool = False,
) -> bytes:
    """Converts a classifier in any layout to a graph of builtin ops and static shapes.

    A causal model becomes a graph of one frame with states, any other a graph of one clip. The
    signature `serving_default` takes `image` [1, T, height, width, 3] and the states, and returns
    `logits` [1, num_classes] and the states. In the layout 4d, `image` is [T, height, width, 3].

    Args:
      height, width: of a frame in pixels.
      num_frames: T of a model that is not causal.
      state_layout: `5d` for the official states, `4d` for tensors of rank 4 at most; see
        `time_axis.state_specs`.
      split_hard_swish: whether hard swish is written for integer kernels; see `inference_graph`.

    Raises: InputError if the model has no such graph.
    """
    config = model.backbone.layer_config
    if config.average_pooling_type != "3d":
        raise InputError(
            f"average_pooling_type is {config.average_pooling_type!r}: only '3d' gives one answer "
            "for a video, which an exported model is for."
        )
    frames = 1 if config.causal else num_frames
    network = fold(model)

    def classify(inputs: Mapping[str, tf.Tensor]) -> Outputs:
        return compute(
            network,
            inputs,
            num_frames=frames,
            state_layout=state_layout,
            split_hard_swish=split_hard_swish,
        )

    return lower(classify, signature(model, height, width, frames, state_layout))


def lower(
    function: Callable[[Mapping[str, tf.Tensor]], Outputs], specs: Mapping[str, tf.TensorSpec]
) -> bytes:
    """Converts a function of named tensors of static shapes to a file with its signature."""
    owner = tf.Module()
    owner.classify = tf.function(function, input_signature=[dict(specs)], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [owner.classify.get_concrete_function()], owner
    )
    # The converter talks on standard error about things that nobody can act upon.
    with contextlib.redirect_stderr(io.StringIO()):
        return converter.convert()


def signature(
    model: MovinetClassifier, height: int, width: int, frames: int, layout: str
) -> dict[str, tf.TensorSpec]:
    """Returns what the graph of a classifier takes; see `convert`."""
    image = (frames, height, width, 3)
    specs = {IMAGE: tf.TensorSpec(image if layout == "4d" else (1, *image), tf.float32, IMAGE)}
    if model.backbone.layer_config.causal:
        official = model.backbone.state_specs(1, height, width)
        for name, spec in time_axis.state_specs(official, layout).items():
            specs[name] = tf.TensorSpec(spec.shape, spec.dtype, name)
    return specs


def compute(
    network: FoldedNetwork,
    inputs: Mapping[str, tf.Tensor],
    *,
    num_frames: int = 1,
    state_layout: str = "5d",
    split_hard_swish: bool = False,
) -> Outputs:
    """Returns `logits` and the new states of one frame, or of a clip; see `convert`."""
    image = inputs[IMAGE]
    frames = image if state_layout == "4d" else tf.reshape(image, image.shape[1:])
    if not network.config.causal:
        graph = InferenceGraph(network, time_axis.WholeClip(num_frames), split_hard_swish)
        return {LOGITS: graph.logits(frames)}
    time = time_axis.FrameByFrame({name: value for name, value in inputs.items() if name != IMAGE})
    logits = InferenceGraph(network, time, split_hard_swish).logits(frames)
    return {LOGITS: logits, **time.new_states}
