"""The files that both implementations make of the same checkpoint: made once a run, and timed.

The official tool writes a SavedModel of one frame, which its README gives to the TFLite converter.
Ours are what `export_saved_model.py` and `tools/export_litert.py` call, checks of the result
included.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

from benchmarks import peers
from benchmarks.settings import BASE, CLIP_FRAMES, MOBILE_STREAM, Settings
from benchmarks.timing import seconds
from movinet import files
from movinet.presets import Preset

OFFICIAL_LITERT = "official float32"
SAVED_MODELS = {"official": "official_saved_model", "ours": "our_saved_model"}
# Our files by name, and how they are converted; that of the default settings comes from the tool.
_DEFAULT = "float32 5d"
_STREAMS = {
    "float32 4d": {"precision": "float32", "state_layout": "4d"},
    "float16 4d": {"precision": "float16", "state_layout": "4d"},
    "dynamic 4d": {"precision": "dynamic", "state_layout": "4d"},
    "int8_weights 4d": {"precision": "int8_weights", "state_layout": "4d"},
    "int8 5d": {"precision": "int8", "state_layout": "5d"},
    "int8 4d": {"precision": "int8", "state_layout": "4d"},
}
_BASES = {
    "base clip float32": {"precision": "float32", "num_frames": CLIP_FRAMES},
    "base clip int8": {"precision": "int8", "num_frames": CLIP_FRAMES},
}
_TIMES = "times.json"
_OBSERVED_FRAMES = 6


@dataclasses.dataclass(frozen=True)
class ExportedFiles:
    """The exports of one model.

    Attributes:
      seconds: from the checkpoint to `official SavedModel`, `our LiteRT` and so on.
    """

    folder: pathlib.Path
    seconds: dict[str, float]

    def saved_model(self, name: str) -> pathlib.Path:
        """Returns the SavedModel of one frame, by `official` or `ours`."""
        return self.folder / SAVED_MODELS[name]

    @property
    def litert(self) -> dict[str, pathlib.Path]:
        """Returns all LiteRT files by name."""
        names = (OFFICIAL_LITERT, _DEFAULT, *_STREAMS, *_BASES)
        return {name: self.folder / f"{name}.tflite" for name in names}


def make(settings: Settings, model_id: str) -> ExportedFiles:
    """Returns the exports of a model, made now unless an earlier process of this run has."""
    folder = pathlib.Path(settings.folder, f"exports_{model_id}")
    times = folder / _TIMES
    if not times.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        found = _make(folder, settings, model_id)
        files.write_text(times, json.dumps(found))
    return ExportedFiles(folder, json.loads(times.read_text(encoding="utf-8")))


def _make(folder: pathlib.Path, settings: Settings, model_id: str) -> dict[str, float]:
    import tensorflow as tf

    preset = settings.preset(model_id, MOBILE_STREAM)
    model = peers.build_ours(preset)
    peers.randomise(model)
    checkpoint = tf.train.Checkpoint(model=model).write(str(folder / "weights"))
    found = {}
    for name, export in (("official", _export_official), ("our", _export_ours)):
        found[f"{name} SavedModel"], litert = seconds(
            lambda e=export: e(folder, preset, checkpoint)
        )
        found[f"{name} LiteRT"], _ = seconds(litert)
    # The official file takes the way through the SavedModel, ours comes from the model.
    found["official LiteRT"] += found["official SavedModel"]
    base = peers.build_ours(settings.preset(model_id, BASE))
    peers.randomise(base)
    for network, choices in ((model, _STREAMS), (base, _BASES)):
        for name, chosen in choices.items():
            content = convert(network, preset.image_size, **chosen)
            (folder / f"{name}.tflite").write_bytes(content)
    return found


def _export_official(folder: pathlib.Path, preset: Preset, checkpoint: str) -> Callable[[], Any]:
    """Exports a SavedModel; returns what makes the LiteRT file of it."""
    import tensorflow as tf
    from official.projects.movinet.tools import export_saved_model

    path = str(folder / SAVED_MODELS["official"])
    export_saved_model.build_and_export_saved_model(
        path,
        **preset.backbone_arguments(),
        classifier_activation=preset.classifier_activation,
        num_classes=peers.NUM_CLASSES,
        input_shape=_frame_shape(preset),
        bundle_input_init_states_fn=False,
        checkpoint_path=checkpoint,
        # It makes counters that no checkpoint of weights holds; the outputs are compared later.
        assert_checkpoint_objects_matched=False,
    )

    def convert() -> None:
        content = tf.lite.TFLiteConverter.from_saved_model(path).convert()
        (folder / f"{OFFICIAL_LITERT}.tflite").write_bytes(content)

    return convert


def _export_ours(folder: pathlib.Path, preset: Preset, checkpoint: str) -> Callable[[], Any]:
    """Exports a SavedModel; returns what makes the LiteRT file of the checkpoint."""
    from movinet.export import litert, saved_model, sources
    from movinet.export.litert_settings import Settings as LiteRtSettings

    def source() -> sources.Source:
        return sources.from_preset(preset.name, checkpoint, peers.NUM_CLASSES)

    shape = _frame_shape(preset)
    path = folder / SAVED_MODELS["ours"]
    saved_model.export(source(), path, shape, bundle_init_states=False)

    def convert() -> None:
        settings = LiteRtSettings(image_size=preset.image_size)
        litert.export(source(), folder / f"{_DEFAULT}.tflite", settings)

    return convert


def _frame_shape(preset: Preset) -> tuple[int, int, int, int, int]:
    return 1, 1, preset.image_size, preset.image_size, 3


def convert(model: Any, size: int, precision: str, **choices: Any) -> bytes:
    """Returns our file in a precision. Noise calibrates the integers: it does for their speed."""
    from movinet.export import calibration, litert_graph, quantization
    from movinet.export.litert_settings import CALIBRATED

    integers = precision in CALIBRATED
    content = litert_graph.convert(
        model, height=size, width=size, split_hard_swish=integers, **choices
    )
    if not integers:
        return quantization.quantize(content, precision)
    frames = choices.get("num_frames", _OBSERVED_FRAMES)
    video = peers.random_clip(frames, size, size, 3).numpy()
    ranges = calibration.observe(content, calibration.feeds(content, [video]))
    return quantization.quantize(content, precision, ranges)
