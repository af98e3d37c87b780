"""A checkpoint written once is read for ever: renaming an attribute of a layer is a format change.

`python3 tests/model/test_golden.py` wrote the files of tests/golden, when the format was fixed.
"""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from models import LAYOUTS, build, random_clip

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
CLIP_SHAPE = (1, 3, 16, 16, 3)
GOLDEN_LAYOUTS = ("base_3d", "stream_3d_2plus1d", "stream_2plus1d")


def _model(layout):
    return build("tiny", use_positional_encoding=True, **LAYOUTS[layout])


@pytest.mark.parametrize("layout", GOLDEN_LAYOUTS)
def test_golden_checkpoints_give_the_golden_logits(layout):
    model = _model(layout)
    for variable in model.variables:
        variable.assign(tf.zeros_like(variable))
    checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
    status = checkpoint.read(str(GOLDEN / layout))
    status.assert_consumed()
    expected = np.load(GOLDEN / f"{layout}.npy")
    np.testing.assert_allclose(model(random_clip(*CLIP_SHAPE)), expected, rtol=1e-4, atol=1e-5)


def _write() -> None:
    import conftest  # noqa: F401  (registers the tiny architecture)

    GOLDEN.mkdir(exist_ok=True)
    for layout in GOLDEN_LAYOUTS:
        model = _model(layout)
        checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
        checkpoint.write(str(GOLDEN / layout))
        np.save(GOLDEN / f"{layout}.npy", model(random_clip(*CLIP_SHAPE)))


if __name__ == "__main__":
    _write()
