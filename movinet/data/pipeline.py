"""From record files to batches of clips: order, parallelism, batches."""

import random
from collections.abc import Callable, Sequence

import tensorflow as tf

from movinet.data import checks, decoding
from movinet.data.views import Augment, ClipSettings, evaluation_views, training_clip
from movinet.errors import InputError

# images [B, T, H, W, 3], labels [B, K], seed int64 [2] -> images and labels of the same shapes
Mix = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def build(
    files: Sequence[str],
    settings: ClipSettings,
    *,
    is_training: bool,
    batch_size: int,
    seed: int | None = None,
    augment: Augment | None = None,
    mix: Mix | None = None,
    input_context: tf.distribute.InputContext | None = None,
    drop_remainder: bool = True,
    shuffle_buffer_size: int = 64,
    cycle_length: int = 10,
    cache: bool = False,
    deterministic: bool = True,
) -> tf.data.Dataset:
    """Builds the dataset of ({'image': [B, T, H, W, 3]}, labels [B, num_classes] or [B]).

    Training repeats for ever; each epoch holds every clip once, in a new order. With a seed, order
    and augmentation are a function of (seed, position), whatever the number of threads. Evaluation
    is one pass in the order of files and records; with several views it yields
    [B * crops * clips, T, H, W, 3] beside labels [B, ...].

    Args:
        files: TFRecord files of SequenceExamples.
        settings: what one clip is.
        batch_size: over all replicas.
        seed: of order and augmentation; None draws one.
        augment, mix: change a clip and a batch, in training only.
        input_context: shares the files among workers, or the records if there are fewer files.
        cache: keeps the encoded clips in memory.
        deterministic: False lets clips overtake each other.

    Raises:
        InputError: the data cannot be used; names file and record.
    """
    _check(files, settings, is_training, batch_size, input_context, drop_remainder)
    if is_training and shuffle_buffer_size < 1:
        raise InputError(f"shuffle_buffer_size is {shuffle_buffer_size}: it must be at least 1.")
    if is_training and mix is not None and not settings.one_hot:
        raise InputError("mixup and cutmix need one_hot labels.")
    seed = random.getrandbits(31) if seed is None else seed
    replicas = input_context.num_replicas_in_sync if input_context else 1
    dataset = _read(
        files, is_training, seed, input_context, shuffle_buffer_size, cycle_length, cache
    )
    pipeline = input_context.input_pipeline_id if input_context else 0

    def make_clip(
        position: tf.Tensor, file: tf.Tensor, number: tf.Tensor, serialized: tf.Tensor
    ) -> tuple:
        record = decoding.parse_record(
            serialized, file, number, settings.image_field_key, settings.label_field_key
        )
        label = decoding.encode_label(
            record,
            settings.num_classes,
            settings.one_hot,
            settings.is_multilabel,
            tf.as_dtype(settings.label_dtype),
        )
        if not is_training:
            return evaluation_views(record, settings), label
        return training_clip(record, settings, _seed(seed, pipeline, position), augment), label

    def make_batch(position: tf.Tensor, clips_and_labels: tuple) -> tuple:
        images, labels = clips_and_labels
        if not is_training:
            # [B, views, T, H, W, 3] -> [B * views, T, H, W, 3]
            images = tf.reshape(images, [-1, *images.shape[2:]])
        images = tf.cast(images, tf.float32)
        images = images * (2 / 255) - 1 if settings.zero_centering_image else images / 255
        if is_training and mix is not None:
            # Clips have the positions from 0 up, batches those from -1 down.
            images, labels = mix(images, labels, _seed(seed, pipeline, -1 - position))
        return {"image": tf.cast(images, settings.dtype)}, labels

    dataset = dataset.enumerate().map(
        lambda position, stored: make_clip(position, *stored), num_parallel_calls=tf.data.AUTOTUNE
    )
    dataset = dataset.batch(batch_size // replicas, drop_remainder=drop_remainder)
    dataset = dataset.enumerate().map(make_batch, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = deterministic
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _check(
    files: Sequence[str],
    settings: ClipSettings,
    is_training: bool,
    batch_size: int,
    input_context: tf.distribute.InputContext | None,
    drop_remainder: bool,
) -> None:
    """Raises InputError, before anything is built, if these cannot give a batch."""
    replicas = input_context.num_replicas_in_sync if input_context else 1
    if batch_size < 1 or batch_size % replicas:
        raise InputError(
            f"The global batch size {batch_size} cannot be divided among {replicas} replicas: use "
            f"a multiple of {replicas}."
        )
    if not is_training and settings.min_image_size < min(settings.height, settings.width):
        raise InputError(
            f"min_image_size {settings.min_image_size} is smaller than the clip "
            f"({settings.height}x{settings.width}): evaluation would fill the rest with black."
        )
    clips = checks.check_records(
        files,
        settings.image_field_key,
        settings.label_field_key,
        settings.num_classes,
        settings.is_multilabel,
    )
    if clips is None:
        return
    if drop_remainder and clips < batch_size:
        raise InputError(
            f"The data has {clips} clips, fewer than one batch of {batch_size}: make the batch "
            "smaller, or set drop_remainder to false."
        )
    if input_context and is_training and clips < input_context.num_input_pipelines:
        raise InputError(
            f"The data has {clips} clips, fewer than the {input_context.num_input_pipelines} "
            "workers: use fewer."
        )


def _read(
    files: Sequence[str],
    is_training: bool,
    seed: int,
    input_context: tf.distribute.InputContext | None,
    shuffle_buffer_size: int,
    cycle_length: int,
    cache: bool,
) -> tf.data.Dataset:
    """The share of one worker as (file, number, record): whole files, or every n-th record."""
    workers = input_context.num_input_pipelines if input_context else 1
    worker = input_context.input_pipeline_id if input_context else 0
    shards_files = len(files) >= workers
    files = list(files[worker::workers] if shards_files else files)

    def read_file(file: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(file).enumerate()
        return records.map(lambda number, serialized: (file, number, serialized))

    dataset = tf.data.Dataset.from_tensor_slices(files)
    if is_training:
        if shards_files:  # else all workers must meet the records in the same order
            dataset = dataset.shuffle(len(files), seed=seed)
        dataset = dataset.interleave(
            read_file, cycle_length=cycle_length, num_parallel_calls=tf.data.AUTOTUNE
        )
    else:
        dataset = dataset.flat_map(read_file)
    if not shards_files:
        dataset = dataset.shard(workers, worker)
    if cache:
        dataset = dataset.cache()
    if is_training:
        dataset = dataset.shuffle(shuffle_buffer_size, seed=seed).repeat()
    return dataset


def _seed(seed: int, pipeline: int, position: tf.Tensor) -> tf.Tensor:
    """A seed [2] for one position in the stream of one worker."""
    return tf.random.fold_in(tf.constant([seed, pipeline], tf.int64), position)
