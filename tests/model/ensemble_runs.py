"""Folders of trained members for tests of ensembles, written by hand."""

import models

from movinet import model_info, yaml_files
from movinet.checkpoints import saving
from movinet.model_info import ModelInfo, Preprocessing


def network(seed, causal=True, num_classes=3):
    """A tiny classifier with random weights of its own."""
    layout = models.LAYOUTS["stream_2plus1d" if causal else "base_3d"]
    model = models.build("tiny", num_classes, **layout)
    models.randomise(model, seed)
    return model


def write(folder, model, size=24, fps=25.0, num_frames=6, labels=("blue", "green", "red")):
    """Writes what a training run leaves, and returns its folder."""
    saving.save(model, folder / "ckpt")
    config = model.backbone.layer_config
    names = ("causal", "conv_type", "se_type", "activation", "gating_activation")
    backbone = {"model_id": "tiny", **{name: getattr(config, name) for name in names}}
    clips = {"feature_shape": [num_frames, size, size, 3], "min_image_size": size}
    task = {
        "model": {"backbone": {"movinet": backbone}},
        "train_data": {"num_classes": model.num_classes},
        "validation_data": {**clips, "target_fps": fps},
    }
    yaml_files.save(folder / "params.yaml", {"task": task})
    info = ModelInfo(
        "tiny",
        model.num_classes,
        Preprocessing(size, size, short_side=size, fps=fps, num_frames=num_frames),
        labels=labels,
        causal=config.causal,
    )
    (folder / model_info.INFO_NAME).write_text(info.to_json())
    return folder
