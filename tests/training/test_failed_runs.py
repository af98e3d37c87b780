"""Runs that must not go on: losses that run away, and what does not fit together."""

import shutil

import pytest

from movinet import InputError
from movinet.training import history
from movinet.training.runner import Runner


def test_nan_stops_with_a_sentence_and_no_checkpoint_of_it(tiny_config, tmp_path):
    hot = "trainer.optimizer_config.learning_rate={type: constant, constant: {learning_rate: 1e30}}"
    calm = hot.replace("1e30", "1e-3")
    config = tiny_config(f"trainer.optimizer_config.optimizer.adam.global_clipnorm=,{hot}")
    with pytest.raises(InputError, match=r"steps 1 to 5 is nan; there is no checkpoint"):
        Runner(config, str(tmp_path), "train_and_eval").run()
    assert not list(tmp_path.glob("ckpt-*"))
    Runner(tiny_config(f"trainer.train_steps=10,{calm}"), str(tmp_path), "train").run()
    with pytest.raises(
        InputError, match=r"ckpt-10 holds the last good state. Lower the learning rate"
    ):
        Runner(config, str(tmp_path), "train", allow_changes=True).run()
    assert not list(tmp_path.glob("ckpt-1[1-9]*")) and [
        record["step"] for record in history.read(tmp_path)
    ] == [5, 10]


def test_a_loss_out_of_bounds_goes_back_as_often_as_allowed(tiny_config, tmp_path, capsys):
    Runner(tiny_config("trainer.train_steps=10"), str(tmp_path), "train").run()
    config = tiny_config("trainer.loss_upper_bound=1e-9,trainer.recovery_max_trials=2")
    with pytest.raises(InputError, match="Training stopped: the mean loss of steps 11 to 15"):
        Runner(config, str(tmp_path), "train").run()
    assert capsys.readouterr().out.count("going back to") == 2


def test_what_cannot_be_run_is_refused(trained, tiny_config, tmp_path):
    with pytest.raises(InputError, match="not available"):
        Runner(tiny_config(), str(tmp_path), "train_and_validate")
    with pytest.raises(InputError, match="to evaluate; train first"):
        Runner(tiny_config(), str(tmp_path), "eval").run()
    with pytest.raises(InputError, match="There is no checkpoint"):
        Runner(tiny_config(), str(tmp_path), "eval").run(str(tmp_path / "ckpt-1"))
    with pytest.raises(InputError, match="distribution_strategy='mirored'"):
        Runner(tiny_config("runtime.distribution_strategy=mirored"), str(tmp_path), "train")
    with pytest.raises(InputError, match="bfloat16 or float32"):
        Runner(
            tiny_config("trainer.optimizer_config.ema={},runtime.mixed_precision_dtype=float16"),
            str(tmp_path),
            "train",
        )
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    other = tiny_config("task.model.backbone.movinet.se_type=none")
    with pytest.raises(InputError, match=r"(?s)se_type.*--allow_config_change"):
        Runner(other, str(folder), "train")
    with pytest.raises(InputError, match="of another model or optimizer"):
        Runner(other, str(folder), "train", allow_changes=True).run()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trainer.train_steps=0", "trainer.train_steps is 0; it must be at least 1"),
        ("trainer.steps_per_loop=-1", "trainer.steps_per_loop"),
        ("trainer.validation_steps=0", "trainer.validation_steps"),
        ("task.train_data.num_classes=4", "task.train_data: num_classes is 4"),
        ("task.losses.one_hot=false", "one_hot"),
        ("task.model.aggregate_endpoints=true", "task.model.aggregate_endpoints is set"),
        ("task.model.backbone={type: resnet_3d}", "builds movinet"),
        ("task.model.output_states=true", "hands states on by itself"),
        ("task.model.backbone.movinet.model_id=a9", "task.model: Unknown model_id 'a9'"),
        ("task.train_data.input_path=nowhere", "task.train_data"),
    ],
)
def test_configurations_that_do_not_fit_are_refused_before_the_first_step(
    tiny_config, tmp_path, override, says
):
    with pytest.raises(InputError) as refused:
        Runner(tiny_config(override), str(tmp_path), "train_and_eval")
    assert says in str(refused.value)
