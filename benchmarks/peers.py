"""The official implementation beside ours, on the same weights."""

import tempfile
from typing import Any


def share_weights(ours: Any, official: Any) -> None:
    """Copies our weights through a checkpoint, as users of both would."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=ours).write(f"{folder}/weights")
        status = tf.train.Checkpoint(model=official).read(path)
        status.assert_existing_objects_matched().expect_partial()
