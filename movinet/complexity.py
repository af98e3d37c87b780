"""Parameters and multiply-adds computed from an architecture alone, without building it."""

import dataclasses

from movinet.architectures import (
    ARCHITECTURES,
    Architecture,
    BottleneckSpec,
    squeeze_excitation_filters,
)
from movinet.presets import Preset

# Learned and running, each: scale, shift, mean and variance.
_NORM_WEIGHTS = 4


@dataclasses.dataclass(frozen=True)
class Cost:
    """Weights, and multiply-adds for one frame and for one clip besides its frames."""

    parameters: int = 0
    frame: int = 0
    clip: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.parameters + other.parameters, self.frame + other.frame, self.clip + other.clip
        )

    def multiply_adds(self, num_frames: int) -> int:
        """Returns the multiply-adds of a clip of that many frames."""
        return self.frame * num_frames + self.clip


def _convolution(taps: int, inputs: int, outputs: int, pixels: int) -> Cost:
    weights = taps * inputs * outputs
    return Cost(weights + _NORM_WEIGHTS * outputs, weights * pixels)


def _feature(layer: BottleneckSpec, preset: Preset, pixels: int) -> Cost:
    frames, height, width = layer.kernel_size
    filters = layer.expand_filters
    if frames == 1 or preset.conv_type == "3d":
        return _convolution(frames * height * width, 1, filters, pixels)
    spatial = _convolution(height * width, 1, filters, pixels)
    return spatial + _convolution(frames, 1, filters, pixels)


def _squeeze_excitation(layer: BottleneckSpec, preset: Preset) -> Cost:
    if preset.se_type == "none":
        return Cost()
    filters = layer.expand_filters
    pooled = filters * (2 if preset.se_type == "2plus3d" else 1)
    hidden = squeeze_excitation_filters(filters, preset.se_type)
    weights = hidden * (pooled + filters)
    parameters = weights + hidden + filters
    if preset.causal and preset.use_positional_encoding:
        parameters += 1
    per_frame = preset.causal or preset.se_type != "3d"
    return Cost(parameters, weights, 0) if per_frame else Cost(parameters, 0, weights)


def _bottleneck(layer: BottleneckSpec, preset: Preset, pixels_in: int, pixels_out: int) -> Cost:
    width = layer.expand_filters
    cost = _convolution(1, layer.input_filters, width, pixels_in)
    cost += _feature(layer, preset, pixels_out)
    cost += _squeeze_excitation(layer, preset)
    cost += _convolution(1, width, layer.filters, pixels_out)
    if layer.needs_skip_projection:
        cost += _convolution(1, layer.input_filters, layer.filters, pixels_out)
    return cost + Cost(parameters=1)


def count(preset: Preset, num_classes: int = 600) -> Cost:
    """Returns the cost of a variant at its published resolution.

    A multiply-add counts once. Norms, activations and pools count nothing, as is the custom.
    """
    architecture: Architecture = ARCHITECTURES[preset.model_id]
    size = -(-preset.image_size // architecture.stem.stride)
    frames, height, width = architecture.stem.kernel_size
    cost = _convolution(frames * height * width, 3, architecture.stem.filters, size**2)
    for layer in architecture.walk():
        output_size = -(-size // layer.stride)
        cost += _bottleneck(layer, preset, size**2, output_size**2)
        size = output_size
    head = architecture.head
    cost += _convolution(1, architecture.output_filters, head.project_filters, size**2)
    hidden = head.project_filters * head.head_filters
    logits = head.head_filters * num_classes
    return cost + Cost(hidden + head.head_filters + logits + num_classes, 0, hidden + logits)
