"""A SavedModel as its users run it: compared with the model it is from, counted and timed."""

import dataclasses
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from movinet import comparison
from movinet import inputs as model_inputs
from movinet.comparison import Difference
from movinet.ensemble import VideoClassifier
from movinet.layers.base import States
from movinet.streaming.video_model import LOGITS

_TIMED_CALLS = 10
_NO_WORK = {"Const", "Identity", "NoOp", "Placeholder"}


@dataclasses.dataclass(frozen=True)
class LoadedNetwork:
    """A SavedModel by its signature for inference.

    Attributes:
      root: the loaded object, which owns the variables.
      function: the signature.

    Call:     `{**states, 'image': clip}`; without states a new video begins.
    Returns:  (logits, states).
    """

    root: Any
    function: Any

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, States]:
        """Reads the next piece of the video."""
        outputs = self.function(**{**self._zeros(inputs[model_inputs.IMAGE]), **inputs})
        # Official exports of base models name the one output after a layer that Keras numbers.
        logits = outputs.pop(LOGITS if LOGITS in outputs else next(iter(outputs)))
        return logits, outputs

    def _zeros(self, clip: tf.Tensor) -> States:
        """The states at the start of a video, as the export itself gives them if it can."""
        if "init_states" in self.root.signatures:
            return self.root.signatures["init_states"](tf.shape(clip))
        specs = self.function.structured_input_signature[1]
        return {
            name: tf.zeros(spec.shape, spec.dtype)
            for name, spec in specs.items()
            if name != model_inputs.IMAGE
        }


def load(path: str | os.PathLike[str]) -> LoadedNetwork:
    """Loads an export of this package or of the official one."""
    root = tf.saved_model.load(os.fspath(path))
    name = "call" if "call" in root.signatures else "serving_default"
    return LoadedNetwork(root, root.signatures[name])


def compare(
    model: VideoClassifier,
    network: comparison.Network,
    video_shape: Sequence[int],
    frames_per_call: int | None,
) -> Difference:
    """Compares a network with the model on random video of shape [B, T, H, W, 3].

    Args: frames_per_call: the frames that a call takes; None for any: all at once, and one by one
    too if the model streams.
    """
    num_frames = video_shape[1]
    pieces = [frames_per_call or num_frames]
    if model.causal and frames_per_call is None:
        pieces.append(1)
    cuts = [[length] * (num_frames // length) for length in pieces]
    return comparison.compare(model.run, network, comparison.random_video(video_shape), cuts)


def count_operations(function: Any) -> int:
    """Counts the operations that a call runs, those of the functions that it calls among them."""
    graph = function.graph.as_graph_def()
    bodies = {body.signature.name: body.node_def for body in graph.library.function}

    def count(nodes: Any) -> int:
        total = 0
        for node in nodes:
            called = node.op if node.op in bodies else node.attr["f"].func.name
            if called in bodies:
                total += count(bodies[called])
            else:
                total += node.op not in _NO_WORK
        return total

    return count(graph.node)


def seconds_per_frame(
    network: comparison.Network, video_shape: Sequence[int], frames_per_call: int
) -> float:
    """Returns the median time of a call, divided by its frames, on this machine."""
    batch, _, *size = video_shape
    clip = comparison.random_video([batch, frames_per_call, *size])
    _, states = network({model_inputs.IMAGE: clip})
    times = []
    for _ in range(_TIMED_CALLS):
        start = time.perf_counter()
        logits, states = network({**states, model_inputs.IMAGE: clip})
        logits.numpy()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / frames_per_call
