"""Our experiments against the Model Garden's: the same fields with the same defaults."""

import json
import subprocess
import sys

import pytest
from official.core import exp_factory

from movinet.presets import PRESETS
from movinet.training import experiments

# A process of its own: the official package registers an experiment under the same name.
DUMP = """
import json
from official.core import exp_factory
from official.projects.movinet.configs import movinet
print(json.dumps(exp_factory.get_exp_config("movinet_kinetics600").as_dict()))
"""


@pytest.fixture(scope="module")
def official():
    result = subprocess.run(
        [sys.executable, "-c", DUMP], capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout.splitlines()[-1])


def differences(ours, theirs, path=""):
    """Paths where `theirs` has no equal in `ours`; fields that only ours has do not count."""
    if not isinstance(theirs, dict):
        return [] if ours == theirs else [path]
    return [
        difference
        for name in theirs
        for difference in (
            differences(ours[name], theirs[name], f"{path}.{name}")
            if name in ours
            else [f"{path}.{name}"]
        )
    ]


def test_kinetics600_equals_the_official_experiment(official):
    ours = json.loads(json.dumps(exp_factory.get_exp_config("movinet_kinetics600").as_dict()))
    assert differences(ours, official) == []
    ours["task"]["model"]["dropout_rate"] += 0.1
    assert differences(ours, official) == [".task.model.dropout_rate"]


def test_kinetics400_differs_only_in_the_data(official):
    ours = json.loads(json.dumps(exp_factory.get_exp_config("movinet_kinetics400").as_dict()))
    changed = {difference.rsplit(".", 1)[-1] for difference in differences(ours, official)}
    steps = {"steps_per_loop", "summary_interval", "checkpoint_interval", "validation_interval"}
    sizes = {
        "name",
        "num_classes",
        "num_examples",
        "decay_steps",
        "warmup_steps",
        "train_steps",
        "validation_steps",
    }
    assert changed == steps | sizes
    assert (
        ours["task"]["train_data"]["num_classes"],
        ours["task"]["validation_data"]["split"],
    ) == (400, "valid")


@pytest.mark.parametrize(
    ("name", "classes", "train", "validation"),
    [
        ("kinetics700", 700, 522_883, 33_441),
        ("ucf101", 101, 9_537, 3_783),
        ("hmdb51", 51, 3_570, 1_530),
        ("something_something_v2", 174, 168_913, 24_777),
        ("charades", 157, 7_985, 1_863),
    ],
)
def test_other_datasets(name, classes, train, validation):
    config = exp_factory.get_exp_config(f"movinet_{name}")
    for data, clips in ((config.task.train_data, train), (config.task.validation_data, validation)):
        assert (data.name, data.num_classes, data.num_examples) == (name, classes, clips)
        assert data.is_multilabel == (name == "charades")
    # The Model Garden's experiment of UCF101 evaluates on augmented clips.
    assert config.task.train_data.is_training and not config.task.validation_data.is_training
    assert config.task.train_data.random_flip == (name != "something_something_v2")
    batch_size = config.task.train_data.global_batch_size
    assert config.trainer.train_steps == 44 * (train // batch_size)
    rate = config.trainer.optimizer_config.learning_rate.cosine
    assert rate.initial_learning_rate == pytest.approx(1.6 * batch_size / 1024)
    assert rate.decay_steps == config.trainer.train_steps


def test_the_sample_experiment_is_the_streaming_a0():
    config = exp_factory.get_exp_config("movinet_sample").task
    preset = PRESETS["a0_stream"]
    backbone = config.model.backbone.movinet
    for name in ("model_id", "causal", "se_type", "activation", "gating_activation"):
        assert getattr(backbone, name) == getattr(preset, name), name
    assert backbone.conv_type == preset.training_conv_type
    # The direction of a motion is its class.
    assert not config.train_data.random_flip and config.train_data.feature_shape[1:] == (64, 64, 3)


def test_registering_again_replaces():
    experiments._register(experiments.movinet_kinetics600)
    assert exp_factory.get_exp_config("movinet_kinetics600") == experiments.movinet_kinetics600()
