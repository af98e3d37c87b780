"""Random changes of training clips; every choice is a function of the seed it is given."""

import dataclasses

import tensorflow as tf

from movinet.errors import InputError


def flip(clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors a whole clip [T, H, W, 3] left to right in half of all cases."""

    def mirror() -> tf.Tensor:
        # [T, H, W, 3] -> [T * H, W, 3]: the shape for which the kernel copies whole pixels
        rows = tf.reshape(clip, [-1, *clip.shape[2:]])
        return tf.reshape(tf.reverse(rows, axis=[1]), clip.shape)

    return tf.cond(tf.random.stateless_uniform([], seed) < 0.5, mirror, lambda: clip)


def rotate(clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turns a whole clip of square frames [T, H, H, 3] by 0, 90, 180 or 270 degrees."""
    quarters = tf.random.stateless_uniform([], seed, 0, 4, dtype=tf.int32)
    return tf.image.rot90(clip, quarters)


@dataclasses.dataclass(frozen=True)
class Mix:
    """Blends each clip with its counterpart in the reversed batch, by mixup or by cutmix.

    mixup https://arxiv.org/abs/1710.09412, cutmix https://arxiv.org/abs/1905.04899: one choice
    between them a batch, one ratio a clip. A cut box is the same in all frames of a clip and counts
    with the area that lies inside the frame.

    Call:     images [B, T, H, W, 3], labels [B, K] of ones and zeros, seed [2].
    Returns:  images and labels of the same shapes.
    """

    mixup_alpha: float = 0.8
    cutmix_alpha: float = 1.0
    probability: float = 1.0
    switch_probability: float = 0.5
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if (
            self.mixup_alpha < 0
            or self.cutmix_alpha < 0
            or self.mixup_alpha + self.cutmix_alpha == 0
        ):
            raise InputError(
                f"mixup_alpha {self.mixup_alpha} and cutmix_alpha {self.cutmix_alpha}: neither "
                "may be negative, and one must be above 0."
            )

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws for one batch."""
        apply_seed, switch_seed, mix_seed = tf.unstack(tf.random.split(seed, 3))
        smooth = labels * (1 - self.label_smoothing) + self.label_smoothing / labels.shape[-1]
        if not self.mixup_alpha:
            switch_probability = 1.0
        elif not self.cutmix_alpha:
            switch_probability = 0.0
        else:
            switch_probability = self.switch_probability

        def mix() -> tuple[tf.Tensor, tf.Tensor]:
            mixed, ratio = tf.cond(
                tf.random.stateless_uniform([], switch_seed) < switch_probability,
                lambda: _cutmix(images, self.cutmix_alpha or 1.0, mix_seed),
                lambda: _mixup(images, self.mixup_alpha or 1.0, mix_seed),
            )
            ratio = ratio[:, tf.newaxis]
            return mixed, ratio * smooth + (1 - ratio) * smooth[::-1]

        applied = tf.random.stateless_uniform([], apply_seed) < self.probability
        mixed, mixed_labels = tf.cond(applied, mix, lambda: (images, smooth))
        return tf.ensure_shape(mixed, images.shape), tf.ensure_shape(mixed_labels, labels.shape)


def _mixup(images: tf.Tensor, alpha: float, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighted sums of images, and the weight of the first [B]."""
    ratio = _draw_beta(tf.shape(images)[:1], alpha, seed)
    weight = tf.cast(ratio, images.dtype)[:, tf.newaxis, tf.newaxis, tf.newaxis, tf.newaxis]
    return weight * images + (1 - weight) * images[::-1], ratio


def _cutmix(images: tf.Tensor, alpha: float, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Images with a box from another one, and the share of the first that is left [B]."""
    ratio_seed, *centre_seeds = tf.unstack(tf.random.split(seed, 3))
    batch, sizes = tf.shape(images)[:1], tf.unstack(tf.shape(images)[2:4])
    side = tf.sqrt(1 - _draw_beta(batch, alpha, ratio_seed))
    inside, share = [], tf.ones(batch)
    for size, centre_seed in zip(sizes, centre_seeds, strict=True):
        length = tf.cast(side * tf.cast(size, tf.float32), tf.int32)
        begin = (
            tf.random.stateless_uniform(batch, centre_seed, 0, size, dtype=tf.int32) - length // 2
        )
        end = tf.minimum(begin + length, size)
        begin = tf.maximum(begin, 0)
        position = tf.range(size)[tf.newaxis]
        inside.append((position >= begin[:, tf.newaxis]) & (position < end[:, tf.newaxis]))
        share *= tf.cast(end - begin, tf.float32) / tf.cast(size, tf.float32)
    rows, columns = inside
    # [B, H], [B, W] -> [B, 1, H, W, 1]
    box = (
        rows[:, tf.newaxis, :, tf.newaxis, tf.newaxis]
        & columns[:, tf.newaxis, tf.newaxis, :, tf.newaxis]
    )
    return tf.where(box, images[::-1], images), 1 - share


def _draw_beta(shape: tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Draws from the symmetric beta distribution."""
    seeds = tf.unstack(tf.random.split(seed))
    first, second = (tf.random.stateless_gamma(shape, each, alpha) for each in seeds)
    return first / (first + second)
