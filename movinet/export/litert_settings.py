"""What to make of a model when it is exported as a `.tflite` file."""

import dataclasses

from movinet.errors import InputError

PRECISIONS = (
    "float32",
    "float16",
    "dynamic",
    "int8_weights",
    "int_float_fallback",
    "int8",
    "int16x8",
)
"""What is in which numbers:

float16: weights. dynamic: weights in int8, activations quantised as they come. int8_weights:
weights in int8, computed with in float. int_float_fallback: weights and activations in int8, images
and states in float. int8: the same with images and stream buffers in int8. int16x8: weights in
int8, activations in int16, images and states in float. Sums of pools, counters and logits are never
quantised.
"""

CALIBRATED = ("int_float_fallback", "int8", "int16x8")
"""Those that need to see videos."""

STATE_LAYOUTS = ("5d", "4d")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to make of a model.

    Attributes:
      precision: one of `PRECISIONS`.
      state_layout: `5d` for the official states, `4d` for tensors of rank 4 at most.
      num_frames: of a clip, for models that do not stream; None for that of the evaluation.
      image_size: height and width in pixels; None for that of the evaluation.
      data: dataset or folder of videos to calibrate with and to compare on; '' for none.
      calibration_split, evaluation_split: of the data.
      calibration_videos, evaluation_videos: how many at most; 0 for all.
      evaluation_frames: of each video that streams are compared on; None for those of evaluation.
      tolerance: largest difference of the float graph's logits, as a part of the largest logit.
      min_agreement: smallest share of the videos at whose end a quantised model says what the
        float model says. Single frames are reported, but early ones are often a guess.
      keep_float: regular expressions of layers to leave in float.
    """

    precision: str = "float32"
    state_layout: str = "5d"
    num_frames: int | None = None
    image_size: int | None = None
    data: str = ""
    calibration_split: str = "train"
    evaluation_split: str = "validation"
    calibration_videos: int = 32
    evaluation_videos: int = 500
    evaluation_frames: int | None = None
    tolerance: float = 1e-4
    min_agreement: float = 0.98
    keep_float: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            names = ", ".join(PRECISIONS)
            raise InputError(f"No precision {self.precision!r}; choose one of {names}.")
        if self.state_layout not in STATE_LAYOUTS:
            names = ", ".join(STATE_LAYOUTS)
            raise InputError(f"No state_layout {self.state_layout!r}; choose one of {names}.")
        if self.precision in CALIBRATED and not self.data:
            raise InputError(
                f"The precision {self.precision} is calibrated on videos: name a dataset or a "
                "folder of videos."
            )
