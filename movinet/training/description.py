"""What a run says of its model for those who use it: movinet.json and labels.txt, written as
training starts.
"""

import itertools
import os
import statistics

import tensorflow as tf
from official.core import config_definitions

from movinet import files, model_info
from movinet.data.decoding import TIMESTAMP_FIELD
from movinet.errors import InputError
from movinet.export import run_folder
from movinet.model_info import ModelInfo, Preprocessing
from movinet.presets import SOURCE_FPS
from movinet.training import inputs, preparation
from movinet.training.inputs import DataConfig

_TIMED_CLIPS = 8


def write(config: config_definitions.ExperimentConfig, model_dir: str) -> ModelInfo:
    """Writes movinet.json, and labels.txt if the dataset names its classes; returns what they say.

    A model is fed as in validation. Where that takes every n-th frame, the frames per second are
    those of the stored videos divided by n.

    Raises: InputError if the configuration describes no clips.
    """
    backbone, validation = config.task.model.backbone.movinet, config.task.validation_data
    datasets = [validation, config.task.train_data]
    manifests = [preparation.find_manifest(data) for data in datasets]
    found = next((manifest for manifest in manifests if manifest), None)
    encoding = found.settings.get("encoding") if found else None
    short_side = encoding.get("short_side") if isinstance(encoding, dict) else None
    settings = inputs.clip_settings(validation)
    fps = settings.target_fps
    if not fps:
        rates = (_stored_fps(data) for data in datasets)
        fps = next((rate for rate in rates if rate), SOURCE_FPS) / settings.temporal_stride
    info = ModelInfo(
        name=f"{backbone.model_id}_{run_folder.variant(backbone.causal)}",
        num_classes=config.task.train_data.num_classes,
        preprocessing=Preprocessing(
            height=settings.height,
            width=settings.width,
            short_side=settings.min_image_size,
            stored_short_side=short_side if isinstance(short_side, int) else 0,
            fps=round(fps, 3),
            temporal_stride=settings.temporal_stride,
            num_frames=settings.num_frames,
            zero_centred=settings.zero_centering_image,
        ),
        labels=tuple(found.labels) if found else (),
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
        records = tf.data.TFRecordDataset(inputs.find_files(data)[:_TIMED_CLIPS])
        for record in records.take(_TIMED_CLIPS):
            lists = tf.train.SequenceExample.FromString(record.numpy()).feature_lists.feature_list
            times = [entry.int64_list.value[0] for entry in lists[TIMESTAMP_FIELD].feature]
            intervals = [later - time for time, later in itertools.pairwise(times)]
            if intervals and (middle := statistics.median(intervals)) > 0:
                rates.append(1e6 / middle)
    except (InputError, tf.errors.OpError, KeyError, IndexError, ValueError):
        return None
    return statistics.median(rates) if rates else None
