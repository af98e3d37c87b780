"""From stored records to batches of clips: order, parallelism, batches."""

import random
from collections.abc import Callable

import tensorflow as tf

from movinet.data.pipeline import decoding
from movinet.data.pipeline.data_service import DataService
from movinet.data.pipeline.record_source import RecordSource
from movinet.data.pipeline.views import Augment, ClipSettings, evaluation_views, training_clip
from movinet.errors import InputError

# images [B, T, H, W, 3], labels [B, K], seed int64 [2] -> images and labels of the same shapes
Mix = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

_EPOCHS = 2**20  # What a data service prepares before it begins anew; nobody trains that long.
_MOST_RECORDS = 2**24  # In one file: room for them between the positions of two files.


def build(
    source: RecordSource,
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
    service: DataService | None = None,
) -> tf.data.Dataset:
    """Builds the dataset of ({'image': [B, T, H, W, 3]}, labels [B, num_classes] or [B]).

    Training repeats for ever; each epoch holds every clip once, in a new order. With a seed, order
    and augmentation are a function of (seed, position), whatever the number of threads. Evaluation
    is one pass in the order of files and records; with several views it yields
    [B * crops * clips, T, H, W, 3] beside labels [B, ...].

    With a service the clips of training are prepared by its workers and arrive as they are ready.
    Every clip still comes once an epoch, but the next epoch begins while this one ends;
    augmentation is a function of (seed, epoch, clip).

    Args:
        source: where the clips are stored.
        settings: what one clip is.
        batch_size: over all replicas.
        seed: of order and augmentation; None draws one.
        augment, mix: change a clip and a batch, in training only.
        input_context: shares the files among workers, or the records if there are fewer files.
        cache: keeps the encoded clips in memory.
        deterministic: False lets clips overtake each other.
        service: prepares the clips elsewhere, in training only.

    Raises:
        InputError: the data cannot be used; names file and record.
    """
    _check(source, settings, is_training, batch_size, input_context, drop_remainder)
    if is_training and shuffle_buffer_size < 1:
        raise InputError(f"shuffle_buffer_size is {shuffle_buffer_size}: it must be at least 1.")
    if is_training and mix is not None and not settings.one_hot:
        raise InputError("mixup and cutmix need one_hot labels.")
    service = service if is_training else None
    pipelines = input_context.num_input_pipelines if input_context else 1
    if service:
        service.check(pipelines, seed, cache)
    seed = random.getrandbits(31) if seed is None else seed
    replicas = input_context.num_replicas_in_sync if input_context else 1
    pipeline = input_context.input_pipeline_id if input_context else 0
    # What a service runs must be the same for all workers of a training.
    clip_pipeline = 0 if service else pipeline

    def make_clip(position: tf.Tensor, stored: tuple) -> tuple:
        file, number, serialized = stored
        record = source.parse(serialized, file, number)
        label = decoding.encode_label(
            record,
            settings.num_classes,
            settings.one_hot,
            settings.is_multilabel,
            tf.as_dtype(settings.label_dtype),
        )
        if not is_training:
            return evaluation_views(record, settings), label
        clip_seed = _seed(seed, clip_pipeline, position)
        return training_clip(record, settings, clip_seed, augment), label

    def make_batch(position: tf.Tensor, clips_and_labels: tuple) -> tuple:
        images, labels = clips_and_labels
        if not is_training:
            # [B, views, T, H, W, 3] -> [B * views, T, H, W, 3]
            images = tf.reshape(images, [-1, *images.shape[2:]])
        images = settings.normalisation.apply(tf.cast(images, tf.float32))
        if is_training and mix is not None:
            # Clips have the positions from 0 up, batches those from -1 down.
            images, labels = mix(images, labels, _seed(seed, pipeline, -1 - position))
        return {"image": tf.cast(images, settings.dtype)}, labels

    if service:
        stored = _read_endlessly(source, seed, shuffle_buffer_size, cycle_length)
    else:
        stored = _read(
            source, is_training, seed, input_context, shuffle_buffer_size, cycle_length, cache
        )
    dataset = stored.map(make_clip, num_parallel_calls=tf.data.AUTOTUNE)
    if service:
        dataset = service.distribute(dataset).repeat()
    dataset = dataset.batch(batch_size // replicas, drop_remainder=drop_remainder)
    dataset = dataset.enumerate().map(make_batch, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = deterministic
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _check(
    source: RecordSource,
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
    clips = source.check(settings.num_classes, settings.is_multilabel)
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
    source: RecordSource,
    is_training: bool,
    seed: int,
    input_context: tf.distribute.InputContext | None,
    shuffle_buffer_size: int,
    cycle_length: int,
    cache: bool,
) -> tf.data.Dataset:
    """The share of one worker as (position, (file, number, record)): whole files, or every n-th
    record.
    """
    workers = input_context.num_input_pipelines if input_context else 1
    worker = input_context.input_pipeline_id if input_context else 0
    count = len(source.files)
    shards_files = count >= workers
    columns = [column[worker::workers] if shards_files else column for column in source.columns()]
    dataset = tf.data.Dataset.from_tensor_slices(tuple(columns))
    if is_training:
        if shards_files:  # else all workers must meet the records in the same order
            dataset = dataset.shuffle(count, seed=seed)
        dataset = dataset.interleave(
            source.read,
            cycle_length=cycle_length,
            num_parallel_calls=tf.data.AUTOTUNE,
            # Otherwise as the caller says; a share of all records needs them in one order.
            deterministic=None if shards_files else True,
        )
    else:
        dataset = dataset.flat_map(source.read)
    if not shards_files:
        dataset = dataset.shard(workers, worker)
    if cache:
        dataset = dataset.cache()
    if is_training:
        dataset = dataset.shuffle(shuffle_buffer_size, seed=seed).repeat()
    return dataset.enumerate()


def _read_endlessly(
    source: RecordSource, seed: int, shuffle_buffer_size: int, cycle_length: int
) -> tf.data.Dataset:
    """All clips of all epochs as (position, (file, number, record)), each epoch's files in an
    order of its own.

    A data service deals out the elements of the range that this begins with, which are files of
    epochs: none is read twice, whoever reads it.
    """
    count = len(source.files)
    columns = source.columns()

    def read_turn(turn: tf.Tensor) -> tf.data.Dataset:
        epoch, index = turn // count, turn % count
        order_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        chosen = tf.random.experimental.index_shuffle(index, order_seed, count - 1)
        stored = source.read(*(column[chosen] for column in columns))
        return stored.map(
            lambda file, number, clip: (turn * _MOST_RECORDS + number, (file, number, clip))
        )

    dataset = tf.data.Dataset.range(count * _EPOCHS).interleave(
        read_turn, cycle_length=cycle_length, num_parallel_calls=tf.data.AUTOTUNE
    )
    return dataset.shuffle(shuffle_buffer_size, seed=seed)


def _seed(seed: int, pipeline: int, position: tf.Tensor) -> tf.Tensor:
    """A seed [2] for one position in the stream of one worker."""
    return tf.random.fold_in(tf.constant([seed, pipeline], tf.int64), position)
