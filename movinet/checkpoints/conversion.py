"""From a checkpoint in one layout of split convolutions to one in the other."""

import dataclasses
import os
from collections.abc import Callable

from movinet import comparison
from movinet.checkpoints import layouts, loading, saving
from movinet.classifier import MovinetClassifier
from movinet.comparison import Difference
from movinet.errors import InputError

TOLERANCE = 1e-5
_VIDEO_SHAPE = (2, 6, 64, 64, 3)


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A converted checkpoint.

    Attributes:
      path: of the new checkpoint.
      conv_type: the layouts before and after.
      difference: between the logits of both models on random video; None if it was not asked for.
    """

    path: str
    conv_type: tuple[str, str]
    difference: Difference | None


def convert_checkpoint(
    input_path: str,
    output_path: str | os.PathLike[str],
    build: Callable[[str], MovinetClassifier],
    conv_type: str = "2plus1d",
    *,
    verify: bool = True,
    tolerance: float = TOLERANCE,
) -> Conversion:
    """Reads a checkpoint in the layout 3d_2plus1d or 2plus1d and writes it in the other.

    Verification runs both models on the same random video, whole and, if they stream, frame by
    frame.

    Args:
      input_path: a checkpoint, or a folder of which the latest is taken.
      output_path: the new checkpoint is named this and `-1`.
      build: makes the network, with any weights, in a conv_type.
      conv_type: to convert to.
      tolerance: largest difference of the logits, as a part of the largest logit.

    Raises:
      InputError: the checkpoint cannot be read, does not fit the network, or is in a layout that
        cannot be converted.
      VerificationError: the difference is above the tolerance; nothing is written.
    """
    found = loading.find(input_path)
    before = layouts.detect(found)
    if before == conv_type:
        raise InputError(f"{found} is in the layout {conv_type} already.")
    original = build(before)
    loading.load(original, found)
    converted = layouts.convert(original, conv_type)
    difference = compare(original, converted) if verify else None
    if difference:
        difference.check(tolerance)
    return Conversion(saving.save(converted, output_path), (before, conv_type), difference)


def compare(original: MovinetClassifier, converted: MovinetClassifier) -> Difference:
    """Returns the largest difference of the logits of two models on the same random video."""
    num_frames = _VIDEO_SHAPE[1]
    cuts = [[num_frames]]
    if original.backbone.layer_config.causal:
        cuts.append([1] * num_frames)
    video = comparison.random_video(_VIDEO_SHAPE)
    return comparison.compare(original.run, converted.run, video, cuts)
