"""Videos on a disk as TensorFlow datasets: what the builders of `tfds build` have in common."""

import dataclasses
import inspect
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from movinet.data.building import planning, shards
from movinet.data.building.planning import BuildSettings
from movinet.data.building.workers import Failure, map_in_processes
from movinet.data.pipeline.tfds_records import TIMES_FEATURE
from movinet.data.sources import layouts, report
from movinet.data.sources.settings import SourceSettings
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS, Skipped, SourceClip
from movinet.data.videos.clips import EncodingSettings
from movinet.errors import InputError

_LISTED = 20


@dataclasses.dataclass(eq=False)
class VideosConfig(tfds.core.BuilderConfig):
    """Which videos, and how they are stored; `tfds build` takes one as JSON with --config.

    source: folder or list in --manual_dir, by default that itself. layout, annotations, fold,
    image_template, frame_rate, labels, validation_from_train: see `SourceSettings`; files are
    relative to --manual_dir. classes: how many there must be; 0 for any number. short_side,
    jpeg_quality, max_frames: see `EncodingSettings`. validation_fraction, test_fraction,
    group_regex, seed: see `BuildSettings`. max_bad_fraction, workers, timeout: see
    `build.build_dataset`.
    """

    source: str = ""
    layout: str = "auto"
    annotations: str = ""
    fold: int = 1
    image_template: str = SourceSettings.image_template
    frame_rate: float = SourceSettings.frame_rate
    labels: str = ""
    validation_from_train: float = 0.0
    classes: int = 0
    short_side: int = EncodingSettings.short_side
    jpeg_quality: int = EncodingSettings.jpeg_quality
    max_frames: int = EncodingSettings.max_frames
    validation_fraction: float = BuildSettings.validation_fraction
    test_fraction: float = BuildSettings.test_fraction
    group_regex: str | None = None
    seed: int = 0
    max_bad_fraction: float = 0.01
    workers: int = 0
    timeout: float = 600.0

    @property
    def encoding(self) -> EncodingSettings:
        """How frames are stored."""
        return EncodingSettings(self.short_side, self.jpeg_quality, self.max_frames)

    def find(self, folder: str) -> Source:
        """Finds the videos in `folder`. Raises InputError if there are none, or others."""
        annotations = [name.strip() for name in self.annotations.split(",") if name.strip()]
        source = layouts.find(
            SourceSettings(
                input=os.path.join(folder, self.source) if self.source else folder,
                layout=self.layout,
                annotations=",".join(os.path.join(folder, name) for name in annotations),
                fold=self.fold,
                image_template=self.image_template,
                frame_rate=self.frame_rate,
                labels=os.path.join(folder, self.labels) if self.labels else "",
                validation_from_train=self.validation_from_train,
            )
        )
        if self.classes not in (0, len(source.labels)):
            raise InputError(
                f"{folder} has {len(source.labels)} classes, but {self.name} has {self.classes}: "
                "choose another --config."
            )
        return source

    def assign_splits(self, source: Source) -> dict[str, list[SourceClip]]:
        """The clips of each split that has any: as the source says, else by the fractions."""
        settings = BuildSettings(
            validation_fraction=self.validation_fraction,
            test_fraction=self.test_fraction,
            group_regex=self.group_regex,
            seed=self.seed,
        )
        planned = planning.plan_shards(source, settings)
        found = {
            split: [clip for shard in planned if shard.split == split for clip in shard.clips]
            for split in SPLITS
        }
        return {split: clips for split, clips in found.items() if clips}


class VideosBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Decodes videos in processes that are allowed to die; leaves out those that cannot be used.

    The bytes of the frames are those that tools/build_dataset.py stores.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Nothing is downloaded: --manual_dir names the folder where the videos are."
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # TFDS looks for checksums of downloads beside the code. To find that by itself it needs a
        # package that it does not install.
        cls.code_path = tfds.core.Path(inspect.getfile(cls))

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "video": tfds.features.Video(shape=(None, None, None, 3), encoding_format="jpeg"),
            TIMES_FEATURE: tfds.features.Sequence(
                np.int64, doc="Presentation times of the frames in microseconds."
            ),
            "label": tfds.features.ClassLabel(),
            "source": tfds.features.Text(doc="Path of the video in its folder."),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.builder_config.description or "Videos of a local folder.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("video", "label"),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[str, Any]]]:
        config = self.builder_config
        source = config.find(os.fspath(dl_manager.manual_dir))
        for sentence in (*source.notes, *report.summary(source)):
            logging.info(sentence)
        self.info.features["label"].names = list(source.labels)
        self._allowed = config.max_bad_fraction * (len(source.clips) + len(source.skipped))
        self._skipped = list(source.skipped)
        self.info.metadata.update(
            encoding=dataclasses.asdict(config.encoding),
            versions=dict(planning.versions()),
            skipped=[dataclasses.asdict(video) for video in self._skipped],
        )
        return {
            split: self._generate_examples(split, clips)
            for split, clips in config.assign_splits(source).items()
        }

    def _generate_examples(
        self, split: str, clips: Sequence[SourceClip]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        config = self.builder_config
        tasks = [(clip, config.encoding) for clip in clips]
        workers = min(config.workers, len(tasks))
        results = map_in_processes(shards.encode, tasks, workers, config.timeout)
        usable = 0
        for clip, result in zip(clips, results, strict=True):
            if isinstance(result, Failure):
                self._leave_out(Skipped(clip.name, split, result.reason))
                continue
            usable += 1
            yield (
                clip.name,
                {
                    "video": list(result.frames),
                    TIMES_FEATURE: list(result.timestamps),
                    "label": clip.label,
                    "source": clip.name,
                },
            )
        if not usable:
            raise InputError(f"No video of {split} can be decoded.")

    def _leave_out(self, video: Skipped) -> None:
        """Notes and says it; raises InputError once there are too many."""
        self._skipped.append(video)
        self.info.metadata["skipped"].append(dataclasses.asdict(video))
        logging.warning("skipped %s: %s", video.path, video.reason)
        if len(self._skipped) > self._allowed:
            listed = "".join(f"\n  {v.path}: {v.reason}" for v in self._skipped[:_LISTED])
            raise InputError(
                f"{len(self._skipped)} videos cannot be used, more than max_bad_fraction "
                f"{self.builder_config.max_bad_fraction:g} allows. Replace them, or allow more in "
                f"--config.{listed}"
            )
