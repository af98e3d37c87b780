"""How a task starts from a checkpoint, in the words of its configuration."""

import pytest
import tensorflow as tf

from movinet import InputError
from movinet.training.task import MovinetTask


@pytest.mark.parametrize(
    ("modules", "items", "says"),
    [
        ("all", "model", "set task.init_checkpoint_modules=backbone."),
        ("all", "backbone", "set task.init_checkpoint_modules=backbone if it holds a backbone."),
        (["head"], "model", "task.init_checkpoint_modules is 'head'; it must be 'all' or"),
    ],
)
def test_what_does_not_fit_is_told_with_the_setting(tiny_config, tmp_path, modules, items, says):
    config = tiny_config("task.train_data.num_classes=3").task
    model = MovinetTask(config).build_model()
    held = (
        {"model": model, "backbone": model.backbone}
        if items == "model"
        else {items: model.backbone}
    )
    config.init_checkpoint = tf.train.Checkpoint(**held).write(str(tmp_path / "ckpt"))
    config.init_checkpoint_modules = modules
    config.train_data.num_classes = 5
    task = MovinetTask(config)
    with pytest.raises(InputError) as refused:
        task.initialize(task.build_model())
    assert says in str(refused.value)


def test_the_backbone_is_loaded_and_said(tiny_config, tmp_path, capsys):
    config = tiny_config("task.train_data.num_classes=3").task
    model = MovinetTask(config).build_model()
    checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
    config.init_checkpoint = checkpoint.write(str(tmp_path / "ckpt"))
    config.init_checkpoint_modules, config.train_data.num_classes = ["backbone"], 5
    task = MovinetTask(config)
    task.initialize(task.build_model())
    assert "the head starts anew" in capsys.readouterr().out
