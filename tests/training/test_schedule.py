"""How a configuration comes together: included files, and a schedule fitted to another batch size
when that is asked for.
"""

import pytest

from movinet import InputError
from movinet.training import configuration

BATCH = "task.train_data.global_batch_size"


def load(override, files=()):
    return configuration.load_experiment("movinet_kinetics600", files, override)


def schedule(config):
    optimization, trainer = config.trainer.optimizer_config, config.trainer
    rate = optimization.learning_rate.get()
    return {
        "rate": rate.initial_learning_rate,
        "decay": rate.decay_steps,
        "warmup": optimization.warmup.linear.warmup_steps,
        "steps": trainer.train_steps,
        "validation": trainer.validation_interval,
    }


def test_a_quarter_of_the_batch_has_a_quarter_of_the_rate_and_four_times_the_steps():
    written = schedule(load(""))
    assert written == {
        "rate": 1.6,
        "decay": 15_708,
        "warmup": 1785,
        "steps": 15_708,
        "validation": 357,
    }
    config = load(f"{BATCH}=256,trainer.reference_batch_size=1024")
    assert list(schedule(config).values()) == [0.4, 62_832, 7140, 62_832, 1428]
    # What counts work and not data stays.
    for name in ("steps_per_loop", "summary_interval", "checkpoint_interval"):
        assert getattr(config.trainer, name) == 357


def test_without_being_asked_nothing_is_scaled():
    assert schedule(load(f"{BATCH}=256")) == schedule(load(""))


def test_a_larger_batch():
    scaled = schedule(load(f"{BATCH}=4096,trainer.reference_batch_size=1024"))
    assert list(scaled.values()) == [6.4, 3927, 446, 3927, 89]


def test_a_saved_configuration_is_not_scaled_again(tmp_path):
    config = load(f"{BATCH}=256,trainer.reference_batch_size=1024")
    configuration.save(str(tmp_path / "params.yaml"), config)
    assert load("", [str(tmp_path / "params.yaml")]) == config
    # But for a third batch size it is.
    again = load(f"{BATCH}=1024", [str(tmp_path / "params.yaml")])
    assert schedule(again) == schedule(load(""))


def test_steps_of_a_staircase():
    stairs = (
        "trainer.optimizer_config.learning_rate={type: stepwise, stepwise: "
        "{boundaries: [100, 200], values: [1.0, 0.5, 0.1]}}"
    )
    config = load(f"{stairs},{BATCH}=512,trainer.reference_batch_size=1024")
    found = config.trainer.optimizer_config.learning_rate.stepwise
    assert found.boundaries == [200, 400] and found.values == [0.5, 0.25, 0.05]


def test_a_rate_that_starts_above_zero_in_the_warm_up_scales_with_the_others():
    warm = "trainer.optimizer_config.warmup.linear.warmup_learning_rate=0.2"
    config = load(f"{warm},{BATCH}=512,trainer.reference_batch_size=1024")
    assert config.trainer.optimizer_config.warmup.linear.warmup_learning_rate == 0.1


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trainer.reference_batch_size=-1", "both must be at least 1"),
        (
            "trainer.reference_batch_size=8,trainer.optimizer_config.learning_rate.type=power",
            "learning_rate is of type 'power', which trainer.reference_batch_size cannot scale",
        ),
    ],
)
def test_what_cannot_be_scaled_is_refused(override, says):
    with pytest.raises(InputError, match=says):
        load(override)


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def test_an_included_file_comes_first_and_is_found_beside_its_includer(tmp_path):
    write(tmp_path / "base/one.yaml", "include: [two.yaml]\ntrainer: {train_steps: 1}")
    write(
        tmp_path / "base/two.yaml", "trainer: {train_steps: 2, max_to_keep: 2, steps_per_loop: 2}"
    )
    own = write(tmp_path / "own.yaml", "include: [base/one.yaml]\ntrainer: {max_to_keep: 3}")
    trainer = load("", [own]).trainer
    assert (trainer.train_steps, trainer.max_to_keep, trainer.steps_per_loop) == (1, 3, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "include: other.yaml",
            "line 1: include: expected a list of YAML files, got 'ot",
        ),
        ("include: [1]", "expected a list of YAML files"),
        ("include: [missing.yaml]", "Cannot read .*missing.yaml"),
        ("include: [own.yaml]", "own.yaml includes itself"),
        ("include: [../loop/other.yaml]", "own.yaml includes itself"),
        ("include: []\ntrainer: {trian_steps: 1}", "line 2: trainer.trian_steps: no such setting"),
    ],
)
def test_mistakes_in_includes(text, says, tmp_path):
    own = write(tmp_path / "loop/own.yaml", text)
    write(tmp_path / "loop/other.yaml", "include: [own.yaml]")
    with pytest.raises(InputError, match=says):
        load("", [own])
