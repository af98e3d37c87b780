"""Which part of a video the network sees: a random clip in training, fixed views in evaluation."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from movinet.data.pipeline import augmentation, cropping, decoding, sampling, sampling_names
from movinet.data.pipeline.normalisation import PLAIN, Normalisation
from movinet.errors import InputError

# clip uint8 [T, H, W, 3], seed int64 [2] -> clip of the same shape and type
Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_AT_LEAST_ONE = (
    "num_frames",
    "height",
    "width",
    "num_classes",
    "temporal_stride",
    "num_test_clips",
    "min_image_size",
)


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """What one clip is: frames of a video, a part of each, and how its label is written.

    Args:
        num_frames, height, width: size of a clip.
        temporal_stride: frames from one to the next; in training drawn from +- random_stride_range,
            both ends included.
        target_fps: frames per second by the frame times instead; 0 for temporal_stride.
        sampling: `segments` for frames spread over the whole video instead of both.
        num_test_clips, num_test_crops: views of a video in evaluation; crops are 1 or 3.
        min_image_size: pixels of the short side in evaluation.
        min_aspect_ratio ... max_area_ratio: the random resized crop in training.
        normalisation: of the values of pixels.

    Raises:
        InputError: a value is out of its range.
    """

    num_frames: int
    height: int
    width: int
    num_classes: int
    temporal_stride: int = 1
    random_stride_range: int = 0
    target_fps: float = 0.0
    sampling: str = sampling_names.CLIP
    num_test_clips: int = 1
    num_test_crops: int = 1
    min_image_size: int = 256
    normalisation: Normalisation = PLAIN
    min_aspect_ratio: float = 0.5
    max_aspect_ratio: float = 2.0
    min_area_ratio: float = 0.49
    max_area_ratio: float = 1.0
    random_flip: bool = True
    random_rotation: bool = False
    one_hot: bool = True
    is_multilabel: bool = False
    label_dtype: str = "int32"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must be at least 1.")
        for name in ("random_stride_range", "target_fps"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}: it must not be negative.")
        if self.target_fps and self.random_stride_range:
            raise InputError(
                "random_stride_range varies a stride: set it to 0 when target_fps is used."
            )
        sampling_names.check(self.sampling)
        if self.sampling == sampling_names.SEGMENTS:
            self._check_segments()
        if self.num_test_crops not in (1, 3):
            raise InputError(f"num_test_crops is {self.num_test_crops}: it must be 1 or 3.")
        for name in ("aspect_ratio", "area_ratio"):
            lowest, highest = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if not 0 < lowest <= highest:
                raise InputError(
                    f"min_{name} is {lowest} and max_{name} {highest}: they must be above 0 and in "
                    "order."
                )
        if self.max_area_ratio > 1:
            raise InputError(f"max_area_ratio is {self.max_area_ratio}: it must be at most 1.")
        if self.random_rotation and self.height != self.width:
            raise InputError(
                f"random_rotation needs square frames, not {self.height}x{self.width}."
            )
        if self.is_multilabel and not self.one_hot:
            raise InputError("is_multilabel needs one_hot labels.")

    def _check_segments(self) -> None:
        for name in ("target_fps", "random_stride_range"):
            if getattr(self, name):
                raise InputError(
                    f"{name} is {getattr(self, name)}: segments are as long as the video makes "
                    "them, so set it to 0 with sampling 'segments'."
                )
        if self.num_test_clips > 1:
            raise InputError(
                f"num_test_clips is {self.num_test_clips}: one clip of segments shows the whole "
                "video already, so set it to 1 with sampling 'segments'."
            )


def training_clip(
    record: decoding.Record, settings: ClipSettings, seed: tf.Tensor, augment: Augment | None = None
) -> tf.Tensor:
    """One random clip uint8 [T, H, W, 3]: random start, resized crop, flip, rotation, `augment`.

    Every choice is a function of `seed` [2].
    """
    time_seed, stride_seed, window_seed, flip_seed, rotation_seed, augment_seed = tf.unstack(
        tf.random.split(seed, 6)
    )
    distinct, positions = tf.unique(_random_indices(record, settings, time_seed, stride_seed))
    frames = tf.gather(record.frames, distinct)
    window = cropping.random_window(
        decoding.frame_size(frames),
        settings.height,
        settings.width,
        (settings.min_aspect_ratio, settings.max_aspect_ratio),
        (settings.min_area_ratio, settings.max_area_ratio),
        window_seed,
    )
    clip = decoding.decode_window(
        frames,
        window,
        lambda frame: cropping.resize(frame, (settings.height, settings.width)),
    )
    clip = _repeat_frames(clip, positions)
    shape = [settings.num_frames, settings.height, settings.width, 3]
    clip = tf.ensure_shape(clip, shape)
    if settings.random_flip:
        clip = augmentation.flip(clip, flip_seed)
    if settings.random_rotation:
        clip = augmentation.rotate(clip, rotation_seed)
    if augment is not None:
        clip = augment(clip, augment_seed)
    return tf.ensure_shape(clip, shape)


def evaluation_views(record: decoding.Record, settings: ClipSettings) -> tf.Tensor:
    """All views uint8 [crops * clips, T, H, W, 3]: evenly spaced clips, centre or three crops."""
    distinct, positions = tf.unique(_evaluation_indices(record, settings))
    crops = _evaluation_crops(tf.gather(record.frames, distinct), settings)
    crops = _repeat_frames(crops, positions, axis=1)
    views = settings.num_test_crops * settings.num_test_clips
    # [crops, clips * T, H, W, 3] -> [crops * clips, T, H, W, 3]
    return tf.reshape(crops, [views, settings.num_frames, settings.height, settings.width, 3])


def _random_indices(
    record: decoding.Record, settings: ClipSettings, time_seed: tf.Tensor, stride_seed: tf.Tensor
) -> tf.Tensor:
    """Which frames [T] of the video a clip of training is made of."""
    video_frames, num_frames = tf.size(record.frames), settings.num_frames
    if settings.sampling == sampling_names.SEGMENTS:
        return sampling.random_segments(video_frames, num_frames, time_seed)
    if settings.target_fps:
        timestamps = decoding.require_timestamps(record)
        return sampling.random_clip_at_rate(timestamps, num_frames, settings.target_fps, time_seed)
    stride = sampling.draw_stride(
        settings.temporal_stride, settings.random_stride_range, stride_seed
    )
    return sampling.random_clip(video_frames, num_frames, stride, time_seed)


def _evaluation_indices(record: decoding.Record, settings: ClipSettings) -> tf.Tensor:
    """Which frames [clips * T] of the video the clips of evaluation are made of."""
    video_frames, num_frames = tf.size(record.frames), settings.num_frames
    if settings.sampling == sampling_names.SEGMENTS:
        return sampling.middle_of_segments(video_frames, num_frames)
    if settings.target_fps:
        return sampling.evaluation_clips_at_rate(
            decoding.require_timestamps(record),
            num_frames,
            settings.target_fps,
            settings.num_test_clips,
        )
    return sampling.evaluation_clips(
        video_frames, num_frames, settings.temporal_stride, settings.num_test_clips
    )


def _evaluation_crops(frames: tf.Tensor, settings: ClipSettings) -> tf.Tensor:
    """Decodes JPEGs [T], resizes them if need be, and crops: uint8 [crops, T, height, width, 3]."""
    height, width = settings.height, settings.width
    stored = decoding.frame_size(frames)
    wanted = cropping.short_side_size(stored, settings.min_image_size)
    is_wanted = tf.reduce_all(stored == wanted)

    def whole_frames() -> tf.Tensor:
        return tf.cond(
            is_wanted,
            lambda: decoding.decode_frames(frames),
            lambda: decoding.decode_frames(frames, lambda frame: cropping.resize(frame, wanted)),
        )

    if settings.num_test_crops == 3:
        return cropping.three_crops(whole_frames(), height, width)
    # Frames of the right size, as most datasets have them, are decoded in the centre only.
    centre = tf.cond(
        is_wanted & tf.reduce_all(stored >= [height, width]),
        lambda: decoding.decode_window(frames, cropping.centre_window(stored, height, width)),
        lambda: cropping.centre_crop(whole_frames(), height, width),
    )
    return centre[tf.newaxis]


def _repeat_frames(frames: tf.Tensor, positions: tf.Tensor, axis: int = 0) -> tf.Tensor:
    """Puts distinct frames at their positions; nothing to do if none is wanted twice."""
    return tf.cond(
        tf.shape(frames)[axis] == tf.size(positions),
        lambda: frames,
        lambda: tf.gather(frames, positions, axis=axis),
    )
