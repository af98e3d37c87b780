"""Exported models, made once."""

import lite_models
import pytest


@pytest.fixture(scope="session")
def stream_file(tmp_path_factory):
    """A `.tflite` model that streams: the mean colour so far."""
    return lite_models.write_stream(tmp_path_factory.mktemp("lite") / "mean_stream.tflite", 1)


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory):
    """A `.tflite` model of clips of 6 frames: their mean colour."""
    return lite_models.write_clip(tmp_path_factory.mktemp("lite") / "mean_clip.tflite")


@pytest.fixture(scope="session")
def official(tmp_path_factory):
    """The Model Garden's own export of a small network, 32 x 32 pixels."""
    return lite_models.export_official(tmp_path_factory.mktemp("official"), 32)
