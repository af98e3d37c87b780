"""What a run of the benchmark measures, as all its processes know it."""

import dataclasses
from typing import Any

from movinet.presets import PRESETS, Preset

CLIP_FRAMES = 8
BATCH_SIZE = 4
BASE, TRAINED_STREAM, MOBILE_STREAM = "base 3d", "stream 3d_2plus1d", "stream 2plus1d"
LAYOUTS = (BASE, TRAINED_STREAM, MOBILE_STREAM)
"""What users have: base models, streams as one trains them, and streams as they are published."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured, and how often.

    Attributes:
      image_size: height and width in pixels; 0 for the published one of each variant.
      repeats: rounds in which quick work takes turns, and runs of ours where the official one is
        slow.
      peer_repeats: rounds of work that takes the official implementation seconds; 0 for 3 of A0
        and 1 of larger models.
      threads: of TensorFlow and PyTorch.
      pytorch: folder of a checkout of the PyTorch port; '' for none.
      folder: for files that several measurements share; it is gone after the run.
    """

    model_ids: tuple[str, ...] = ("a0", "a1", "a2")
    image_size: int = 0
    repeats: int = 9
    peer_repeats: int = 0
    threads: int = 2
    pytorch: str = ""
    folder: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Returns what `dataclasses.asdict` has written."""
        return cls(**{**values, "model_ids": tuple(values["model_ids"])})

    def preset(self, model_id: str, layout: str) -> Preset:
        """Returns a variant in a layout such as `stream 2plus1d`, at the resolution of this run."""
        kind, conv_type = layout.split()
        published = PRESETS[f"{model_id}_{kind}"]
        size = self.image_size or published.image_size
        return dataclasses.replace(published, conv_type=conv_type, image_size=size)

    def slow_rounds(self, model_id: str) -> int:
        """Returns the rounds of work that takes the official implementation seconds."""
        return self.peer_repeats or (3 if model_id == "a0" else 1)

    def runs_in_slow_rounds(self, model_id: str) -> int:
        """Returns the runs of ours in each of them."""
        return max(1, round(self.repeats / self.slow_rounds(model_id)))
