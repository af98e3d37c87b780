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
