"""From a path to a model that can be run, whatever kind of file or folder it is."""

import os
import pathlib
from collections.abc import Sequence

from movinet.errors import InputError
from movinet.streaming.litert_model import LiteRtModel
from movinet.streaming.video_model import VideoModel, adjusted_info

_SUFFIX = ".tflite"
_SAVED_MODEL = "saved_model.pb"
_TRAINING = "params.yaml"
_ENSEMBLE = "ensemble.json"
KINDS = (
    "a .tflite file, a SavedModel folder, the folder of a training or of an ensemble, or a "
    "checkpoint with its preset"
)


def load_model(
    path: str | os.PathLike[str],
    *,
    preset: str | None = None,
    num_threads: int = 1,
    labels: Sequence[str] | None = None,
    fps: float | None = None,
    short_side: int | None = None,
    image_size: int | None = None,
) -> VideoModel:
    """Loads a model.

    Only a `.tflite` file does without TensorFlow.

    Args:
      path: a `.tflite` file, the folder of a SavedModel, of a training (`params.yaml` and
        checkpoints) or of an ensemble (`ensemble.json`), or the prefix of a checkpoint.
      preset: of a checkpoint, such as `a0_stream`; no other model needs one.
      num_threads: of a `.tflite` file.
      labels: class names in index order, over those that the model brings.
      fps: frames per second, over what the model brings.
      short_side: pixels that the shorter side of a frame is resized to, over the model's own.
      image_size: pixels of the frames' sides, for a SavedModel that takes any size.

    Raises: InputError if there is no such model or the settings do not fit it.
    """
    path = pathlib.Path(path)
    if preset is not None:
        model = _from_checkpoint(path, preset, labels)
    elif path.is_dir():
        model = _from_folder(path, image_size)
    elif path.suffix.lower() == _SUFFIX:
        model = LiteRtModel(path, num_threads=num_threads)
    elif path.is_file():
        raise InputError(f"{path} is no model: give {KINDS}.")
    elif path.with_name(path.name + ".index").is_file():
        raise InputError(f"{path} is a checkpoint: say which network it is of (--preset).")
    else:
        raise InputError(f"The model {path} does not exist: give {KINDS}.")
    model.info = adjusted_info(model.info, labels=labels, fps=fps, short_side=short_side)
    return model


def _from_folder(path: pathlib.Path, image_size: int | None) -> VideoModel:
    if (path / _SAVED_MODEL).is_file():
        from movinet.streaming.tensorflow_models import SavedModel

        return SavedModel(path, image_size=image_size)
    if not any((path / name).is_file() for name in (_TRAINING, _ENSEMBLE)):
        names = ", ".join((_SAVED_MODEL, _TRAINING, _ENSEMBLE))
        raise InputError(f"{path} holds none of {names}: give {KINDS}.")
    from movinet.export import ensemble_folder
    from movinet.streaming.tensorflow_models import KerasModel

    source = ensemble_folder.from_folder(path)
    return KerasModel(source.model, source.info)


def _from_checkpoint(path: pathlib.Path, preset: str, labels: Sequence[str] | None) -> VideoModel:
    from movinet.export import sources
    from movinet.streaming.tensorflow_models import KerasModel

    source = sources.from_preset(
        preset, path, num_classes=len(labels) if labels else None, labels=labels
    )
    return KerasModel(source.model, source.info)
