"""One frame of a stream through the SavedModels, states going in and out."""

from collections.abc import Callable
from typing import Any

from benchmarks import exported_files, peers, pytorch_port
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import MOBILE_STREAM, Settings
from benchmarks.timing import turns
from movinet import complexity

CASE = "saved_model"
_RUNS = 15
_COMPARED_FRAMES = 4


def jobs(settings: Settings) -> list[Job]:
    """A process for each model."""
    found = []
    for model_id in settings.model_ids:
        arguments = {"model_id": model_id}
        found.append(
            Job(__name__, model_id, "SavedModel, one frame", 20, settings.threads, arguments)
        )
        found += pytorch_port.jobs(settings, model_id, CASE)
    return found


def line(settings: Settings, model_id: str, layout: str = MOBILE_STREAM) -> dict:
    """Returns what a line of this work says besides its measurements."""
    return {
        "case": CASE,
        "model_id": model_id,
        "work": "stream, one frame, SavedModel",
        "unit": "ms",
        "headline": True,
        "multiply_adds": complexity.count(settings.preset(model_id, layout)).multiply_adds(1),
        "threads": settings.threads,
        "num_frames": 1,
    }


def measure(settings: Settings, model_id: str) -> list[Line]:
    """Checks that the outputs agree, and times them in turns."""
    from movinet.export import measurements

    exports = exported_files.make(settings, model_id)
    networks = {
        name: measurements.load(exports.saved_model(name)) for name in exported_files.SAVED_MODELS
    }
    size = settings.preset(model_id, MOBILE_STREAM).image_size
    frames = [peers.random_clip(1, 1, size, size, 3, seed=i) for i in range(_COMPARED_FRAMES)]
    logits = {name: _stream(network, frames) for name, network in networks.items()}
    for name, found in logits.items():
        peers.check_agreement(name, found, logits["official"])
    calls = {name: _frame_call(network, frames[0]) for name, network in networks.items()}
    samples = turns(calls, rounds=settings.repeats, runs=_RUNS, warm_up=3)
    return compare(samples, scale=1e3, **line(settings, model_id))


def _stream(network: Any, frames: list[Any]) -> Any:
    """The logits after the last frame."""
    states: dict[str, Any] = {}
    logits = None
    for frame in frames:
        logits, states = network({**states, "image": frame})
    return logits


def _frame_call(network: Any, frame: Any) -> Callable[[], Any]:
    """A call that reads a frame with the states of the one before."""
    kept: dict[str, Any] = dict(network({"image": frame})[1])

    def call() -> None:
        outputs = network.function(image=frame, **kept)
        outputs.pop("logits").numpy()
        kept.update(outputs)

    return call
