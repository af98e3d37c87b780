"""Videos of TensorFlow Datasets as records: only the frames of a clip are ever decoded."""

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_datasets as tfds

from movinet.data.pipeline import clip_problems, decoding
from movinet.data.pipeline.decoding import Record
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import RecordSource
from movinet.data.sources.splits import SPLIT_FOLDERS
from movinet.errors import InputError

TIMES_FEATURE = "timestamps"
"""The feature of frame times in microseconds that our own builders write."""

_NAME = re.compile(r"(?P<dataset>[a-z][a-z0-9_]*)(/\w[\w.+-]*)?(:[\d*]+\.[\d*]+\.[\d*]+)?")
_DEFAULT_FOLDER = "~/tensorflow_datasets"
_DESCRIPTIONS = ("features.json", "dataset_info.json")
_CLASS_KEYS = ("type", "pythonClassName", "python_class_name")
_TRUSTED = "tensorflow_datasets.core.features."


class Fields(NamedTuple):
    """The features of a dataset that hold frames, class and, if there are any, frame times."""

    video: str
    label: str
    times: str | None


class _Encoded(tfds.decode.SkipDecoding):
    """Leaves all frames as they are, at once: the base class goes through them one by one."""

    def decode_batch_example(self, serialized_example: tf.Tensor) -> tf.Tensor:
        return serialized_example


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfdsRecords(RecordSource):
    """Clips of one split, or of a part of it.

    features: the tfds.features.FeaturesDict of `fields` alone, so that nothing else is read.
    """

    features: Any
    fields: Fields

    @property
    def clips(self) -> int:
        """How many there are."""
        return sum(file.take for file in self.files)

    def parse(self, serialized: tf.Tensor, file: tf.Tensor, number: tf.Tensor) -> Record:
        """Parses one tf.train.Example; its frames stay encoded."""
        video, _, times = self.fields
        example = self._deserialize(serialized)
        record = Record(
            frames=example[video],
            timestamps=example[times] if times else tf.zeros([0], tf.int64),
            labels=self._labels(example),
            file=file,
            number=number,
        )
        return decoding.require_frames(record, video)

    def problem(self, serialized: bytes, num_classes: int, is_multilabel: bool) -> str:
        """What is wrong with frames and labels of a clip, as a sentence, or nothing."""
        try:
            example = self._deserialize(tf.constant(serialized))
        except tf.errors.OpError as error:
            return f"not an Example of this dataset ({clip_problems.first_line(error)})."
        if not tf.size(example[self.fields.video]):
            return f"no frame in feature {self.fields.video!r}."
        labels = self._labels(example).numpy().tolist()
        return clip_problems.of_labels(labels, num_classes, is_multilabel)

    def _deserialize(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.features.deserialize_example(
            serialized, decoders={self.fields.video: _Encoded()}
        )

    def _labels(self, example: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.reshape(example[self.fields.label], [-1])


@dataclasses.dataclass(frozen=True)
class TfdsDataset:
    """A dataset that has been built and can be read.

    name: as in `tfds_name`; labels: names of its classes, or their numbers; splits: their names.
    """

    name: str
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    fields: Fields
    info: Any = dataclasses.field(repr=False)

    def find_split(self, name: str) -> str:
        """The split of that name, or of another name for it (`val`); parts (`train[:10%]`) stay.

        Raises:
            InputError: there is none.
        """
        wanted = SPLIT_FOLDERS.get(name, name)
        found = wanted if name not in self.splits and wanted in self.splits else name
        try:
            clips = self.info.splits[found].num_examples
        except (KeyError, ValueError, AssertionError) as error:
            raise InputError(
                f"{self.name} has no split {name!r}, only {', '.join(self.splits)}: set tfds_split."
            ) from error
        if not clips:
            raise InputError(f"The split {name!r} of {self.name} holds no clips.")
        return found

    def records(self, split: str) -> TfdsRecords:
        """The clips of a split, which may be a part of one."""
        instructions = self.info.splits[self.find_split(split)].file_instructions
        wanted = [name for name in self.fields if name]
        return TfdsRecords(
            files=tuple(RecordFile(os.fspath(i.filename), i.skip, i.take) for i in instructions),
            features=tfds.features.FeaturesDict({n: self.info.features[n] for n in wanted}),
            fields=self.fields,
        )


def open_dataset(
    name: str,
    data_dir: str = "",
    image_feature: str | None = None,
    label_feature: str | None = None,
) -> TfdsDataset:
    """Opens a dataset that `tfds build` has made; nothing is downloaded.

    No code runs but that of TensorFlow Datasets itself: the folder is read, not executed.

    Args:
        name: dataset, dataset/config or dataset/config:version.
        data_dir: folder of built datasets; by default that of TensorFlow Datasets.
        image_feature, label_feature: where a dataset has several of a kind.

    Raises:
        InputError: not built, or not of videos that this pipeline can read.
    """
    parts = _NAME.fullmatch(name)
    if not parts:
        raise InputError(
            f"tfds_name is {name!r}: give dataset, dataset/config or dataset/config:version, as in "
            "ucf101/ucf101_1:2.0.0."
        )
    folder = os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or _DEFAULT_FOLDER)
    _check_descriptions(os.path.join(folder, parts["dataset"]))
    try:
        builder = tfds.builder(name, data_dir=folder)
        is_prepared = builder.is_prepared()
    except tfds.core.DatasetNotFoundError:
        is_prepared = False
    except Exception as error:  # Of a folder that is not as it should be, it raises anything.
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{name} in {folder} cannot be opened: {reason}") from error
    if not is_prepared:
        raise InputError(
            f"{name} is not built in {folder}: set tfds_data_dir, or build it with `tfds build "
            f"{name} --data_dir={folder}`; nothing is downloaded unasked."
        )
    info = builder.info
    if info.file_format is not tfds.core.FileFormat.TFRECORD:
        raise InputError(
            f"{name} is stored as {info.file_format.value}: convert it to tfrecord with "
            "`tfds convert_format`."
        )
    fields = _find_fields(name, info.features, image_feature, label_feature)
    label = info.features[fields.label]
    names = (label.feature if isinstance(label, tfds.features.Sequence) else label).names
    return TfdsDataset(name, tuple(names), tuple(info.splits), fields, info)


def _check_descriptions(folder: str) -> None:
    """Raises InputError if the description of a dataset below `folder` names a class that is not
    TFDS's own: to restore it, TFDS would import whatever module it names.
    """
    for directory, _, files in tf.io.gfile.walk(folder):
        for name in set(files) & set(_DESCRIPTIONS):
            path = os.path.join(directory, name)
            try:
                with tf.io.gfile.GFile(path) as file:
                    content = json.loads(file.read())
            except (ValueError, RecursionError, tf.errors.OpError) as error:
                raise InputError(f"{path} is not JSON: build the dataset anew.") from error
            for class_name in _class_names(content):
                if "." in class_name and not class_name.startswith(_TRUSTED):
                    raise InputError(
                        f"{path} names the class {class_name}, which is not one of TensorFlow "
                        "Datasets: its code is not run."
                    )


def _class_names(content: Any) -> Iterator[str]:
    """What may name a class anywhere in a description, JSON within JSON included."""
    if isinstance(content, dict):
        yield from (content[k] for k in _CLASS_KEYS if isinstance(content.get(k), str))
        content = list(content.values())
    if isinstance(content, str) and content.lstrip().startswith(("{", "[")):
        try:
            content = [json.loads(content)]
        except ValueError:
            return
    if isinstance(content, list):
        for value in content:
            yield from _class_names(value)


def _find_fields(name: str, features: Any, image: str | None, label: str | None) -> Fields:
    if not isinstance(features, tfds.features.FeaturesDict):
        raise InputError(f"{name} has no features of its own, so no videos.")
    videos = [key for key, feature in features.items() if _is_video(feature)]
    labels = [key for key, feature in features.items() if _is_label(feature)]
    return Fields(
        _choose(name, features, "videos of 8-bit images", videos, image, "image_field_key"),
        _choose(name, features, "classes", labels, label, "label_field_key"),
        TIMES_FEATURE if _has_times(features) else None,
    )


def _choose(
    name: str, features: Any, kind: str, found: list[str], wanted: str | None, setting: str
) -> str:
    """The one feature of a kind, or the one that is wanted."""
    if wanted in found:
        return str(wanted)
    if len(found) == 1 and wanted is None:
        return found[0]
    has = f"{', '.join(found) or 'none'} of {', '.join(features)}"
    missing = f"no feature {wanted!r}" if wanted else "not one feature"
    raise InputError(f"{name} has {missing} of {kind} ({has}): set {setting}.")


def _is_video(feature: Any) -> bool:
    """Whether a feature is a Video, or a sequence of images, of one byte a value."""
    if not isinstance(feature, tfds.features.Sequence):
        return False
    image = feature.feature
    return isinstance(image, tfds.features.Image) and image.tf_dtype == tf.uint8


def _has_times(features: Any) -> bool:
    times = features[TIMES_FEATURE] if TIMES_FEATURE in features else None
    if not isinstance(times, tfds.features.Sequence):
        return False
    return times.tf_dtype == tf.int64 and times.shape == (None,)


def _is_label(feature: Any) -> bool:
    if isinstance(feature, tfds.features.Sequence):
        feature = feature.feature
    return isinstance(feature, tfds.features.ClassLabel) and bool(feature.num_classes)
