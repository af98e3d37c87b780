"""The published variants: a0_base ... a5_stream, t0_base, t0_stream, and all that belongs to each.

Accuracy, input and GFLOPs are those of the tables in the official README (single clip, Kinetics
600); strides and short sides are those of its recipes `movinet_{variant}_k600_8x8.yaml`.
"""

import dataclasses
import math
from typing import Any

SOURCE_FPS = 25.0


@dataclasses.dataclass(frozen=True)
class Preset:
    """One published variant.

    Attributes:
      conv_type: layout of the published checkpoint; streams are trained as `training_conv_type`.
      classifier_activation: of the classifier's hidden layer.
      num_frames, image_size, temporal_stride: of the evaluation clip, in frames and pixels.
      min_image_size: short side in pixels that frames are resized to before the centre crop.
      top1, top5: published accuracy on Kinetics 600 in percent, where there is one.
      gflops: published multiply-adds of the evaluation clip in 1e9, where there are any.
      parameters: of the official model with 600 classes.
    """

    name: str
    model_id: str
    causal: bool
    conv_type: str
    training_conv_type: str
    se_type: str
    activation: str
    gating_activation: str
    classifier_activation: str
    use_positional_encoding: bool
    dropout_rate: float
    num_frames: int
    image_size: int
    temporal_stride: int
    min_image_size: int
    top1: float
    top5: float | None
    gflops: float | None
    parameters: int

    @property
    def fps(self) -> float:
        """Frames a second that the model expects, Kinetics being at about 25."""
        return SOURCE_FPS / self.temporal_stride

    def backbone_arguments(self) -> dict[str, Any]:
        """Returns the keyword arguments of `Movinet` for this variant."""
        names = (
            "model_id",
            "causal",
            "conv_type",
            "se_type",
            "activation",
            "gating_activation",
            "use_positional_encoding",
        )
        return {name: getattr(self, name) for name in names}


# model_id: frames, pixels, stride, short side, GFLOPs.
_INPUTS: dict[str, tuple[int, int, int, int, float | None]] = {
    "a0": (50, 172, 5, 192, 2.7),
    "a1": (50, 172, 5, 192, 6.0),
    "a2": (50, 224, 5, 256, 10.0),
    "a3": (120, 256, 2, 288, 57.0),
    "a4": (80, 290, 3, 320, 110.0),
    "a5": (120, 320, 2, 368, 280.0),
    "t0": (25, 160, 10, 176, None),
}
# model_id: top-1, top-5, dropout rate, parameters.
_Results = dict[str, tuple[float, float | None, float, int]]
_BASE: _Results = {
    "a0": (72.28, 90.92, 0.2, 3_126_071),
    "a1": (76.69, 93.40, 0.5, 4_717_912),
    "a2": (78.62, 94.17, 0.5, 5_280_922),
    "a3": (81.79, 95.67, 0.5, 7_443_289),
    "a4": (83.48, 96.16, 0.5, 11_422_727),
    "a5": (84.27, 96.39, 0.5, 18_763_355),
    "t0": (68.40, None, 0.2, 1_740_502),
}
_STREAM: _Results = {
    "a0": (72.05, 90.63, 0.2, 3_765_983),
    "a1": (76.45, 93.25, 0.2, 6_481_560),
    "a2": (78.40, 94.05, 0.5, 7_366_050),
    "a3": (80.09, 94.84, 0.5, 11_043_146),
    "a4": (81.49, 95.66, 0.5, 18_228_326),
    "a5": (82.37, 95.79, 0.5, 31_636_734),
    "t0": (67.17, None, 0.2, 2_385_118),
}
# "For the larger models accuracy is significantly worse without positional encoding."
_POSITIONAL_ENCODING = {"a3", "a4", "a5"}


def _base(model_id: str) -> Preset:
    frames, pixels, stride, short_side, gflops = _INPUTS[model_id]
    top1, top5, dropout_rate, parameters = _BASE[model_id]
    return Preset(
        name=f"{model_id}_base",
        model_id=model_id,
        causal=False,
        conv_type="3d",
        training_conv_type="3d",
        se_type="3d",
        activation="swish",
        gating_activation="sigmoid",
        classifier_activation="swish",
        use_positional_encoding=False,
        dropout_rate=dropout_rate,
        num_frames=frames,
        image_size=pixels,
        temporal_stride=stride,
        min_image_size=short_side,
        top1=top1,
        top5=top5,
        gflops=gflops,
        parameters=parameters,
    )


def _stream(model_id: str) -> Preset:
    top1, top5, dropout_rate, parameters = _STREAM[model_id]
    return dataclasses.replace(
        _base(model_id),
        name=f"{model_id}_stream",
        causal=True,
        conv_type="2plus1d",
        training_conv_type="3d_2plus1d",
        se_type="2plus3d",
        activation="hard_swish",
        gating_activation="hard_sigmoid",
        # The published exports of A0-A2 agree with swish here to 1e-4 (parity tests of the PyTorch
        # port), as do the README and the export script; some recipes say hard_swish.
        classifier_activation="swish",
        use_positional_encoding=model_id in _POSITIONAL_ENCODING,
        dropout_rate=dropout_rate,
        top1=top1,
        top5=top5,
        parameters=parameters,
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset for make in (_base, _stream) for preset in map(make, _INPUTS)
}


@dataclasses.dataclass(frozen=True)
class EnsemblePreset:
    """A published variant that averages the logits of others (`movinet.Ensemble`).

    It reads video at the lowest rate that holds the frames of all members.

    Attributes:
      members: the variants that it is made of.
      top1, top5: published accuracy on Kinetics 600 in percent, where there is one.
    """

    name: str
    members: tuple[Preset, ...]
    top1: float | None = None
    top5: float | None = None

    @property
    def temporal_stride(self) -> int:
        """From one frame of the video to the next that a member reads, at most."""
        return math.gcd(*(member.temporal_stride for member in self.members))

    @property
    def fps(self) -> float:
        """Frames a second that the ensemble expects."""
        return SOURCE_FPS / self.temporal_stride

    @property
    def num_frames(self) -> int:
        """Of a clip that is as long as the longest of the members'."""
        spans = (member.num_frames * member.temporal_stride for member in self.members)
        return max(spans) // self.temporal_stride

    @property
    def image_size(self) -> int:
        """Height and width of the frames in pixels: the largest of the members'."""
        return max(member.image_size for member in self.members)

    @property
    def gflops(self) -> float:
        """Published multiply-adds of the members' evaluation clips in 1e9."""
        return sum(member.gflops or 0.0 for member in self.members)

    @property
    def parameters(self) -> int:
        """Of all members, with 600 classes."""
        return sum(member.parameters for member in self.members)


def _a6(kind: str, top1: float | None = None) -> EnsemblePreset:
    name = f"a6_{kind}"
    return EnsemblePreset(name, tuple(PRESETS[f"{part}_{kind}"] for part in ("a4", "a5")), top1)


# The accuracy is that of the first page of the official README; nobody publishes one of a stream.
ENSEMBLES: dict[str, EnsemblePreset] = {
    ensemble.name: ensemble for ensemble in (_a6("base", top1=84.8), _a6("stream"))
}
