"""Convolutions over folded frames, and the convolution block that all other layers are made of."""

import dataclasses

import tensorflow as tf
import tf_keras

from movinet.layers import activations
from movinet.layers.base import Dimension, Size, SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig
from movinet.layers.depthwise import depthwise_conv1d, depthwise_conv3d
from movinet.layers.frames import dimensions, fold, unfold
from movinet.layers.normalisation import Affine, normalise_and_activate, running_affine
from movinet.layers.padding import beside, strided_size, temporal_padding
from movinet.layers.stream_buffer import StreamBuffer

Kernel = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class ConvSpec:
    """Geometry of a convolution block.

    Attributes:
      kernel_size: (frames, height, width).
      stride: in space.
      padding: pixels of zeros on each side of a frame; None for `SAME`.
      activation: name of the function behind the normalisation, or 'linear'.
      normalised: whether a batch norm follows; a bias takes its place if not.
      state_prefix: prefix of the names of its states, if it streams.
    """

    input_filters: int
    filters: int
    kernel_size: Kernel = (1, 1, 1)
    stride: int = 1
    padding: int | None = None
    depthwise: bool = False
    activation: str = "linear"
    normalised: bool = True
    state_prefix: str = ""

    def output_size(self, size: Size) -> Size:
        """Returns the height or width of the output for that of the input; windows are square."""
        return strided_size(size, self.stride, self.kernel_size[1], self.padding)


class Convolution(SpecLayer):
    """One convolution: full or depthwise, over space, time or both.

    Its kernel is stored as the checkpoint's layout has it: [frames, height, width, in, out] with
    in = 1 if depthwise, or 4-D with (height, width) or (frames, 1) in front in the mobile layout.

    Call:     x [B*T, H, W, C]; `padding` as in `temporal_padding`; `affine` to scale and shift the
              output by constants [C'], for which the kernel is scaled.
    Returns:  [B*T', H', W', C'], T' = T + sum(padding) - kernel frames + 1; H' and W' as
              `ConvSpec.output_size` has them.
    """

    def create(self, spec: ConvSpec, config: LayerConfig) -> None:
        """Makes the kernel and the bias."""
        frames, height, width = spec.kernel_size
        name, shape = "kernel", [frames, height, width, spec.input_filters, spec.filters]
        if config.stores_2d_kernels:
            shape = [frames, 1, *shape[3:]] if frames > 1 else shape[1:]
            if spec.depthwise:
                name, shape[2:] = "depthwise_kernel", [spec.filters, 1]
        elif spec.depthwise:
            shape[3] = 1
        self._kernel_name = name
        weight = self.add_weight(
            name, shape, initializer=config.initializer(), regularizer=config.kernel_penalty()
        )
        setattr(self, name, weight)
        self.bias = None
        if not spec.normalised:
            self.bias = self.add_weight(
                "bias", [spec.filters], initializer="zeros", regularizer=config.bias_penalty()
            )

    def call(
        self,
        x: tf.Tensor,
        num_frames: Dimension,
        padding: tuple[int, int] = (0, 0),
        affine: Affine | None = None,
    ) -> tf.Tensor:
        """Convolves; see the class."""
        spec: ConvSpec = self.spec
        frames, *window = spec.kernel_size
        kernel, bias = self.kernel_5d(), self.bias
        if affine is not None:
            scale, bias = (tf.cast(constant, kernel.dtype) for constant in affine)
            kernel *= scale[:, None] if spec.depthwise else scale
        strides = [1, spec.stride, spec.stride, 1]
        borders = "SAME" if spec.padding is None else "VALID"
        if spec.padding:
            # The ops could do this, but a depthwise one that does so, with a bias behind it, aborts
            # the process once it is compiled (TensorFlow 2.20).
            x = tf.pad(x, beside(spec.padding))
        if frames == 1:
            convolve = tf.nn.depthwise_conv2d if spec.depthwise else tf.nn.conv2d
            x = convolve(x, tf.squeeze(kernel, 0), strides, borders)
        elif spec.depthwise and window == [1, 1] and spec.stride == 1:
            kernel = tf.squeeze(kernel, 1)
            x = fold(depthwise_conv1d(unfold(x, num_frames), kernel, padding))
        elif spec.depthwise:
            clip = unfold(x, num_frames)
            return fold(depthwise_conv3d(clip, kernel, spec.stride, padding, bias, borders))
        else:
            clip = tf.pad(unfold(x, num_frames), [[0, 0], padding, [0, 0], [0, 0], [0, 0]])
            x = fold(self._full_conv3d(clip, kernel, borders))
        return x if bias is None else tf.nn.bias_add(x, bias)

    def kernel_5d(self) -> tf.Tensor:
        """Returns the kernel as [frames, height, width, in, out], or [..., C, 1] if depthwise."""
        spec: ConvSpec = self.spec
        widths = [spec.filters, 1] if spec.depthwise else [spec.input_filters, spec.filters]
        kernel = tf.convert_to_tensor(getattr(self, self._kernel_name))
        return tf.reshape(kernel, [*spec.kernel_size, *widths])

    def _full_conv3d(self, clip: tf.Tensor, kernel: tf.Tensor, borders: str) -> tf.Tensor:
        """A full convolution over time and space: `VALID` in time, `borders` in space."""
        stride = self.spec.stride
        if borders == "SAME":
            paddings = [[0, 0], [0, 0]]
            for size, window in zip(dimensions(clip)[2:4], self.spec.kernel_size[1:], strict=True):
                total = (strided_size(size, stride) - 1) * stride + window - size
                total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
                paddings.append([total // 2, total - total // 2])
            clip = tf.pad(clip, [*paddings, [0, 0]])
        return tf.nn.conv3d(clip, kernel, [1, 1, stride, stride, 1], "VALID")


class MobileConvolution(SpecLayer):
    """Holds a convolution one level down, where checkpoints of the mobile layout have it."""

    def create(self, spec: ConvSpec, config: LayerConfig) -> None:
        """Makes the convolution."""
        self._conv = Convolution(spec, config, "conv")

    def call(
        self,
        x: tf.Tensor,
        num_frames: Dimension,
        padding: tuple[int, int] = (0, 0),
        affine: Affine | None = None,
    ) -> tf.Tensor:
        """Convolves."""
        return self._conv(x, num_frames, padding, affine)


class ConvBlock(SpecLayer):
    """Convolution, batch norm and activation; streams if its kernel spans time causally.

    In the split layouts a kernel of several frames becomes a spatial and a temporal convolution,
    each with its own norm and activation, and the stream buffer sits between the two, where frames
    are already strided (section 3.2 of https://arxiv.org/abs/2103.11511).

    Call:     x [B*T, H, W, C]; reads and writes the states of its stream buffer.
    Returns:  ([B*T, H / stride, W / stride, C'], new states).
    """

    def create(self, spec: ConvSpec, config: LayerConfig) -> None:
        """Makes one or two convolutions with their norms, and the buffer."""
        frames, height, width = spec.kernel_size
        convolution = MobileConvolution if config.stores_2d_kernels else Convolution
        split = config.splits_time and frames > 1
        spatial = dataclasses.replace(spec, kernel_size=(1, height, width)) if split else spec
        self._conv = convolution(spatial, config, "conv")
        self._batch_norm = config.batch_norm(spec.filters, "bn") if spec.normalised else None
        self._conv_temporal = self._batch_norm_temporal = None
        if split:
            temporal = dataclasses.replace(
                spec,
                input_filters=spec.filters,
                kernel_size=(frames, 1, 1),
                stride=1,
                padding=None,
            )
            self._conv_temporal = convolution(temporal, config, "conv_temporal")
            if spec.normalised:
                self._batch_norm_temporal = config.batch_norm(spec.filters, "bn_temporal")
        self._stream_buffer = None
        if frames > 1 and config.causal:
            self._stream_buffer = StreamBuffer(frames - 1, spec.state_prefix)
        self._padding = temporal_padding(frames, config.causal, self._stream_buffer is not None)

    def call(
        self,
        x: tf.Tensor,
        num_frames: Dimension,
        states: States | None = None,
        training: bool | None = None,
    ) -> tuple[tf.Tensor, States]:
        """Convolves; see the class."""
        new_states: States = {}
        convolution, batch_norm = self._conv, self._batch_norm
        if self._conv_temporal is not None:
            x = self._step(x, convolution, batch_norm, num_frames, (0, 0), training)
            convolution, batch_norm = self._conv_temporal, self._batch_norm_temporal
        if self._stream_buffer is not None:
            x, num_frames, new_states = self._stream_buffer(x, num_frames, states or {})
        x = self._step(x, convolution, batch_norm, num_frames, self._padding, training)
        return x, new_states

    def _step(
        self,
        x: tf.Tensor,
        convolution: Convolution | MobileConvolution,
        batch_norm: tf_keras.layers.BatchNormalization | None,
        num_frames: Dimension,
        padding: tuple[int, int],
        training: bool | None,
    ) -> tf.Tensor:
        """Convolution, norm, activation; in inference the norm is part of the convolution."""
        name = self.spec.activation
        if batch_norm is not None and training:
            return normalise_and_activate(convolution(x, num_frames, padding), batch_norm, name)
        affine = None if batch_norm is None else running_affine(batch_norm)
        return activations.get(name)(convolution(x, num_frames, padding, affine))

    def output_size(self, size: Size) -> Size:
        """Returns the height or width of the output for that of the input."""
        return self.spec.output_size(size)

    def state_specs(self, batch: Size, height: Size, width: Size) -> dict[str, StateSpec]:
        """Returns the states for frames of that size at the input."""
        if self._stream_buffer is None:
            return {}
        if self._conv_temporal is not None:
            height, width = self.output_size(height), self.output_size(width)
            filters = self.spec.filters
        else:
            filters = self.spec.input_filters
        return self._stream_buffer.state_specs(
            (batch, height, width, filters), self.config.compute_dtype
        )
