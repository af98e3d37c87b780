"""A `.tflite` stream model, the Model Garden's or ours, read back into weights.

In float32, in float16, and in dynamic range (integer weights, float activations). Batch norms are
folded in such a file, so the network that is read computes the same, with statistics that are new.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from movinet.checkpoints import foreign, tflite_graph, tflite_weights, weights
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.weights import Network
from movinet.comparison import Network as Runner
from movinet.errors import InputError
from movinet.export import litert
from movinet.layers.base import States
from movinet.streaming.litert_model import LiteRtModel
from movinet.streaming.model_files import read_attached_info

_MAGIC = b"TFL3"
_FRAMES = 6
# In float16 the number of pixels that a mean divides by is rounded too; in dynamic range LiteRT
# rounds activations to 8 bits as it goes. The weights are read exactly.
_TOLERANCES = {"float32": 1e-4, "float16": 1e-3, "dynamic range": 0.1}


def recognises(path: pathlib.Path) -> bool:
    """Whether a path is a `.tflite` file."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(8)[4:] == _MAGIC
    return False


def read(path: pathlib.Path) -> Source:
    """Reads the weights of a stream.

    Raises: InputError if the file is damaged, in integers, or no MoViNet that streams.
    """
    try:
        with path.open("rb") as file:
            content = file.read(tflite_graph.MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    graph = tflite_graph.parse(content, str(path))
    tensors, choices = tflite_weights.read(graph)
    layout = foreign.OwnLayout()
    candidates = [
        Network(
            name, causal=True, conv_type="2plus1d", num_classes=1, **dataclasses.asdict(choices)
        )
        for name in weights.model_ids()
    ]
    shapes = {name: value.shape for name, value in tensors.items()}
    network = foreign.identify(shapes, layout, candidates, str(path))
    attached = read_attached_info(path)
    return Source(
        kind=f"a LiteRT model in {graph.precision}",
        path=str(path),
        tensors=tensors,
        layout=layout,
        network=network,
        activations=(network.classifier_activation,),
        preprocessing=attached[0].preprocessing if attached else None,
        labels=attached[0].labels if attached else (),
        multilabel=attached[0].multilabel if attached else False,
        run=lambda: _run(path),
        video_shape=(1, _FRAMES, *graph.frame_size, 3),
        tolerance=_TOLERANCES[graph.precision],
        notes=(
            "batch norms are folded into kernels and biases there: the network computes the same, "
            "but in fine-tuning the statistics of its norms start anew",
        ),
    )


def _run(path: pathlib.Path) -> Runner:
    """Makes what runs the file."""

    def run(inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, States]:
        with _readable(path):
            return network(inputs)

    with _readable(path):
        network = litert.as_network(LiteRtModel(path))
    return run


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    """Turns what LiteRT raises for a damaged file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is damaged: LiteRT cannot run it ({reason}).") from error
