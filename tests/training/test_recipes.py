"""Every recipe of configs/: its comments, its values beside the official ones, its network, its
clips, and one step of training in a reduced form.
"""

import copy
import functools
import pathlib

import numpy as np
import official_recipes
import pytest
import tensorflow as tf
from official.core import exp_factory
from official.modeling import performance

from movinet.presets import PRESETS
from movinet.training import configuration, inputs, preparation, recipes
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer
from movinet.yaml_files import Settings

ROOT = recipes.FOLDER.parent
NAMES = sorted(path.name for path in recipes.FOLDER.glob("movinet_*.yaml"))
OFFICIAL = [f"movinet_{name}.yaml" for name in official_recipes.NAMES]
# Classes, training clips, epochs.
OTHERS = {
    "movinet_a0_k400_8x8.yaml": (400, 215_570, 240),
    "movinet_a0_k700_8x8.yaml": (700, 522_883, 240),
    "movinet_a0_ucf101.yaml": (101, 9_537, 3),
    "movinet_a0_hmdb51.yaml": (51, 3_570, 2.1),
    "movinet_a0_something_something_v2.yaml": (174, 168_913, 22),
    "movinet_a2_charades.yaml": (157, 7_985, 57),
}
FINE_TUNED = list(OTHERS)[2:]
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

read = functools.cache(lambda name: recipes.read(recipes.FOLDER / name))


def flat(values, path=""):
    """The leaves of nested settings by their dotted paths."""
    if not isinstance(values, dict):
        return {path: values}
    leaves = {}
    for name, value in values.items():
        leaves |= flat(value, f"{path}.{name}" if path else name)
    return leaves


def differences(ours, theirs):
    ours, theirs = flat(ours.as_dict()), flat(theirs.as_dict())
    assert ours.keys() == theirs.keys()
    return {path: (theirs[path], ours[path]) for path in ours if theirs[path] != ours[path]}


def official_config(name):
    """The official file's settings on the experiment, and nothing else."""
    settings = official_recipes.settings(name.removeprefix("movinet_").removesuffix(".yaml"))
    experiment = exp_factory.get_exp_config("movinet_kinetics600")
    return configuration.apply(experiment, Settings(name, settings))


def test_all_official_recipes_are_there_and_no_other_is_unknown():
    assert len(OFFICIAL) == 27 and sorted([*OFFICIAL, *OTHERS]) == NAMES


@pytest.mark.parametrize("name", OFFICIAL)
def test_values_are_the_official_ones_but_for_what_is_mended(name):
    mended = {}
    if name != "movinet_a0_k600_cpu_local.yaml":
        mended["trainer.validation_steps"] = (27_780 // 64, -1)
    if name.endswith("_gpu.yaml") and "stream" not in name:
        mended["trainer.train_steps"] = (44 * (366_016 // 1024), 85_785)
    assert differences(read(name).config, official_config(name)) == mended


def test_a_changed_value_is_found():
    ours = read("movinet_a0_k600_8x8.yaml").config
    assert list(differences(ours, official_config("movinet_a1_k600_8x8.yaml"))) == [
        "task.model.backbone.movinet.model_id",
        "task.model.dropout_rate",
        "trainer.validation_steps",
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_other_datasets(name):
    classes, clips, epochs = OTHERS[name]
    task, trainer = read(name).config.task, read(name).config.trainer
    data = task.train_data
    assert (data.num_classes, data.num_examples) == (classes, clips)
    assert task.validation_data.num_classes == classes and trainer.validation_steps == -1
    # The schedule counts epochs of this dataset.
    steps_an_epoch = clips // data.global_batch_size
    assert trainer.train_steps / steps_an_epoch == pytest.approx(epochs, rel=5e-3)
    assert data.is_multilabel == task.validation_data.is_multilabel == ("charades" in name)
    # "Pushing something from left to right" is a class.
    assert data.random_flip == ("something" not in name)


@pytest.mark.parametrize("name", NAMES)
def test_comments_say_how_what_and_at_what_cost(name):
    text = (recipes.FOLDER / name).read_text(encoding="utf-8")
    recipe = read(name)
    assert text.startswith("# ") and "\n#\n# python3 train.py --experiment=" in text
    assert recipe.flags["config_file"] == f"configs/{name}"
    assert recipe.flags["model_dir"] == f"runs/{name.removesuffix('.yaml')}"
    # The command's own override is one that its experiment takes.
    config = configuration.load_experiment(
        recipe.flags["experiment"],
        [str(ROOT / recipe.flags["config_file"])],
        recipe.flags["params_override"],
    )
    assert config.task.train_data.input_path == config.task.validation_data.input_path != ""
    assert bool(config.task.init_checkpoint) == (name in FINE_TUNED)
    assert recipe.stated_cost == str(recipes.cost(recipe.config))
    comments = " ".join(line[1:].strip() for line in text.splitlines() if line.startswith("#"))
    assert "Not yet reproduced." in comments or "this trains nothing" in comments
    assert ("Mended: " if name in OFFICIAL else "Sources: ") in comments
    if "k600_8x8" in name:
        variant = name[8:10] + ("_stream" if "stream" in name else "_base")
        assert recipe.published == f"{PRESETS[variant].top1:.2f} % top-1"


def test_cost_is_three_forward_passes_a_step():
    config = copy.deepcopy(read("movinet_a2_k600_8x8.yaml").config)
    # 10 GFLOPs a clip as published (multiply-adds, rounded), 85,785 steps of 1,024 clips.
    expected = 85_785 * 1024 * 10e9 * 2 * 3
    assert recipes.cost(config).operations == pytest.approx(expected, rel=0.2)
    config.task.freeze_backbone = True
    assert recipes.cost(config).operations == pytest.approx(expected / 3, rel=0.2)


def test_the_documented_table_is_that_of_the_recipes():
    lines = (ROOT / "docs/recipes.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| [movinet_")]
    assert rows == [recipes.row(read(name)) for name in NAMES]


@pytest.mark.parametrize("runtime", ["tpu", "multi_worker", "one_machine"])
def test_another_machine_is_stacked_on_a_recipe(runtime):
    name = "movinet_a3_stream_k600_8x8.yaml"
    files = [str(recipes.FOLDER / name), str(recipes.FOLDER / "runtime" / f"{runtime}.yaml")]
    changed = differences(
        configuration.load_experiment("movinet_kinetics600", files), read(name).config
    )
    expected = {"runtime.distribution_strategy"}
    expected |= {"runtime.mixed_precision_dtype"} if runtime == "one_machine" else set()
    expected |= {f"task.{data}_data.dtype" for data in ("train", "validation") if len(expected) > 1}
    assert set(changed) == (set() if runtime == "tpu" else expected)


def networks():
    """One recipe for each network, the larger ones marked."""
    found = {}
    for name in NAMES:
        model_id, stream = name[8:10], "stream" in name
        layout = "gpu" if stream and "gpu" in name else ""
        found.setdefault((model_id, stream, layout), name)
    for (model_id, _, layout), name in found.items():
        large = model_id in ("a3", "a4", "a5") or layout
        yield pytest.param(name, marks=pytest.mark.large if large else ())


@pytest.mark.parametrize("name", networks())
def test_the_network_is_the_published_one(name):
    config = read(name).config
    config = configuration.apply(
        config, Settings("", {"task": {"train_data": {"num_classes": 600}}})
    )
    model = MovinetTask(config.task).build_model()
    variant = name[8:10] + ("_stream" if "stream" in name else "_base")
    assert model.count_params() == PRESETS[variant].parameters


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
    return configuration.load_experiment(
        read(name).flags["experiment"],
        [str(recipes.FOLDER / name), str(overlay)],
        f"task.train_data.input_path='{dataset}'",
    )


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
        losses = task.train_step((features, labels), trainer.model, trainer.optimizer)
        assert np.isfinite(float(losses["loss"]))
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
    assert rest_of_the_rate(official_config("movinet_a0_gpu.yaml").trainer) > 0.9
