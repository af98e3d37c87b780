"""Clips a second from record files to batches; see `benchmarks.input_pipeline`."""

from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import Settings
from movinet.presets import PRESETS

# Single rounds differ by a tenth and more.
_ROUNDS = 5


def jobs(settings: Settings) -> list[Job]:
    """One process: the work is the same for all models."""
    return [Job(__name__, "", "input pipeline", 90, settings.threads)]


def measure(settings: Settings) -> list[Line]:
    """Checks that the batches agree, and times both pipelines in turns."""
    from benchmarks import input_pipeline

    published = PRESETS[f"{settings.model_ids[0]}_base"]
    size = settings.image_size or published.image_size
    asked = input_pipeline.InputSettings(image_size=size, rounds=min(_ROUNDS, settings.repeats))
    lines = []
    for row in input_pipeline.measure(asked):
        lines += compare(
            {name: row[name] for name in ("official", "ours")},
            case="input_pipeline",
            model_id="",
            work=f"input pipeline, {row['work']}, {asked.num_frames} x {size} x {size}",
            unit=row["unit"],
            more_is_better=True,
            headline=row["work"].startswith(input_pipeline.TRAINING),
            threads=settings.threads,
        )
    return lines
