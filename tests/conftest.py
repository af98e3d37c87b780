"""Fixtures shared by all tests; helpers beside this file can be imported."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from movinet.architectures import (
    ARCHITECTURES,
    K13,
    K33,
    Architecture,
    BlockSpec,
    HeadSpec,
    StemSpec,
)

TINY = Architecture(
    StemSpec(8),
    (BlockSpec(8, ((K13, 16),)), BlockSpec(16, ((K33, 24), (K33, 24)))),
    HeadSpec(project_filters=32, head_filters=32),
)
"""A network of one second's training, known to all tests as model_id `tiny`."""

ARCHITECTURES["tiny"] = TINY


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A dataset folder of three colours (24 train, 9 validation, 6 test clips of 6 frames, 24x24),
    written by hand."""
    from colour_dataset import write_colour_dataset

    return write_colour_dataset(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def trained(tiny_dataset, tmp_path_factory):
    """The folder of a finished run with its reports: (folder, reports). Tests must not change
    it."""
    from tiny_run import tiny_override

    from movinet.training import configuration
    from movinet.training.runner import Runner

    folder = tmp_path_factory.mktemp("trained")
    config = configuration.load_experiment("movinet_sample", [], tiny_override(tiny_dataset))
    return folder, Runner(config, str(folder), "train_and_eval").run()
