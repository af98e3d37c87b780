"""Counts from which every number of an evaluation follows: the confusion matrix and the top-5 hits
of each class.
"""

import numpy as np
import tensorflow as tf
import tf_keras


class ClassificationCounts(tf_keras.metrics.Metric):
    """Counts clips by true and predicted class; exact up to 2^24 clips a cell, summed over
    replicas.

    Variables: confusion [K, K], rows true, columns predicted; top_5 [K], hits by true class.
    """

    def __init__(self, num_classes: int, name: str = "counts") -> None:
        super().__init__(name=name, dtype=tf.float32)
        self.num_classes = num_classes
        self.confusion = self.add_weight(
            "confusion", shape=(num_classes, num_classes), initializer="zeros"
        )
        self.top_5 = self.add_weight("top_5", shape=(num_classes,), initializer="zeros")

    def update_state(
        self, labels: tf.Tensor, scores: tf.Tensor, sample_weight: None = None
    ) -> None:
        """Counts a batch: labels [B] class indices, scores [B, K], larger is likelier."""
        labels = tf.cast(labels, tf.int32)
        predicted = tf.argmax(scores, axis=-1, output_type=tf.int32)
        self.confusion.assign_add(
            tf.math.confusion_matrix(labels, predicted, self.num_classes, dtype=tf.float32)
        )
        _, best = tf.math.top_k(scores, k=min(5, self.num_classes))  # [B, k]
        hits = tf.cast(tf.reduce_any(best == labels[:, tf.newaxis], axis=-1), tf.float32)
        self.top_5.assign_add(tf.math.unsorted_segment_sum(hits, labels, self.num_classes))

    def result(self) -> tf.Tensor:
        """The number of clips counted."""
        return tf.reduce_sum(self.confusion)

    def reset_state(self) -> None:
        """Sets all counts to zero."""
        for variable in (self.confusion, self.top_5):
            variable.assign(tf.zeros_like(variable))

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(confusion [K, K], top_5 [K]) as whole numbers."""
        return tuple(
            tf.convert_to_tensor(value).numpy().astype(np.int64)
            for value in (self.confusion, self.top_5)
        )
