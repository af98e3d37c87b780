"""The peak of memory of a training step.

Measured is the largest resident memory of the process while a step runs, above what it held before
the model existed: weights, gradients, activations, and what the allocator keeps. The step that is
measured comes after a first one, whose own peak holds tracing and compiling too.
"""

from benchmarks import memory
from benchmarks.cases import training
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import BASE, BATCH_SIZE, CLIP_FRAMES, TRAINED_STREAM, Settings

CASE = "training_memory"
_SECONDS = {"official": 60, "ours": 15}


def jobs(settings: Settings) -> list[Job]:
    """A process for each subject and layout that one trains, of the first model."""
    model_id = settings.model_ids[0]
    found = []
    for layout in (BASE, TRAINED_STREAM):
        for subject in training.SUBJECTS:
            arguments = {"model_id": model_id, "layout": layout, "subject": subject}
            expected = _SECONDS["official" if subject == "official" else "ours"]
            words = f"memory of training, {layout}, {subject}"
            found.append(Job(__name__, model_id, words, expected, settings.threads, arguments))
    return found


def measure(settings: Settings, model_id: str, layout: str, subject: str) -> list[Line]:
    """Trains two steps."""
    preset = settings.preset(model_id, layout)
    training.SUBJECTS[subject](settings.preset("a0", layout))  # What imports take is no model.
    before = memory.resident()
    model = training.SUBJECTS[subject](preset)
    clips, labels = training.batch(preset.image_size)
    step = training.training_step(model)
    first = memory.peak_of(lambda: step(clips, labels).numpy()) - before
    later = memory.peak_of(lambda: step(clips, labels).numpy()) - before
    common = {"case": CASE, "model_id": model_id, "unit": "MB", "threads": settings.threads}
    size = f"{BATCH_SIZE} x {CLIP_FRAMES} frames"
    return [
        *compare(
            {subject: [later]},
            work=f"{layout}, peak memory of a training step, {size}",
            headline=True,
            **common,
        ),
        *compare(
            {subject: [first]},
            work=f"{layout}, peak memory of the first training step (trace included)",
            **common,
        ),
    ]
