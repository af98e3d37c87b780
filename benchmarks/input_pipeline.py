r"""Clips a second from record files to batches: our input pipeline beside the official one.

    python3 benchmarks/input_pipeline.py

Both read the same TFRecord files with the same configuration: frames, stride, size, random resized
crop, flip, one-hot labels, batches, shuffling. First their batches must agree: images and labels in
evaluation, and in training where the clip is the whole video and the crop the whole frame, up to
the mirroring that both draw. The files are those of --input_path, or made here: moving pictures
with the spectrum and the bytes a frame of natural videos, 256 pixels on the short side.

The two take turns in rounds. In each a new iterator is warmed up until buffers are full and
parallelism is tuned, then timed; it is gone before the other begins, which its prefetching would
slow down.

For other programs: `measure(InputSettings(...))` returns a row for each work, a dict of `work`,
`unit`, `official` and `ours` (clips/s of each round) and `ratio` of the medians, ours to official.
"""

import dataclasses
import io
import os
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from movinet import cli
from movinet.errors import InputError, VerificationError

OFFICIAL, OURS = "official", "ours"
TRAINING, AUTO_AUGMENT, EVALUATION = "training", "training with AutoAugment", "evaluation"
WORKS = (TRAINING, AUTO_AUGMENT, EVALUATION)
TOLERANCE = 1e-6
"""The largest difference of two pixels; the smallest step between two is 1/255."""

_SPECTRUM = 1.7  # At which a frame of 256x340 takes 18 kB, as one of Kinetics does.
_FILES = 4
_MICROSECONDS_A_FRAME = 40_000


@dataclasses.dataclass(frozen=True)
class InputSettings:
    """What is read, and how often.

    Attributes:
      works: of WORKS.
      num_frames, temporal_stride, image_size: of a clip; pixels.
      videos, video_frames, video_height, video_width: of the files made here; pixels.
      input_path: a dataset folder, or files or patterns separated by commas; '' to make files.
      num_classes: of such files; a dataset folder knows its own.
      rounds: in which the two take turns.
      batches: timed in each round.
      warm_up: batches before them.
    """

    works: tuple[str, ...] = WORKS
    num_frames: int = 8
    temporal_stride: int = 5
    image_size: int = 172
    batch_size: int = 8
    videos: int = 32
    video_frames: int = 64
    video_height: int = 256
    video_width: int = 340
    input_path: str = ""
    num_classes: int = 600
    rounds: int = 7
    batches: int = 24
    warm_up: int = 16


def measure(settings: InputSettings) -> list[dict[str, Any]]:
    """Checks that both pipelines agree, and times them in turns; a row for each work.

    Raises: VerificationError if their batches differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = find_records(settings, pathlib.Path(folder))
        check_agreement(settings, pathlib.Path(folder))
        return [measure_work(settings, work) for work in settings.works]


def measure_work(settings: InputSettings, work: str) -> dict[str, Any]:
    """Times one work; `settings` name the files."""
    datasets = {name: build(name, settings, work).repeat() for name in (OFFICIAL, OURS)}
    rates: dict[str, list[float]] = {name: [] for name in datasets}
    for _ in range(settings.rounds):
        for name, dataset in datasets.items():
            rates[name].append(clips_per_second(dataset, settings))
    ratio = statistics.median(rates[OURS]) / statistics.median(rates[OFFICIAL])
    return {"work": work, "unit": "clips/s", **rates, "ratio": ratio}


def clips_per_second(dataset: Any, settings: InputSettings) -> float:
    """Times the batches of a new iterator."""
    iterator = iter(dataset)
    for _ in range(settings.warm_up):
        next(iterator)
    start = time.perf_counter()
    for _ in range(settings.batches):
        next(iterator)
    return settings.batches * settings.batch_size / (time.perf_counter() - start)


def build(name: str, settings: InputSettings, work: str, **changes: Any) -> Any:
    """The dataset of one pipeline, as its trainer builds it."""
    from official.vision.configs import common, video_classification
    from official.vision.tasks.video_classification import VideoClassificationTask

    from movinet.training import inputs

    is_training = work != EVALUATION
    fields = {
        "is_training": is_training,
        "drop_remainder": is_training,
        "feature_shape": (settings.num_frames, settings.image_size, settings.image_size, 3),
        "temporal_stride": settings.temporal_stride,
        "input_path": settings.input_path,
        "num_classes": settings.num_classes,
        "global_batch_size": settings.batch_size,
        "aug_type": common.Augmentation(type="autoaug") if work == AUTO_AUGMENT else None,
        "seed": 1,
        **changes,
    }
    if name == OURS:
        return inputs.build_inputs(inputs.DataConfig(**fields))
    config = video_classification.DataConfig(**fields)
    task = video_classification.VideoClassificationTask(train_data=config, validation_data=config)
    return VideoClassificationTask(task).build_inputs(config)


def check_agreement(settings: InputSettings, folder: pathlib.Path) -> None:
    """Compares the first batch of evaluation, and a training clip with little left to chance.

    Raises: VerificationError if they differ.
    """
    import numpy as np
    import tensorflow as tf

    from movinet.data.building import records
    from movinet.data.pipeline import decoding

    # One file: of several, the official evaluation mixes the order.
    file = settings.input_path.split(",")[0]
    official, ours = _first_batches(dataclasses.replace(settings, input_path=file), EVALUATION)
    _require_same(EVALUATION, official, ours)

    # A clip of all frames can begin at the first only, a window of the whole area is the frame.
    serialized = next(tf.data.TFRecordDataset(file).as_numpy_iterator())
    lists = tf.train.SequenceExample.FromString(serialized).feature_lists.feature_list
    path = str(folder / "one_clip.tfrecord")
    with records.open_shard(path) as write:
        write(serialized)
    one = dataclasses.replace(
        settings,
        input_path=path,
        num_frames=len(lists[decoding.IMAGE_FIELD].feature),
        temporal_stride=1,
        batch_size=1,
    )
    official, ours = _first_batches(one, TRAINING, aug_min_area_ratio=1.0)
    mirrored = ours[0][:, :, :, ::-1], ours[1]
    if np.abs(official[0] - mirrored[0]).mean() < np.abs(official[0] - ours[0]).mean():
        ours = mirrored
    _require_same(TRAINING, official, ours)


def _first_batches(settings: InputSettings, work: str, **changes: Any) -> list[tuple[Any, Any]]:
    """Images and labels of each pipeline."""
    found = []
    for name in (OFFICIAL, OURS):
        features, labels = next(iter(build(name, settings, work, **changes)))
        found.append((features["image"].numpy(), labels.numpy()))
    return found


def _require_same(work: str, official: tuple[Any, Any], ours: tuple[Any, Any]) -> None:
    import numpy as np

    for what, expected, found in zip(("images", "labels"), official, ours, strict=True):
        if (expected.shape, expected.dtype) != (found.shape, found.dtype):
            raise VerificationError(
                f"{work}: the official {what} are {expected.dtype} {expected.shape}, ours "
                f"{found.dtype} {found.shape}."
            )
        difference = float(np.abs(expected - found).max())
        if not difference <= TOLERANCE:
            raise VerificationError(f"{work}: the {what} differ by up to {difference:.2g}.")


def find_records(settings: InputSettings, folder: pathlib.Path) -> InputSettings:
    """Settings that name the files, and how many classes they have; makes the files if need be."""
    from movinet.training import datasets, inputs

    if not settings.input_path:
        return dataclasses.replace(settings, input_path=",".join(write_records(settings, folder)))
    # A dataset folder knows its number of classes.
    classes = -1 if os.path.isdir(settings.input_path) else settings.num_classes
    config = inputs.resolve(inputs.DataConfig(input_path=settings.input_path, num_classes=classes))
    files = ",".join(datasets.find_files(config))
    return dataclasses.replace(settings, input_path=files, num_classes=config.num_classes)


def write_records(settings: InputSettings, folder: pathlib.Path) -> list[str]:
    """Writes moving pictures as tools/build_dataset.py writes videos."""
    import numpy as np
    from PIL import Image

    from movinet.data.building import records
    from movinet.data.videos.clips import EncodedClip, EncodingSettings

    generator = np.random.default_rng(0)
    quality = EncodingSettings().jpeg_quality
    size = settings.video_height, settings.video_width
    times = tuple(_MICROSECONDS_A_FRAME * index for index in range(settings.video_frames))
    paths = [str(folder / f"videos-{file:05}-of-{_FILES:05}.tfrecord") for file in range(_FILES)]
    for file, path in enumerate(paths):
        with records.open_shard(path) as write:
            for number in range(file, settings.videos, _FILES):
                jpegs = []
                for frame in moving_picture(settings, generator):
                    jpeg = io.BytesIO()
                    Image.fromarray(frame).save(jpeg, "JPEG", quality=quality, subsampling="4:2:0")
                    jpegs.append(jpeg.getvalue())
                clip = EncodedClip(tuple(jpegs), times, *size)
                label = number % settings.num_classes
                write(records.serialize_clip(clip, label, str(label), f"{number}.mp4"))
    return paths


def moving_picture(settings: InputSettings, generator: Any) -> Any:
    """Yields frames uint8 [H, W, 3]: a window that moves by up to 2 pixels over a random picture
    whose amplitudes fall with frequency as those of natural pictures do.
    """
    import numpy as np

    height, width = settings.video_height, settings.video_width
    steps = generator.integers(0, 3, 2)
    shape = height + 2 * settings.video_frames, width + 2 * settings.video_frames
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    amplitude = 1 / np.maximum(frequency, 1 / max(shape)) ** _SPECTRUM
    noise = generator.standard_normal((2, 3, *amplitude.shape))
    planes = np.fft.irfft2(amplitude * (noise[0] + 1j * noise[1]), s=shape)
    planes /= planes.std((1, 2), keepdims=True)
    # The three colours of a natural picture differ little.
    mixed = np.stack([planes[0], 0.8 * planes[0] + 0.6 * planes[1], planes[0] + 0.6 * planes[2]])
    picture = np.clip(120 + 50 * mixed, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    for index in range(settings.video_frames):
        y, x = index * steps
        yield picture[y : y + height, x : x + width]


def main() -> None:
    """Prints the table."""
    cli.quieten()
    given = {name: flags.FLAGS[name].value for name in _WORDS}
    works = tuple(flags.FLAGS["works"].value)
    if unknown := set(works) - set(WORKS):
        raise InputError(f"--works: {', '.join(sorted(unknown))} is none of {', '.join(WORKS)}.")
    settings = InputSettings(works, input_path=flags.FLAGS["input_path"].value, **given)
    print("| input pipeline | official, clips/s | ours, clips/s | ours / official |")
    print("|---|---|---|---|", flush=True)
    for row in measure(settings):
        medians = [statistics.median(row[name]) for name in (OFFICIAL, OURS)]
        print(f"| {row['work']} | {medians[0]:.0f} | {medians[1]:.0f} | {row['ratio']:.2f} |")


_WORDS = {
    "num_frames": "Frames of a clip.",
    "temporal_stride": "Frames of the video from one to the next.",
    "image_size": "Height and width of a clip in pixels.",
    "batch_size": "Clips of a batch.",
    "videos": "Videos of the files made here.",
    "video_frames": "Frames of each of them.",
    "video_height": "Height of their frames in pixels.",
    "video_width": "Width of their frames in pixels.",
    "num_classes": "Classes of files that are no dataset folder.",
    "rounds": "Rounds in which both take turns.",
    "batches": "Batches timed in each round.",
    "warm_up": "Batches before them.",
}

if __name__ == "__main__":  # Flags of its own only then: other benchmarks have the same names.
    flags.DEFINE_list("works", list(WORKS), "What to measure.")
    flags.DEFINE_string("input_path", "", "Dataset folder, or TFRecord files; made here if empty.")
    for name, words in _WORDS.items():
        flags.DEFINE_integer(name, getattr(InputSettings, name), words, lower_bound=1)
    cli.run(main)
