"""Which convolution of a graph is which of a network, by what reads what.

A stream has one structure: each convolution is told by the convolutions and states that its input
comes from. The names of the states, which are part of the format, tell the layers.
"""

import dataclasses
from collections.abc import Set

from movinet.checkpoints.tflite_graph import POSITIONS, Convolution, ConvolutionGraph
from movinet.checkpoints.weights import CLASSIFIER_HEAD, HEAD, STEM, Weight
from movinet.streaming.video_model import IMAGE


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a convolution stands in a network; the words are those of `Weight`."""

    layer: str
    part: str
    temporal: bool = False

    def name(self, kind: str) -> str:
        """The name of one of its weights."""
        return Weight(self.layer, self.part, kind, (), self.temporal).name


def find(graph: ConvolutionGraph) -> dict[Place, Convolution]:
    """Returns all convolutions of a graph by their places.

    Raises: InputError if it has another structure than a stream.
    """
    return _Search(graph).found


class _Search:
    """The walk from the stem to the classifier, which takes each convolution once."""

    def __init__(self, graph: ConvolutionGraph) -> None:
        self._graph = graph
        self._left = list(graph.convolutions)
        self.found: dict[Place, Convolution] = {}
        x = {self._put(STEM, "stem", self._take({IMAGE})).index}
        while (expansion := self._expansion(x)) is not None:
            x = self._bottleneck(x, expansion)
        project = self._put(HEAD, "project", self._take(x))
        pooled: set[int | str] = {project.index, f"{HEAD}/pool_buffer"}
        hidden = self._put(CLASSIFIER_HEAD, "head", self._take(pooled))
        classifier = self._put(CLASSIFIER_HEAD, "classifier", self._take({hidden.index}))
        if self._left:
            shape = list(self._left[0].kernel.shape)
            raise graph.error(f"has a convolution {shape} that has no place in one")
        if graph.logits() != {classifier.index}:
            raise graph.error("has logits that its last convolution does not make")

    def _bottleneck(self, x: set[int], expansion: Convolution) -> set[int]:
        """Finds the convolutions of a bottleneck; returns the sources of its output."""
        self._left.remove(expansion)
        feature = last = self._take({expansion.index})
        temporal, streaming = self._take_with_state(feature, "stream_buffer")
        if temporal is not None:
            last = temporal
        reduce, layer = self._take_with_state(last, "pool_buffer")
        if reduce is None or streaming not in ("", layer):
            raise self._graph.error("has a layer without squeeze-excitation over the video so far")
        self._put(layer, "expansion", expansion)
        self._put(layer, "feature", feature)
        if temporal is not None:
            self._put(layer, "feature", temporal, temporal=True)
        self._put(layer, "se_reduce", reduce)
        expand = self._put(layer, "se_expand", self._take({reduce.index}))
        projection = self._take({expand.index, last.index})
        self._put(layer, "projection", projection)
        if any(one.sources == x for one in self._left):
            x = {self._put(layer, "skip", self._take(x)).index}
        return x | {projection.index}

    def _expansion(self, x: set[int]) -> Convolution | None:
        """Of the convolutions that read x, the one that a depthwise convolution reads."""
        read = [one.sources for one in self._left if one.depthwise]
        found = [one for one in self._left if one.sources == x and {one.index} in read]
        return found[0] if len(found) == 1 else None

    def _take(self, sources: Set[int | str]) -> Convolution:
        """The only one left whose input comes from there."""
        found = [one for one in self._left if one.sources == sources]
        if len(found) != 1:
            raise self._graph.error(f"has {len(found)} convolutions where one should be")
        self._left.remove(found[0])
        return found[0]

    def _take_with_state(self, x: Convolution, kind: str) -> tuple[Convolution | None, str]:
        """The one that reads x and a state of that kind, and the layer of the state."""
        for one in self._left:
            others = [str(source) for source in one.sources - {x.index, POSITIONS}]
            if x.index in one.sources and len(others) == 1 and others[0].endswith(f"/{kind}"):
                return self._take(one.sources), others[0].partition("/")[0]
        return None, ""

    def _put(self, layer: str, part: str, one: Convolution, temporal: bool = False) -> Convolution:
        place = Place(layer, part, temporal)
        if place in self.found:
            raise self._graph.error(f"has two convolutions {place.name('kernel')}")
        self.found[place] = one
        return one
