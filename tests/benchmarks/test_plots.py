"""Pictures of a result: which points they hold, and that they are drawn."""

import dataclasses

import stored
from matplotlib import image

from benchmarks import plots
from benchmarks.cases import length_memory, litert
from benchmarks.results import Line
from movinet.presets import PRESETS


def results():
    """A stored result with latencies of two models and memory of three lengths."""
    lines = [*stored.results().lines]
    for factor, model_id in ((1.0, "a0"), (2.0, "a1")):
        for name in ("float32 5d", "int8 5d"):
            found = {"official": stored.measured(2 * factor), "ours": stored.measured(factor)}
            lines.append(Line("litert", model_id, litert.work(name, 1), "ms", found, threads=1))
    for way in length_memory.SUBJECTS:
        for frames in (8, 16, 32):
            found = {"ours": stored.measured(10.0 * frames)}
            work = length_memory.work(way, frames)
            lines.append(Line("length_memory", "a0", work, "MB", found, num_frames=frames))
    return dataclasses.replace(stored.results(), lines=tuple(lines))


def test_latency_stands_against_published_accuracy():
    official, ours, integers = plots.latencies(results())
    accuracies = [PRESETS[f"{model_id}_stream"].top1 for model_id in ("a0", "a1")]
    assert official.points == [(2.0, accuracies[0], "A0"), (4.0, accuracies[1], "A1")]
    assert [x for x, _, _ in ours.points] == [x for x, _, _ in integers.points] == [1.0, 2.0]


def test_memory_stands_against_frames():
    whole, frame_by_frame = plots.memories(results())
    assert whole.label == "ours, base, whole clip"
    assert [point[:2] for point in whole.points] == [(8, 80.0), (16, 160.0), (32, 320.0)]
    assert frame_by_frame.style != whole.style


def test_pictures_are_drawn_of_what_was_measured(tmp_path):
    assert plots.draw(stored.results(), tmp_path) == []
    drawn = plots.draw(results(), tmp_path)
    assert [path.name for path in drawn] == list(plots.NAMES)
    for path in drawn:
        height, width, _ = image.imread(path).shape
        assert width > 1000 and height > 500
