"""From stored records to batches of clips: order, shares of machines, batches."""

import random
from collections.abc import Callable

import tensorflow as tf

from movinet.data.pipeline import decoding, order
from movinet.data.pipeline.bad_clips import BadClipPolicy
from movinet.data.pipeline.clip_reader import ClipReader, without_beats
from movinet.data.pipeline.data_service import DataService
from movinet.data.pipeline.decoding import Record
from movinet.data.pipeline.record_source import RecordSource
from movinet.data.pipeline.views import Augment, ClipSettings, evaluation_views, training_clip
from movinet.errors import InputError

# images [B, T, H, W, 3], labels [B, K], seed int64 [2] -> images and labels of the same shapes
Mix = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

_ALONE = tf.distribute.InputContext()


def build(
    source: RecordSource,
    settings: ClipSettings,
    *,
    is_training: bool,
    batch_size: int,
    seed: int | None = None,
    start: int = 0,
    augment: Augment | None = None,
    mix: Mix | None = None,
    input_context: tf.distribute.InputContext | None = None,
    drop_remainder: bool = True,
    cycle_length: int | None = None,
    cache: bool = False,
    service: DataService | None = None,
    bad_clips: BadClipPolicy | None = None,
) -> tf.data.Dataset:
    """Builds the dataset of ({'image': [B, T, H, W, 3]}, labels [B, num_classes] or [B]).

    Training never ends; each epoch holds every clip once, in a new order. Which clip is at a
    position is a function of the seed and the position, what is drawn for a clip one of seed, epoch
    and clip, and for a batch one of the seed and its first position: whatever the number of
    threads, machines and replicas, and wherever the stream starts. The k-th batch of all machines
    together begins at position start + k * batch_size.

    Evaluation is one pass in the order of files and records; with several views it yields
    [B * crops * clips, T, H, W, 3] beside labels [B, ...].

    With a service the clips of training are prepared by its workers and arrive as they are ready:
    the same clips, nearly in that order.

    Args:
        source: where the clips are stored.
        settings: what one clip is.
        batch_size: over all replicas.
        seed: of order and augmentation; None draws one.
        start: the position at which training starts: clips that were trained on before.
        augment, mix: change a clip and a batch, in training only.
        input_context: of several machines, each with its share of every batch.
        cycle_length: clips read side by side at most; None for as many as pay.
        cache: keeps the encoded clips in memory.
        service: prepares the clips elsewhere, in training only.
        bad_clips: what is to be done about clips that cannot be used; None ends at the first.

    Raises:
        InputError: the data cannot be used; names file and record.
    """
    context = input_context or _ALONE
    bad_clips = bad_clips or BadClipPolicy()
    _check(source, settings, is_training, batch_size, context, drop_remainder, bad_clips)
    if is_training and mix is not None and not settings.one_hot:
        raise InputError("mixup and cutmix need one_hot labels.")
    service = service if is_training else None
    if service:
        service.check(context.num_input_pipelines, seed, cache, bad_clips.skips)
    stream_seed = random.getrandbits(31) if seed is None else seed
    clips = len(source.index)

    def records_at(position: tf.Tensor, count: int) -> tf.Tensor:
        if is_training:
            return order.records_at(position, clips, stream_seed, count)
        return position + tf.range(count, dtype=tf.int64)

    def prepare(record: Record, number: tf.Tensor, position: tf.Tensor) -> tuple:
        label = decoding.encode_label(
            record,
            settings.num_classes,
            settings.one_hot,
            settings.is_multilabel,
            tf.as_dtype(settings.label_dtype),
        )
        if not is_training:
            return evaluation_views(record, settings), label
        clip_seed = order.clip_seed(position, number, clips, stream_seed)
        return training_clip(record, settings, clip_seed, augment), label

    def make_batch(positions: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> tuple:
        if not is_training:
            # [B, views, T, H, W, 3] -> [B * views, T, H, W, 3]
            images = tf.reshape(images, [-1, *images.shape[2:]])
        images = settings.normalisation.apply(tf.cast(images, tf.float32))
        if is_training and mix is not None:
            images, labels = mix(images, labels, order.batch_seed(positions[0], stream_seed))
        return {"image": tf.cast(images, settings.dtype)}, labels

    reader = ClipReader(
        source,
        lambda stored: source.problem(stored, settings.num_classes, settings.is_multilabel),
        prepare,
        records_at,
        min(bad_clips.candidates(is_training), clips),
        bad_clips,
        in_memory=cache,
    )
    if service:
        # What it runs must be the same for all machines of a training: all get all positions.
        position_of, count = _share(start, order.ENDLESS, batch_size, _ALONE)
        dataset = reader.read(position_of, count, cycle_length)
        dataset = without_beats(service.distribute(dataset, start).map(lambda _, *clip: clip))
    else:
        end = order.ENDLESS if is_training else clips
        if drop_remainder and not is_training:
            end -= end % batch_size
        position_of, count = _share(start if is_training else 0, end, batch_size, context)
        dataset = reader.read(position_of, count, cycle_length)
        dataset = reader.mend(dataset, position_of, count)
    dataset = dataset.batch(
        batch_size // context.num_replicas_in_sync, drop_remainder=drop_remainder
    )
    dataset = dataset.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE)
    if is_training:
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        dataset = dataset.apply(endless)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _share(
    start: int, end: int, batch_size: int, context: tf.distribute.InputContext
) -> tuple[Callable[[tf.Tensor], tf.Tensor], int]:
    """The position of the n-th clip of one machine, and how many it has."""
    share = (batch_size, context.num_input_pipelines, context.input_pipeline_id)
    count = order.dealt_elements(end - start, *share)
    return lambda number: start + order.dealt_position(number, *share), count


def _check(
    source: RecordSource,
    settings: ClipSettings,
    is_training: bool,
    batch_size: int,
    context: tf.distribute.InputContext,
    drop_remainder: bool,
    bad_clips: BadClipPolicy,
) -> None:
    """Raises InputError, before anything is built, if these cannot give a batch."""
    for count, what in (
        (context.num_replicas_in_sync, "replicas"),
        (context.num_input_pipelines, "machines"),
    ):
        if batch_size < 1 or batch_size % count:
            raise InputError(
                f"The global batch size {batch_size} cannot be divided among {count} {what}: use a "
                f"multiple of {count}."
            )
    if not is_training and settings.min_image_size < min(settings.height, settings.width):
        raise InputError(
            f"min_image_size {settings.min_image_size} is smaller than the clip "
            f"({settings.height}x{settings.width}): evaluation would fill the rest with black."
        )
    clips = len(source.index)
    if drop_remainder and clips < batch_size:
        raise InputError(
            f"The data has {clips} clips, fewer than one batch of {batch_size}: make the batch "
            "smaller, or set drop_remainder to false."
        )
    source.check(settings.num_classes, settings.is_multilabel, tolerant=bad_clips.skips)
