"""Folders of training runs as the official trainer writes them."""

import models
import oracle  # noqa: F401  (first: keeps the official registrations apart)
import tensorflow as tf
from official.projects.movinet.configs import movinet as official_configs

from movinet import yaml_files

STREAM = models.LAYOUTS["stream_3d_2plus1d"]


def write_run(folder, model, best=False):
    """Writes a run as the official trainer does: its own params.yaml and checkpoint."""
    config = official_configs.movinet_kinetics600().as_dict()
    config["task"]["model"]["backbone"]["movinet"] |= {"model_id": "tiny", **STREAM}
    config["task"]["train_data"]["num_classes"] = 3
    config["task"]["validation_data"] |= {
        "feature_shape": (8, 172, 160, 3),
        "min_image_size": 192,
        "temporal_stride": 5,
        "zero_centering_image": True,
    }
    yaml_files.save(folder / "params.yaml", config)
    held = tf.train.Checkpoint(model=model, backbone=model.backbone)
    tf.train.CheckpointManager(held, str(folder / "best" if best else folder), 1).save()
    return folder


def tiny(seed=0):
    model = models.build("tiny", num_classes=3, **STREAM)
    models.randomise(model, seed)
    return model


def tiny_run(folder):
    """Writes a run of the tiny network and returns its model."""
    write_run(folder, model := tiny())
    return model
