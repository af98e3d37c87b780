"""What a variant costs, computed from its architecture alone, without building it."""

import dataclasses
import math
from collections.abc import Iterator

from movinet import operation_counts
from movinet.architectures import (
    ARCHITECTURES,
    POOL_WINDOW,
    BottleneckSpec,
    StemSpec,
    squeeze_excitation_filters,
)
from movinet.layers.padding import strided_size
from movinet.operation_counts import SUM_BYTES, Convolution, Operation, Workload
from movinet.presets import Preset

_COUNTER_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Cost:
    """The totals of a variant at its published resolution.

    A multiply-add counts once. Norms, activations and pools count nothing, as is the custom.
    """

    preset: Preset
    num_classes: int

    @property
    def parameters(self) -> int:
        """Stored weights, statistics of batch norm included."""
        return self._total(1, "parameters")

    def multiply_adds(self, num_frames: int) -> int:
        """Returns the multiply-adds of a clip of that many frames."""
        return self._total(num_frames, "multiply_adds")

    def _total(self, num_frames: int, field: str) -> int:
        workload = Workload(num_frames, self.preset.image_size)
        return operation_counts.total(operations(self.preset, workload, self.num_classes), field)


def count(preset: Preset, num_classes: int = 600) -> Cost:
    """Returns the totals of a variant."""
    return Cost(preset, num_classes)


def operations(preset: Preset, workload: Workload, num_classes: int = 600) -> list[Operation]:
    """Returns the cost of every operation of a variant, in order."""
    return list(_Walk(preset, workload).network(num_classes))


class _Walk:
    """Follows clips through a variant."""

    def __init__(self, preset: Preset, workload: Workload) -> None:
        self._preset = preset
        self._work = workload
        self._streams = preset.causal and not workload.training

    def network(self, num_classes: int) -> Iterator[Operation]:
        """Yields all operations."""
        architecture = ARCHITECTURES[self._preset.model_id]
        stem, head, clips = architecture.stem, architecture.head, self._work.batch_size
        image_size = self._work.image_size
        size = _output_size(stem, image_size)
        operation = Convolution(
            kernel=math.prod(stem.kernel_size) * 3 * stem.filters,
            filters=stem.filters,
            inputs=3 * self._pixels(image_size, stem.padding),
            positions=self._pixels(size),
            activation=self._preset.activation,
            first=True,
        ).operation(stem.name, "stem", self._work)
        yield self._with_zeros(operation, 3, image_size, stem.padding)
        for layer in architecture.walk():
            yield from self._bottleneck(layer, size)
            size = _output_size(layer, size)
        project, hidden = head.project_filters, head.head_filters
        pixels = self._pixels(size)
        projection = _pointwise(
            architecture.output_filters, project, pixels, self._preset.activation
        )
        yield projection.operation(head.name, "head", self._work)
        pool = self._average(head.name, project, pixels, clips * project)
        yield self._with_sums(pool, project) if self._streams else pool
        for name, convolution in {
            "hidden": _pointwise(project, hidden, clips, self._preset.classifier_activation, False),
            "logits": _pointwise(hidden, num_classes, clips, normalised=False),
        }.items():
            yield convolution.operation(name, "classifier", self._work)

    def _pixels(self, size: int, padding: int | None = None) -> int:
        """Returns the pixels of all frames, explicit zeros beside them included."""
        return self._work.frames * (size + 2 * (padding or 0)) ** 2

    def _bottleneck(self, layer: BottleneckSpec, size: int) -> Iterator[Operation]:
        """Yields a bottleneck that reads frames of that size."""
        before, after = self._pixels(size), self._pixels(_output_size(layer, size))
        width, inputs, activation = (
            layer.expand_filters,
            layer.input_filters,
            self._preset.activation,
        )
        expansion = _pointwise(inputs, width, before, activation)
        yield expansion.operation(layer.name, "expansion", self._work)
        yield from self._feature(layer, size, after)
        if self._preset.se_type != "none":
            yield from self._squeeze_excitation(layer, after)
        projection = _pointwise(width, layer.filters, after)
        projection = dataclasses.replace(projection, residual=True)
        yield projection.operation(layer.name, "projection", self._work)
        if layer.stride > 1:
            yield self._strided_pool(layer, size, inputs * after)
        if layer.needs_skip_projection:
            skip = _pointwise(inputs, layer.filters, after)
            yield skip.operation(layer.name, "skip", self._work)

    def _strided_pool(self, layer: BottleneckSpec, size: int, pooled: int) -> Operation:
        padding, filters = layer.pool_padding, layer.input_filters
        if padding and not layer.pool_counts_padding:
            return self._cropped_pool(layer, size, pooled)
        inputs = filters * self._pixels(size, padding)
        additions = POOL_WINDOW**2 * pooled
        pool = operation_counts.pool(layer.name, self._work, inputs, pooled, additions)
        return self._with_zeros(pool, filters, size, padding)

    def _cropped_pool(self, layer: BottleneckSpec, size: int, pooled: int) -> Operation:
        """The pool that leaves out zeros: `SAME`, of frames with some behind if they need them."""
        filters = layer.input_filters
        larger = size + (1 - size) % layer.stride
        values, padded = (filters * self._pixels(side) for side in (size, larger))
        outputs = filters * self._pixels(strided_size(larger, layer.stride))
        additions = POOL_WINDOW**2 * outputs
        pool = operation_counts.pool(layer.name, self._work, padded, outputs, additions)
        if larger == size:
            return pool
        moved = values + padded + 2 * pooled
        if self._work.training:  # Both gradients: one is cut to the frames, one is padded.
            moved += 2 * values + pooled + outputs
        return pool.plus(activation_bytes=moved * self._work.value_bytes)

    def _with_zeros(
        self, operation: Operation, filters: int, size: int, padding: int | None
    ) -> Operation:
        """Adds what putting explicit zeros beside frames moves."""
        if not padding:
            return operation
        values = filters * self._pixels(size)
        moved = values + filters * self._pixels(size, padding)
        if self._work.training and operation.kind != "stem":  # The gradient is cut to the frames.
            moved += 2 * values
        return operation.plus(activation_bytes=moved * self._work.value_bytes)

    def _feature(self, layer: BottleneckSpec, size: int, after: int) -> Iterator[Operation]:
        frames, height, width = layer.kernel_size
        filters, activation = layer.expand_filters, self._preset.activation
        split = self._preset.conv_type != "3d" and frames > 1
        taps = height * width * (1 if split else frames)
        operation = Convolution(
            kernel=taps * filters,
            filters=filters,
            inputs=filters * self._pixels(size, layer.padding),
            positions=after,
            activation=activation,
            passes=1 if split or self._work.whole_kernels else frames,
        ).operation(layer.name, "depthwise", self._work)
        yield self._with_zeros(operation, filters, size, layer.padding)
        if not split:
            return
        values = filters * after
        buffer = (frames - 1) * values // self._work.num_frames if self._preset.causal else 0
        temporal = Convolution(frames * filters, filters, values + buffer, after, activation)
        operation = temporal.operation(layer.name, "temporal", self._work)
        yield self._with_buffer(operation, values, buffer) if buffer else operation

    def _with_buffer(self, operation: Operation, values: int, buffer: int) -> Operation:
        """Adds what putting a stream buffer, or zeros, before `values` of clips moves."""
        moved = values + (values + buffer)
        if self._work.training:  # The gradient is cut to the clip.
            moved += values + values
        if not self._streams:
            return operation.plus(activation_bytes=moved * self._work.value_bytes)
        # The old buffer is read; the last frames are, too, and written as the new one.
        return operation.plus(
            activation_bytes=(moved + buffer) * self._work.value_bytes,
            state_bytes=2 * buffer * self._work.value_bytes,
        )

    def _squeeze_excitation(self, layer: BottleneckSpec, pixels: int) -> Iterator[Operation]:
        preset, work, filters = self._preset, self._work, layer.expand_filters
        hidden = squeeze_excitation_filters(filters, preset.se_type)
        pooled = filters * (2 if preset.se_type == "2plus3d" else 1)
        vectors = work.frames if preset.causal or preset.se_type != "3d" else work.batch_size
        pool = self._average(layer.name, filters, pixels, vectors * pooled, shared=True)
        if self._streams and preset.se_type != "2d":
            pool = self._with_sums(pool, filters)
        encoded = preset.causal and preset.use_positional_encoding
        if encoded:  # Sinusoid, its argument and weight a frame; a sum a vector.
            pool = pool.plus(element_wise=(3 * work.num_frames + vectors) * pooled, parameters=1)
        if encoded and self._streams:
            pool = pool.plus(state_bytes=2 * _COUNTER_BYTES)
        yield pool
        for convolution in (
            _pointwise(pooled, hidden, vectors, preset.activation, False),
            _pointwise(hidden, filters, vectors, preset.gating_activation, False),
        ):
            yield convolution.operation(layer.name, "excitation", work)
        yield operation_counts.gate(layer.name, work, filters * pixels, filters * vectors)

    def _average(
        self, layer: str, filters: int, pixels: int, outputs: int, shared: bool = False
    ) -> Operation:
        """Averages frames, and the averages over time: cumulated, added to a sum and divided."""
        frame_averages = filters * self._work.frames
        additions = filters * pixels + (3 if self._preset.causal else 1) * frame_averages
        pool = operation_counts.pool(
            layer, self._work, filters * pixels, frame_averages, additions, shared
        )
        return pool.plus(activation_bytes=self._work.value_bytes * (frame_averages + outputs))

    def _with_sums(self, pool: Operation, filters: int) -> Operation:
        """Adds the states of a pool: its sum and its counter of frames, read and written."""
        sums = SUM_BYTES * filters * self._work.batch_size
        return pool.plus(state_bytes=2 * (sums + _COUNTER_BYTES))


def _output_size(layer: StemSpec | BottleneckSpec, size: int) -> int:
    return strided_size(size, layer.stride, layer.kernel_size[1], layer.padding)


def _pointwise(
    inputs: int, filters: int, pixels: int, activation: str = "linear", normalised: bool = True
) -> Convolution:
    return Convolution(inputs * filters, filters, inputs * pixels, pixels, activation, normalised)
