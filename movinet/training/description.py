"""What a run says of its model for those who use it: movinet.json and labels.txt, written as
training starts.
"""

import os
import statistics

import numpy as np
import tensorflow as tf
from official.core import config_definitions

from movinet import files, model_info
from movinet.data.pipeline import sampling_names
from movinet.errors import InputError
from movinet.export import run_folder
from movinet.model_info import ModelInfo, Preprocessing
from movinet.presets import SOURCE_FPS
from movinet.training import datasets, inputs
from movinet.training.inputs import DataConfig

_TIMED_CLIPS = 8


def write(config: config_definitions.ExperimentConfig, model_dir: str) -> ModelInfo:
    """Writes movinet.json, and labels.txt if the dataset names its classes; returns what they say.

    A model is fed as in validation. Where that takes every n-th frame, the frames per second are
    those of the stored videos divided by n.

    Raises: InputError if the configuration describes no clips, or training sees other values than
      validation.
    """
    backbone, validation = config.task.model.backbone.movinet, config.task.validation_data
    both = [validation, config.task.train_data]
    labels = next((names for names in map(datasets.find_labels, both) if names), ())
    short_side = next((side for side in map(datasets.find_short_side, both) if side), 0)
    settings = inputs.clip_settings(validation)
    if inputs.pixel_normalisation(config.task.train_data) != settings.normalisation:
        raise InputError(
            "task.train_data and task.validation_data normalise pixels differently (image_mean, "
            "image_std, zero_centering_image): set them alike."
        )
    fps = settings.target_fps
    if not fps and settings.sampling == sampling_names.CLIP:
        rates = (_stored_fps(data) for data in both)
        fps = next((rate for rate in rates if rate), SOURCE_FPS) / settings.temporal_stride
    info = ModelInfo(
        name=f"{backbone.model_id}_{run_folder.variant(backbone.causal)}",
        num_classes=config.task.train_data.num_classes,
        preprocessing=Preprocessing(
            height=settings.height,
            width=settings.width,
            short_side=settings.min_image_size,
            stored_short_side=short_side,
            fps=round(fps, 3),
            temporal_stride=settings.temporal_stride,
            num_frames=settings.num_frames,
            sampling=settings.sampling,
            normalisation=settings.normalisation,
        ),
        labels=labels,
        causal=backbone.causal,
        multilabel=settings.is_multilabel,
        source=model_dir,
    )
    files.write_text(os.path.join(model_dir, model_info.INFO_NAME), info.to_json())
    if info.labels:
        text = "\n".join(info.labels) + "\n"
        files.write_text(os.path.join(model_dir, model_info.LABELS_NAME), text)
    return info


def _stored_fps(data: DataConfig) -> float | None:
    """The median rate of the first clips that carry the times of their frames; None if none does,
    or if the data is not there: whoever reads it will say so.
    """
    rates = []
    try:
        for record in datasets.find_records(data).read_first(_TIMED_CLIPS):
            intervals = np.diff(record.timestamps.numpy())
            if len(intervals) and (middle := float(np.median(intervals))) > 0:
                rates.append(1e6 / middle)
    except (InputError, tf.errors.OpError, KeyError):
        return None
    return statistics.median(rates) if rates else None
