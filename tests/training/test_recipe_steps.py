"""Every recipe of configs/ at work: its network, its clips, its learning rate, and one step of
training in a reduced form.
"""

import copy
import pathlib

import numpy as np
import official_recipes
import pytest
import tensorflow as tf
from official.modeling import performance
from recipe_files import NAMES, read

from movinet.architectures import ARCHITECTURES
from movinet.presets import PRESETS
from movinet.training import configuration, inputs, preparation, recipes
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

TINY = """
runtime: {distribution_strategy: one_device}
task:
  model:
    backbone: {movinet: {model_id: tiny}}
    norm_activation: {use_sync_bn: false}
  train_data:
    name: colours
    num_classes: -1
    feature_shape: [2, 32, 32, 3]
    temporal_stride: 2
    min_image_size: 36
    shuffle_buffer_size: 24
    global_batch_size: 4
    seed: 1
"""


_COUNTED: dict = {}


def parameters(task):
    """Parameters of the model of a recipe, without those of its classes, and how many a class has.

    A network is built once for all recipes that have it.
    """
    backbone = task.model.backbone.movinet
    network = str({**backbone.as_dict(), "stochastic_depth_drop_rate": None})
    # A column of weights and a bias.
    a_class = ARCHITECTURES[backbone.model_id].head.head_filters + 1
    if network not in _COUNTED:
        model = MovinetTask(task).build_model()
        _COUNTED[network] = model.count_params() - task.train_data.num_classes * a_class
    return _COUNTED[network], a_class


def published(task):
    """The variant of which the network of a recipe is."""
    backbone = task.model.backbone.movinet
    return PRESETS[f"{backbone.model_id}_{'stream' if backbone.causal else 'base'}"]


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_the_published_one(name):
    task = read(name).config.task
    counted, a_class = parameters(task)
    assert counted == published(task).parameters - 600 * a_class


def test_a_network_with_another_choice_has_other_parameters():
    """The negative control: the count tells choices apart."""
    task = copy.deepcopy(read("movinet_a0_stream_k600_8x8.yaml").config.task)
    task.model.backbone.movinet.se_type = "3d"
    counted, a_class = parameters(task)
    assert counted != published(task).parameters - 600 * a_class


_BUILT: dict = {}


def once(make, data):
    """`make` of the dataset that `data` describes, once for all recipes that describe the same."""
    key = (make.__name__, str(data.as_dict()))
    if key not in _BUILT:
        _BUILT[key] = make(inputs.build_inputs(data))
    return _BUILT[key]


def image_spec(dataset):
    return dataset.element_spec[0]["image"]


def first_batch(dataset):
    return next(iter(dataset))


@pytest.mark.parametrize("name", NAMES)
def test_clips_have_the_shape_that_the_recipe_says(name, tiny_dataset):
    config = read(name).config.task.validation_data
    changes = {"input_path": str(tiny_dataset), "num_classes": -1, "split": "validation"}
    images = once(image_spec, config.replace(name="colours", **changes))
    batch = config.global_batch_size if config.drop_remainder else None
    assert images.shape.as_list() == [batch, *config.feature_shape]
    assert images.dtype.name == config.dtype


def tiny(name, dataset: pathlib.Path, folder: pathlib.Path):
    """The recipe's configuration, with the tiny network on the dataset of three colours."""
    overlay = folder / "tiny.yaml"
    overlay.write_text(TINY)
    config = configuration.load_experiment(
        read(name).flags["experiment"],
        [str(recipes.FOLDER / name), str(overlay)],
        f"task.train_data.input_path='{dataset}'",
    )
    if config.task.clip_by_clip.frames:
        config.task.clip_by_clip.frames = 1
    return config


@pytest.fixture
def precision():
    yield performance.set_mixed_precision_policy
    performance.set_mixed_precision_policy(tf.float32)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_trains(name, tiny_dataset, tmp_path, precision):
    config = preparation.prepare(tiny(name, tiny_dataset, tmp_path), train=True, evaluate=False)
    precision(tf.as_dtype(config.runtime.mixed_precision_dtype))
    task = MovinetTask(config.task)
    trainer = Trainer(config, task, train=False)
    features, labels = once(first_batch, config.task.train_data)
    assert features["image"].shape == [4, 2, 32, 32, 3] and labels.shape == [4, 3]
    assert features["image"].dtype.name == config.runtime.mixed_precision_dtype

    def step():
        before = [variable.numpy() for variable in trainer.model.trainable_variables]
        trainer.train_step(iter([(features, labels)]))
        assert np.isfinite(float(trainer.train_loss.result()))
        after = trainer.model.trainable_variables
        return [
            variable.name
            for variable, old in zip(after, before, strict=True)
            if not np.array_equal(variable.numpy(), old)
        ]

    # The negative control: a warm-up from zero begins with a step that changes nothing.
    warmup = config.trainer.optimizer_config.warmup.get()
    if warmup and not warmup.warmup_learning_rate:
        assert step() == []
    changed = step()
    assert any("classifier_head" in variable for variable in changed)
    assert any("stem" in variable for variable in changed) != config.task.freeze_backbone


def rest_of_the_rate(trainer):
    """The learning rate at the end of training, as a part of the highest one."""
    rate = MovinetTask.create_optimizer(trainer.optimizer_config).learning_rate
    steps = range(0, trainer.train_steps, max(trainer.train_steps // 40, 1))
    return float(rate(trainer.train_steps)) / max(float(rate(step)) for step in steps)


# One has a constant rate, the other takes ten steps of its warm-up.
NEVER_FALLS = ("movinet_a0_hmdb51.yaml", "movinet_a0_k600_cpu_local.yaml")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEVER_FALLS])
def test_the_learning_rate_falls_to_its_end(name):
    stairs = "charades" in name
    assert rest_of_the_rate(read(name).config.trainer) <= (0.011 if stairs else 1e-6)


def test_official_training_on_gpus_is_cut_off():
    """The negative control, and the reason why train_steps is mended there."""
    assert rest_of_the_rate(official_recipes.config("movinet_a0_gpu.yaml").trainer) > 0.9
