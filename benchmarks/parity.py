r"""Largest difference of our logits to the official ones, for every variant on the same weights.

    python3 benchmarks/parity.py

Every variable is random (a fresh network's branches are multiplied by zero), the clip is noise, and
weights travel through a checkpoint. The last column is the control: the same clip backwards.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("", "tests")]

from absl import app, flags  # noqa: E402

_MODEL_IDS = flags.DEFINE_list(
    "model_ids", ["a0", "a1", "a2", "a3", "a4", "a5", "t0"], "Architectures (default all)."
)
_PIXELS = flags.DEFINE_integer("image_size", 64, "Height and width in pixels (default 64).")
_FRAMES = flags.DEFINE_integer("frames", 4, "Frames of the clip (default 4).")

POSITIONAL_ENCODING = {"a3", "a4", "a5"}
NUM_CLASSES = 600


def main(_: list[str]) -> None:
    """Prints the table."""
    import models
    import oracle
    from peers import share_weights

    print("| variant | largest difference / largest logit | control |\n|---|---|---|", flush=True)
    for model_id in _MODEL_IDS.value:
        for layout, choices in models.LAYOUTS.items():
            encoding = model_id in POSITIONAL_ENCODING and layout.startswith("stream")
            choices = {**choices, "use_positional_encoding": encoding}
            official = oracle.build(model_id, NUM_CLASSES, **choices)
            ours = models.build(model_id, NUM_CLASSES, **choices)
            share_weights(ours, official)
            clip = models.random_clip(1, _FRAMES.value, _PIXELS.value, _PIXELS.value, 3)
            expected = official({"image": clip})
            difference = models.relative_difference(ours(clip), expected)
            control = models.relative_difference(ours(clip[:, ::-1]), expected)
            name = f"{model_id} {layout}" + (" with positional encoding" if encoding else "")
            print(f"| {name} | {difference:.1e} | {control:.1e} |", flush=True)


if __name__ == "__main__":
    app.run(main)
