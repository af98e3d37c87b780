"""Draws the sample dataset: clips of 2 seconds in class folders, the class being the motion.

python3 tools/make_sample_dataset.py --output=runs/sample/videos
"""

import pathlib
import time

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli

_OUTPUT = flags.DEFINE_string("output", None, "Folder to write to.", required=True)
_SEED = flags.DEFINE_integer("seed", 0, "Seed; the same one gives the same bytes.", lower_bound=0)
_PREVIEW = flags.DEFINE_string("preview", "", "PNG file for a picture of a clip of each class.")
_WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 for one per core.", lower_bound=0)


def main() -> None:
    """Draws the clips and prints what was drawn."""
    from movinet.data import preview, sample

    start = time.monotonic()
    output = pathlib.Path(_OUTPUT.value)
    count = sample.write_sample_dataset(output, seed=_SEED.value, workers=_WORKERS.value)
    megabytes = sum(path.stat().st_size for path in output.rglob("*.mp4")) / 1e6
    print(f"{count} clips of {len(sample.MOTIONS)} classes ({megabytes:.1f} MB) in {output}")
    if _PREVIEW.value:
        preview.write_preview(output / "train", pathlib.Path(_PREVIEW.value))
        print(f"preview: {_PREVIEW.value}")
    print(f"drawn in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    cli.run(main)
