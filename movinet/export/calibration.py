"""What the tensors of a model hold while whole videos stream through it."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from movinet.export.integer_ends import moved_together
from movinet.export.litert_file import Graph
from movinet.streaming.video_model import IMAGE, LOGITS

Feed: TypeAlias = dict[str, np.ndarray]
Ranges: TypeAlias = dict[str, tuple[float, float]]
"""Smallest and largest value of each tensor, by its name in the graph."""


def feeds(content: bytes, videos: Iterable[np.ndarray], num_threads: int = 2) -> Iterator[Feed]:
    """Yields what a model reads: each frame of each video with the states that lead up to it.

    Args:
      content: of a `.tflite` file in float32.
      videos: float32 [T, height, width, 3] each. A model of a clip of T frames reads it at once.
    """
    runner = Interpreter(model_content=content, num_threads=num_threads).get_signature_runner()
    details = runner.get_input_details()
    shape = tuple(details[IMAGE]["shape"])
    initial = {
        name: np.zeros(detail["shape"], detail["dtype"])
        for name, detail in details.items()
        if name != IMAGE
    }
    for video in videos:
        states: Feed = initial
        for image in video if initial else [video]:
            feed = {**states, IMAGE: image.reshape(shape)}
            yield feed
            if initial:
                outputs = runner(**feed)
                del outputs[LOGITS]
                states = outputs


def observe(content: bytes, observed: Iterable[Mapping[str, np.ndarray]]) -> Ranges:
    """Returns the range of every float tensor of a model over everything that it reads.

    Tensors that hold the same values, such as a stream buffer before and after a frame, share one
    range. Zero is in each: it is what a video begins with and what padding adds.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That this is for looking at tensors: it is what it does.
        interpreter = Interpreter(
            model_content=content,
            num_threads=2,
            experimental_preserve_all_tensors=True,
            # Delegates would keep their tensors to themselves.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    runner = interpreter.get_signature_runner()
    ranges: Ranges = {}
    for feed in observed:
        runner(**feed)
        for details in interpreter.get_tensor_details():
            if details["dtype"] != np.float32 or not details["name"]:
                continue
            try:
                values = interpreter.get_tensor(details["index"])
            except ValueError:  # Scratch memory of an op holds nothing.
                continue
            low, high = ranges.get(details["name"], (0.0, 0.0))
            ranges[details["name"]] = (
                min(low, float(values.min(initial=0.0))),
                max(high, float(values.max(initial=0.0))),
            )
    return _shared(ranges, moved_together(Graph(content)))


def _shared(ranges: Ranges, groups: Iterable[set[str]]) -> Ranges:
    shared = dict(ranges)
    for group in groups:
        known = [ranges[name] for name in group if name in ranges]
        if known:
            widest = min(low for low, _ in known), max(high for _, high in known)
            shared.update({name: widest for name in group if name in ranges})
    return shared
