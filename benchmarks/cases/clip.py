"""A whole clip through the Keras models."""

from benchmarks import cases, peers
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import CLIP_FRAMES, Settings
from benchmarks.timing import turns
from movinet import complexity

CASE = "clip"

# From our model with random weights and its variant to a call that takes a clip [B, T, H, W, 3].
SUBJECTS = {
    "official": lambda model, preset: peers.inference(peers.official_like(model, preset)),
    "ours": lambda model, preset: peers.inference(model),
}


def jobs(settings: Settings) -> list[Job]:
    """A process for each layout of each model."""
    return cases.jobs_of_layouts(CASE, settings, lambda *_: 25)


def line(settings: Settings, model_id: str, layout: str) -> dict:
    """Returns what a line of this work says besides its measurements."""
    cost = complexity.count(settings.preset(model_id, layout))
    return {
        "case": CASE,
        "model_id": model_id,
        "work": f"{layout}, {CLIP_FRAMES}-frame clip",
        "unit": "ms",
        "headline": True,
        "multiply_adds": cost.multiply_adds(CLIP_FRAMES),
        "threads": settings.threads,
        "num_frames": CLIP_FRAMES,
    }


def measure(settings: Settings, model_id: str, layout: str) -> list[Line]:
    """Checks that the outputs agree, and times them in turns."""
    preset = settings.preset(model_id, layout)
    model = peers.build_ours(preset)
    peers.randomise(model)
    clip = peers.random_clip(1, CLIP_FRAMES, preset.image_size, preset.image_size, 3)
    runs = {name: make(model, preset) for name, make in SUBJECTS.items()}
    logits = {name: run(clip).numpy() for name, run in runs.items()}
    for name, found in logits.items():
        peers.check_agreement(f"{name} ({layout})", found, logits["official"])
    samples = turns(
        {name: lambda run=run: run(clip).numpy() for name, run in runs.items()},
        rounds=max(3, settings.slow_rounds(model_id)),
        runs={name: 1 if name == "official" else settings.repeats for name in runs},
        warm_up=0,
    )
    return compare(samples, scale=1e3, **line(settings, model_id, layout))
