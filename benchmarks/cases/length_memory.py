"""The peak of memory against the length of the video: whole clips, and frame by frame.

Measured as in `training_memory`, for inference. A base model reads the whole clip at once, so its
memory grows with the video; a stream reads one frame after the other with states.
"""

from collections.abc import Callable
from typing import Any

from benchmarks import memory, peers
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import BASE, MOBILE_STREAM, Settings

CASE = "length_memory"
LENGTHS = (8, 16, 32, 64)
_SECONDS = {"official": 60, "ours": 15}

Run = Callable[[int, int], Any]


def _whole_clip(model: Any) -> Run:
    run = peers.inference(model)
    return lambda frames, size: run(peers.random_clip(1, frames, size, size, 3)).numpy()


def _frame_by_frame(step: Callable[[dict[str, Any]], Any], init_states: Callable) -> Run:
    def run(frames: int, size: int) -> None:
        states = init_states([1, 1, size, size, 3])
        for index in range(frames):
            image = peers.random_clip(1, 1, size, size, 3, seed=index)
            logits, states = step({**states, "image": image})
            logits.numpy()

    return run


def _official_stream(preset: Any) -> Run:
    import tensorflow as tf

    model = peers.build_official(preset, output_states=True, use_external_states=True)
    return _frame_by_frame(tf.function(model), model.init_states)


def _our_stream(preset: Any) -> Run:
    stream = peers.build_ours(preset).stream()
    return _frame_by_frame(stream, stream.init_states)


# From a variant to what reads so many frames of so many pixels.
SUBJECTS: dict[str, dict[str, Callable[[Any], Run]]] = {
    "base, whole clip": {
        "official": lambda preset: _whole_clip(peers.build_official(preset)),
        "ours": lambda preset: _whole_clip(peers.build_ours(preset)),
    },
    "stream, frame by frame": {"official": _official_stream, "ours": _our_stream},
}


def jobs(settings: Settings) -> list[Job]:
    """A process for each way of reading and each subject, for the first model alone."""
    model_id = settings.model_ids[0]
    return [
        Job(
            __name__,
            model_id,
            f"memory, {way}, {subject}",
            _SECONDS["official" if subject == "official" else "ours"],
            settings.threads,
            {"model_id": model_id, "way": way, "subject": subject},
        )
        for way, subjects in SUBJECTS.items()
        for subject in subjects
    ]


def work(way: str, frames: int) -> str:
    """Returns the words for a video of that many frames."""
    return f"{way}, peak memory, {frames} frames"


def measure(settings: Settings, model_id: str, way: str, subject: str) -> list[Line]:
    """Reads ever longer videos; each a first time too, for what is traced and compiled."""
    preset = settings.preset(model_id, BASE if way.startswith("base") else MOBILE_STREAM)
    make = SUBJECTS[way][subject]
    make(preset)(1, preset.image_size)  # What imports and the first call of all take is no model.
    before = memory.resident()
    run = make(preset)
    lines = []
    for frames in LENGTHS:
        run(frames, preset.image_size)
        peak = memory.peak_of(lambda frames=frames: run(frames, preset.image_size)) - before
        lines += compare(
            {subject: [peak]},
            case=CASE,
            model_id=model_id,
            work=work(way, frames),
            unit="MB",
            threads=settings.threads,
            num_frames=frames,
        )
    return lines
