"""A training run of seconds: the tiny network on the dataset of three colours."""

import pytest
from tiny_run import tiny_override


@pytest.fixture
def tiny_config(tiny_dataset):
    from movinet.training import configuration, overrides

    def make(override: str = ""):
        config = configuration.load_experiment("movinet_sample", [], tiny_override(tiny_dataset))
        return configuration.apply(config, overrides.parse(override)) if override else config

    return make


@pytest.fixture(scope="session")
def trained(tiny_dataset, tmp_path_factory):
    """The folder of a finished run with its reports: (folder, reports). Tests must not change
    it."""
    from movinet.training import configuration
    from movinet.training.runner import Runner

    folder = tmp_path_factory.mktemp("trained")
    config = configuration.load_experiment("movinet_sample", [], tiny_override(tiny_dataset))
    return folder, Runner(config, str(folder), "train_and_eval").run()
