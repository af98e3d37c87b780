"""A classifier in an ensemble: which frames of the video it reads, and in which size."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from movinet.classifier import MovinetClassifier
from movinet.errors import InputError
from movinet.inputs import IMAGE
from movinet.layers.base import States
from movinet.layers.frames import dimensions, fold, unfold

LOGITS = "logits"


@dataclasses.dataclass(frozen=True)
class Member:
    """A classifier in an ensemble, and which frames of the ensemble's video it reads, and how.

    Attributes:
      image_size: height and width in pixels that it reads frames in, or one number for both; None
        for frames as they come.
      every, offset: it reads the frames offset, offset + every, offset + 2 * every, ...

    Raises: InputError if it would read no such frames, or gives no one answer for a video.
    """

    model: MovinetClassifier
    image_size: int | tuple[int, int] | None = None
    every: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every is {self.every}: a member reads every frame, or each n-th.")
        if not 0 <= self.offset < self.every:
            raise InputError(
                f"offset is {self.offset} of a member that reads every {self.every} frames: it is "
                f"from 0 to {self.every - 1}."
            )
        if self.size is not None and min(self.size) < 1:
            raise InputError(f"image_size is {self.image_size}: at least 1 pixel.")
        pooling = self.model.backbone.layer_config.average_pooling_type
        if pooling != "3d":
            raise InputError(
                f"A member pools each frame by itself (average_pooling_type {pooling}): only '3d' "
                "gives one answer for a video, which an ensemble averages."
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the frames that it reads; None for any."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else size

    def resize(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns frames [N, H, W, 3] in the size of this member, interpolated bilinearly."""
        if self.size is None or tuple(frames.shape[1:3]) == self.size:
            return frames
        return tf.image.resize(frames, self.size)

    def read(
        self, clip: tf.Tensor, count: tf.Tensor | None, states: States
    ) -> tuple[tf.Tensor, States]:
        """Reads the frames of a piece of the video that are this member's, if there are any.

        Args:
          clip: [B, T, H, W, 3].
          count: frames before it, [1], or [B] in a batch of different ages; None before a clip that
            is read as a whole.
          states: of the classifier before it, and its last logits if it does not read all frames.

        Returns: (logits [B, K], zeros if it has read no frame yet; the states after it).
        """
        batch, num_frames = dimensions(clip)[:2]
        first = self.offset if count is None else (self.offset - count) % self.every
        begin = first if count is None else tf.reduce_min(first)

        def run() -> States:
            seen = clip if clip.shape[1] == 1 else clip[:, begin :: self.every]
            frames = unfold(self.resize(fold(seen)), dimensions(seen)[1])
            own = {name: value for name, value in states.items() if name != LOGITS}
            logits, own = self.model.run({**own, IMAGE: frames})
            return {**own, LOGITS: logits}

        if self.every == 1:
            new = run()
            return new.pop(LOGITS), new
        kept = states or {LOGITS: tf.zeros([batch, self.model.num_classes])}
        mixed = count is not None and count.shape[0] != 1
        new = _either(
            begin < num_frames,
            lambda: _choose_rows(first == begin, run(), kept) if mixed else run(),
            lambda: kept,
        )
        return new[LOGITS], new


def _either(
    condition: bool | tf.Tensor, first: Callable[[], States], second: Callable[[], States]
) -> States:
    """Runs one of the two, decided while the graph is built where that is possible."""
    if isinstance(condition, bool):
        return first() if condition else second()
    return tf.cond(condition, first, second)


def _choose_rows(rows: tf.Tensor, new: States, old: States) -> States:
    """Returns the new values [B, ...] of some rows [B], and the old ones of all others."""
    return {
        name: tf.where(tf.reshape(rows, [-1] + [1] * (value.shape.rank - 1)), value, old[name])
        for name, value in new.items()
    }
