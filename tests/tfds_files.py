"""Small datasets of TensorFlow Datasets for tests, written by TFDS itself from given bytes."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from record_files import encode_jpeg, encode_png

ENCODERS = {"jpeg": encode_jpeg, "png": encode_png}
CLASSES = ("jump", "run", "sit")


def write_dataset(
    folder: pathlib.Path,
    name: str,
    features: dict[str, Any],
    splits: dict[str, Sequence[dict[str, Any]]],
    shards: int = 1,
) -> str:
    """Builds `name:1.0.0` in `folder` from the examples of each split."""

    class Written(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            yield from enumerate(splits[split])

    Written.name = name
    Written(data_dir=folder).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=shards)
    )
    return f"{name}:1.0.0"


def video_features(encoding: str = "jpeg", **others: Any) -> dict[str, Any]:
    return {
        "video": tfds.features.Video(shape=(None, None, None, 3), encoding_format=encoding),
        "label": tfds.features.ClassLabel(names=CLASSES),
        **others,
    }


def grey_examples(clips: int, encoding: str = "jpeg", first: int = 0) -> list[dict[str, Any]]:
    """Clips of 4 frames 16x16; clip n is 5 * n grey all over, its label n modulo the classes."""
    examples = []
    for number in range(first, first + clips):
        frame = ENCODERS[encoding](np.full((16, 16, 3), 5 * number, np.uint8))
        examples.append({"video": [frame] * 4, "label": number % len(CLASSES)})
    return examples
