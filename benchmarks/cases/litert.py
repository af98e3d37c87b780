"""One frame of a stream, and of a base clip, as LiteRT files with one and two threads.

The official file is the float32 one that its README makes; there is none of a base model, and no
integer one that keeps its accuracy, so ours of every kind stand beside it. Times are those of
`invoke` alone.
"""

import pathlib
from collections.abc import Callable
from typing import Any

from benchmarks import exported_files, peers
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import BASE, CLIP_FRAMES, MOBILE_STREAM, Settings
from benchmarks.table import threads_in_words
from benchmarks.timing import turns
from movinet import complexity

CASE = "litert"
_RUNS = 25
_COMPARED_FRAMES = 4
_THREADS = (1, 2)
_HEADLINES = ("float32 5d", "int8 5d", "base clip float32")


def jobs(settings: Settings) -> list[Job]:
    """A process for each model and number of threads."""
    return [
        Job(
            __name__,
            model_id,
            f"LiteRT, {threads_in_words(threads)}",
            15,
            threads,
            {"model_id": model_id, "threads": threads},
        )
        for model_id in settings.model_ids
        for threads in _THREADS
    ]


def work(name: str, threads: int) -> str:
    """Returns the words for a frame through a file of ours."""
    kind = "base clip, per frame" if name.startswith("base") else "stream, one frame"
    numbers = name.removeprefix("base clip ")
    return f"{kind}, LiteRT {numbers}, {threads_in_words(threads)}"


def measure(settings: Settings, model_id: str, threads: int) -> list[Line]:
    """Checks that the outputs in float32 agree, and times all files in turns."""
    files = exported_files.make(settings, model_id).litert
    size = settings.preset(model_id, MOBILE_STREAM).image_size
    video = peers.random_clip(1, _COMPARED_FRAMES, size, size, 3).numpy()
    expected = _stream(files[exported_files.OFFICIAL_LITERT], video)
    for name in ("float32 5d", "float32 4d"):
        peers.check_agreement(f"LiteRT {name}", _stream(files[name], video), expected)
    calls = {name: _invocation(path, threads) for name, path in files.items()}
    samples = turns(calls, rounds=settings.repeats, runs=_RUNS, warm_up=3)
    official = samples.pop(exported_files.OFFICIAL_LITERT)
    lines = []
    for name, times in samples.items():
        frames = CLIP_FRAMES if name.startswith("base") else 1
        lines += compare(
            {"official": official, "ours": [seconds / frames for seconds in times]},
            case=CASE,
            model_id=model_id,
            work=work(name, threads),
            unit="ms",
            scale=1e3,
            headline=name in _HEADLINES and threads == 1,
            multiply_adds=_multiply_adds(settings, model_id, name),
            threads=threads,
            num_frames=1,
        )
    return lines


def _multiply_adds(settings: Settings, model_id: str, name: str) -> int:
    """Those of one frame, if the file computes in float32."""
    if name.startswith("base"):
        base = complexity.count(settings.preset(model_id, BASE))
        count = round(base.multiply_adds(CLIP_FRAMES) / CLIP_FRAMES)
    else:
        count = complexity.count(settings.preset(model_id, MOBILE_STREAM)).multiply_adds(1)
    computes_in_float = any(kind in name for kind in ("float32", "float16", "int8_weights"))
    return count if computes_in_float else 0


def _stream(path: pathlib.Path, video: Any) -> Any:
    """The logits after the last frame of a video [1, T, H, W, 3]."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()
    details = runner.get_input_details()
    states = {
        name: np.zeros(detail["shape"], detail["dtype"])
        for name, detail in details.items()
        if name != "image"
    }
    logits = None
    for frame in np.split(video, video.shape[1], axis=1):
        outputs = runner(image=frame.reshape(details["image"]["shape"]), **states)
        logits = outputs.pop("logits")
        states = outputs
    return logits


def _invocation(path: pathlib.Path, threads: int) -> Callable[[], Any]:
    """A call of `invoke`, at the start of a video."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    return interpreter.invoke
