r"""One frame of a stream, and base clips, as SavedModel and LiteRT file: ours beside the official.

    python3 benchmarks/streaming.py

Both are exported from the same random weights, by the official tool and by ours, and must agree to
1e-4 of the largest logit before anything is timed. Official LiteRT files are what its README makes:
float32 from the SavedModel of one frame. There is no official LiteRT file of a base model, and no
official integer file that works, so ours stand beside the official float32 stream. Files take turns
in rounds, and a round's time is its median; the table holds medians of rounds. LiteRT times are
`invoke` alone; integers are calibrated on noise, which is enough for their speed.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("", "tests")]

from absl import flags  # noqa: E402

from movinet import cli  # noqa: E402

_MODEL_IDS = flags.DEFINE_list("model_ids", ["a0"], "Architectures (default a0).")
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds in which all take turns (default 9).")
_RUNS = flags.DEFINE_integer("runs", 25, "Runs a round (default 25).")
_CLIP = flags.DEFINE_integer("clip_frames", 8, "Frames of a base clip (default 8).")

NUM_CLASSES = 600
TOLERANCE = 1e-4
OFFICIAL = "official float32"


def main() -> None:
    """Prints one table a model."""
    cli.quieten()
    for model_id in _MODEL_IDS.value:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n### {model_id}\n", flush=True)
            measure(model_id, pathlib.Path(folder))


def measure(model_id: str, folder: pathlib.Path) -> None:
    """Exports, checks, times and prints."""
    import models
    import tensorflow as tf
    from litert_runs import run

    from movinet.export import exported_model, litert_graph
    from movinet.presets import PRESETS

    pixels = PRESETS[f"{model_id}_stream"].image_size
    choices = {**models.LAYOUTS["stream_2plus1d"]}
    ours = models.build(model_id, NUM_CLASSES, **choices)
    shape = (1, 1, pixels, pixels, 3)

    started = time.perf_counter()
    official_path = export_official(model_id, ours, choices, shape, folder)
    official = tf.lite.TFLiteConverter.from_saved_model(official_path).convert()
    official_seconds = time.perf_counter() - started
    started = time.perf_counter()
    float32 = litert_graph.convert(ours, height=pixels, width=pixels)
    our_seconds = time.perf_counter() - started
    print(
        f"Weights to LiteRT file: official {official_seconds:.0f} s, ours {our_seconds:.1f} s "
        f"(1/{official_seconds / our_seconds:.0f})\n"
    )
    base = models.build(model_id, NUM_CLASSES)
    clip = litert_graph.convert(base, height=pixels, width=pixels, num_frames=_CLIP.value)
    files = {
        OFFICIAL: official,
        "ours float32": float32,
        "ours float32 4d": litert_graph.convert(
            ours, height=pixels, width=pixels, state_layout="4d"
        ),
        **integers(ours, pixels),
        "ours base clip float32": clip,
    }
    video = models.random_clip(1, 6, pixels, pixels, 3).numpy()
    expected = run(official, video)
    for name in ("ours float32", "ours float32 4d"):
        difference = models.relative_difference(run(files[name], video), expected)
        assert difference < TOLERANCE, (name, difference)
    print("| LiteRT, one frame | MB | 1 thread, ms | ratio | 2 threads, ms | ratio |")
    print("|---|---|---|---|---|---|")
    columns = [litert_times(files, threads) for threads in (1, 2)]
    for name, content in files.items():
        frames = _CLIP.value if "clip" in name else 1
        cells = []
        for column in columns:
            per_frame = column[name] / frames
            cells.append(f"{1000 * per_frame:.2f} | {column[OFFICIAL] / per_frame:.2f}")
        print(f"| {name} | {len(content) / 1e6:.1f} | {' | '.join(cells)} |", flush=True)

    exported_model.write(exported_model.prepare(ours, shape), folder / "ours", shape, False)
    calls = {
        "official": saved_model_call(official_path, pixels),
        "ours": saved_model_call(str(folder / "ours"), pixels),
    }
    times = turns(calls)
    print("\n| SavedModel, one frame | ms | official / ours |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {1000 * seconds:.2f} | {times['official'] / seconds:.2f} |", flush=True)


def export_official(
    model_id: str, ours: Any, choices: dict[str, Any], shape: tuple, folder: pathlib.Path
) -> str:
    """Exports a SavedModel of one frame by the official tool, with our weights."""
    import oracle
    from official.projects.movinet.tools import export_saved_model
    from peers import share_weights

    official_choices = {**choices, "use_external_states": True, "use_sync_bn": False}
    official = oracle.build(model_id, NUM_CLASSES, output_states=True, **official_choices)
    share_weights(ours, official)
    path = str(folder / "official")
    export_saved_model.export_saved_model(
        official, shape, path, causal=True, bundle_input_init_states_fn=False
    )
    return path


def integers(model: Any, pixels: int) -> dict[str, bytes]:
    """Returns the file in smaller numbers, calibrated on noise."""
    import models

    from movinet.export import calibration, litert_graph, quantization

    found = {}
    for layout in ("5d", "4d"):
        size = {"height": pixels, "width": pixels, "state_layout": layout}
        content = litert_graph.convert(model, split_hard_swish=True, **size)
        video = models.random_clip(6, pixels, pixels, 3).numpy()
        ranges = calibration.observe(content, calibration.feeds(content, [video]))
        found[f"ours int8 {layout}"] = quantization.quantize(content, "int8", ranges)
    plain = litert_graph.convert(model, height=pixels, width=pixels)
    for precision in ("float16", "dynamic"):
        found[f"ours {precision}"] = quantization.quantize(plain, precision)
    return found


def litert_times(files: dict[str, bytes], threads: int) -> dict[str, float]:
    """Returns the seconds of one `invoke` of each file."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    calls = {}
    for name, content in files.items():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        calls[name] = interpreter.invoke
    return turns(calls)


def saved_model_call(path: str, pixels: int) -> Callable[[], Any]:
    """Returns a call that reads one frame with the states of the one before."""
    import tensorflow as tf

    root = tf.saved_model.load(path)
    function = root.signatures["serving_default"]
    specs = function.structured_input_signature[1]
    states = {name: tf.zeros(s.shape, s.dtype) for name, s in specs.items() if name != "image"}
    image = tf.random.uniform([1, 1, pixels, pixels, 3])

    def call(root: Any = root) -> None:
        outputs = function(image=image, **states)
        outputs["logits"].numpy()
        states.update({name: value for name, value in outputs.items() if name != "logits"})

    return call


def turns(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Returns the median over rounds of the median time of each call, all taking turns."""
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(3):
            call()
    for _ in range(_ROUNDS.value):
        for name, call in calls.items():
            times = []
            for _ in range(_RUNS.value):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
            rounds[name].append(statistics.median(times))
    return {name: statistics.median(times) for name, times in rounds.items()}


if __name__ == "__main__":
    cli.run(main)
