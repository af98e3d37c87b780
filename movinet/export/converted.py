"""Writing imported weights: as a folder that all commands take, or in the form of another project.

The folder holds a checkpoint in the official layout, and beside it what a training run has: the
settings of the network (params.yaml), preprocessing (movinet.json) and labels; and
conversion.json, which says where the weights are from and how far that was checked.
"""

import dataclasses
import json
import os
import pathlib
import tempfile
from typing import Any

from movinet import files, model_info, yaml_files
from movinet.checkpoints import foreign, importing, official, pytorch, saving
from movinet.checkpoints.importing import Imported
from movinet.data import kinetics_labels
from movinet.data.pipeline.normalisation import PLAIN
from movinet.errors import InputError
from movinet.export import run_folder, sources
from movinet.model_info import ModelInfo
from movinet.version import __version__

RECORD = "conversion.json"
_CHECKPOINT = "ckpt"
_KERAS = (".keras", ".weights.h5")
_PYTORCH = (".pt", ".pth", ".safetensors")
_PYTORCH_EPSILON = 1e-3
# What a user might mean as one of these, but is not written here.
_NOT_WRITTEN = (".h5", ".hdf5", ".tflite", ".pb", ".onnx", ".pdparams", ".gz", ".zip")
OUTPUTS = "a folder, *.keras, *.weights.h5, *.safetensors or *.pt"


def read(path: str, **settings: Any) -> Imported:
    """Reads weights of any kind; see `movinet.checkpoints.importing.read` for the settings.

    The folder of a training run, ours or the official trainer's, says itself what its network is;
    there is nothing to run beside it.

    Raises: InputError and VerificationError as that does.
    """
    if not os.path.isfile(os.path.join(path, run_folder.PARAMS_NAME)):
        return importing.read(path, **settings)
    run = sources.from_model_dir(path)
    network = foreign.network_of(run.model)
    source = foreign.Source(
        "a training run",
        path,
        tensors={},
        layout=official.OfficialLayout(network.conv_type),
        network=network,
        preprocessing=run.info.preprocessing,
        labels=run.info.labels,
        multilabel=run.info.multilabel,
        notes=(f"the weights are those of {run.info.source}",),
    )
    return Imported(run.model, network, source, differences={}, allowed=())


def describe(imported: Imported, labels: str | None = None) -> ModelInfo:
    """Returns what belongs to imported weights besides them.

    A source that does not say how it is fed is fed as the published variant of its architecture.

    Args: labels: as `kinetics_labels.choose` takes them, over those of the source.
    Raises: InputError if the labels cannot be read or are not as many as the classes.
    """
    source = imported.source
    names = source.labels
    if labels or not names:
        names = kinetics_labels.choose(labels, imported.network.num_classes)
    info = sources.describe(imported.model, source.path, names)
    return dataclasses.replace(
        info,
        preprocessing=source.preprocessing or info.preprocessing,
        multilabel=source.multilabel,
    )


def write(imported: Imported, output: str | os.PathLike[str], info: ModelInfo) -> pathlib.Path:
    """Writes the weights as the name of the output says, and returns what was written.

    Nothing is replaced but what an earlier conversion wrote; on any error it stays.

    Raises: InputError if it cannot be written.
    """
    path = pathlib.Path(output)
    if path.name.endswith(_PYTORCH):
        _check_epsilon(imported, path)
        pytorch.write(path, foreign.read(imported.model, imported.network), imported.network)
    elif path.name.endswith(_KERAS):
        _write_keras(imported, path)
    elif path.suffix in _NOT_WRITTEN:
        raise InputError(f"{path}: weights are written as {OUTPUTS}.")
    else:
        with files.write_folder_aside(path, RECORD) as aside:
            _write_folder(imported, aside, info)
    return path


def _check_epsilon(imported: Imported, path: pathlib.Path) -> None:
    """Raises InputError for batch norms that the port computes otherwise."""
    epsilon = imported.model.backbone.layer_config.norm_epsilon
    if epsilon != _PYTORCH_EPSILON:
        raise InputError(
            f"{path}: batch norms of MoViNet-pytorch have an epsilon of {_PYTORCH_EPSILON:g}, "
            f"those of {imported.source.path} one of {epsilon:g}."
        )


def _write_keras(imported: Imported, path: pathlib.Path) -> None:
    with files.write_aside(path) as aside, tempfile.TemporaryDirectory(dir=aside.parent) as folder:
        # Keras tells the two by their endings.
        written = os.path.join(folder, f"model{_ending(path, _KERAS)}")
        if path.name.endswith(".keras"):
            imported.model.save(written)
        else:
            imported.model.save_weights(written)
        os.replace(written, aside)


def _ending(path: pathlib.Path, endings: tuple[str, ...]) -> str:
    return next(ending for ending in endings if path.name.endswith(ending))


def _write_folder(imported: Imported, folder: pathlib.Path, info: ModelInfo) -> None:
    saving.save(imported.model, folder / _CHECKPOINT)
    yaml_files.save(folder / run_folder.PARAMS_NAME, _params(imported, info))
    files.write_text(folder / model_info.INFO_NAME, info.to_json())
    if info.labels:
        files.write_text(folder / model_info.LABELS_NAME, "\n".join(info.labels) + "\n")
    record = json.dumps(_record(imported), indent=1, ensure_ascii=False)
    files.write_text(folder / RECORD, record + "\n")


def _params(imported: Imported, info: ModelInfo) -> dict[str, Any]:
    """The settings of an experiment that decide what the network computes and how it is fed."""
    network, preprocessing = imported.network, info.preprocessing
    clips = {
        "feature_shape": [
            preprocessing.num_frames,
            preprocessing.height,
            preprocessing.width,
            3,
        ],
        "min_image_size": preprocessing.short_side,
        "temporal_stride": preprocessing.temporal_stride,
        "target_fps": preprocessing.fps,
        "sampling": preprocessing.sampling,
        "num_classes": network.num_classes,
        "is_multilabel": info.multilabel,
    }
    if preprocessing.normalisation != PLAIN:
        clips["image_mean"] = list(preprocessing.normalisation.mean)
        clips["image_std"] = list(preprocessing.normalisation.std)
    config = imported.model.backbone.layer_config
    model = {
        "backbone": {"type": "movinet", "movinet": network.backbone_arguments()},
        "activation": network.classifier_activation,
        "norm_activation": {
            "norm_momentum": config.norm_momentum,
            "norm_epsilon": config.norm_epsilon,
        },
    }
    return {"task": {"model": model, "train_data": clips, "validation_data": clips}}


def _record(imported: Imported) -> dict[str, Any]:
    """What conversion.json says."""
    source = imported.source
    return {
        "version": __version__,
        "source": source.path,
        "kind": source.kind,
        "network": imported.network.name,
        "classifier_activation": imported.network.classifier_activation,
        "largest_difference": {
            str(choice): difference.relative for choice, difference in imported.differences.items()
        },
        "allowed": list(imported.allowed),
        "notes": list(source.notes),
    }
