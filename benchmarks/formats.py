r"""Size, latency and agreement of one trained model in every precision of LiteRT.

    python3 benchmarks/formats.py --model_dir=runs/sample

Each precision is exported as tools/export_litert.py does, calibrated on training videos, and
compared with the float32 file on the test videos: once at the length of the evaluation and once at
ten times that, looped. Latency is the median of rounds in which the files take turns, one thread,
states going in and out.
"""

import os
import pathlib
import statistics
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from movinet import cli

_MODEL_DIR = flags.DEFINE_string("model_dir", "runs/sample", "Folder of a training run.")
_SPLIT = flags.DEFINE_string("split", "test", "Split to compare on (default test).")
_LONGER = flags.DEFINE_integer("longer", 10, "Times the length of the evaluation (default 10).")
_LONG_VIDEOS = flags.DEFINE_integer("long_videos", 80, "Videos at that length (default 80).")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds of timing (default 5).")


def main() -> None:
    """Prints the table."""
    cli.quieten()
    from movinet.export import agreement, litert, prepared_videos, run_folder, sources
    from movinet.export.litert_settings import PRECISIONS, Settings
    from movinet.streaming.litert_model import LiteRtModel

    source = sources.from_model_dir(_MODEL_DIR.value)
    data = run_folder.find_dataset(_MODEL_DIR.value)
    with tempfile.TemporaryDirectory() as folder:
        exports = {}
        for precision in PRECISIONS:
            settings = Settings(
                precision, data=data, evaluation_split=_SPLIT.value, min_agreement=0.0
            )
            path = pathlib.Path(folder, f"{precision}.tflite")
            exports[precision] = litert.export(source, path, settings)
            print(f"exported {precision}", file=sys.stderr, flush=True)
        models = {name: LiteRtModel(export.path) for name, export in exports.items()}
        rounds: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(_ROUNDS.value):
            for name, model in models.items():
                rounds[name].append(litert.seconds_per_frame(model))
        times = {name: statistics.median(found) for name, found in rounds.items()}
        float32 = models["float32"]
        frames = _LONGER.value * source.info.preprocessing.num_frames
        videos = list(
            prepared_videos.read(
                data,
                source.info,
                split=_SPLIT.value,
                num_frames=frames,
                limit=_LONG_VIDEOS.value,
            )
        )
        print(
            "| precision | MB | ms a frame | same answer: videos | frames | accuracy | at "
            f"{frames} frames |\n|---|---|---|---|---|---|---|"
        )
        for name, model in models.items():
            short, size = exports[name].agreement, exports[name].bytes / 1e6
            long = agreement.compare(float32, model, videos)
            same = "-", "-", f"{exports['float16'].agreement.reference_accuracy:.2%}"
            if short is not None:
                same = f"{short.of_videos:.2%}", f"{short.of_answers:.2%}", f"{short.accuracy:.2%}"
            print(
                f"| {name} | {size:.2f} | {1000 * times[name]:.2f} | {same[0]} | {same[1]} | "
                f"{same[2]} | {long.accuracy:.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    cli.run(main)
