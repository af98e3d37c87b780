"""Settings onto experiments: every official recipe shape, every kind of mistake, and the round
trip."""

import pytest
from official.core import exp_factory
from official.vision.configs import video_classification

from movinet import InputError, yaml_files
from movinet.training import configuration

RECIPE = """
runtime:
  distribution_strategy: 'tpu'
  mixed_precision_dtype: 'bfloat16'
task:
  losses:
    l2_weight_decay: 0.00003
    label_smoothing: 0.1
  model:
    backbone:
      movinet:
        model_id: 'a0'
        causal: true
        conv_type: '3d_2plus1d'
        se_type: '2plus3d'
        activation: 'hard_swish'
        gating_activation: 'hard_sigmoid'
        use_positional_encoding: false
        stochastic_depth_drop_rate: 0.2
    norm_activation:
      use_sync_bn: true
    dropout_rate: 0.2
    activation: 'hard_swish'
  train_data:
    name: kinetics600
    variant_name: rgb
    feature_shape: !!python/tuple
    - 50
    - 172
    - 172
    - 3
    temporal_stride: 5
    random_stride_range: 1
    global_batch_size: 1024
    dtype: 'bfloat16'
    shuffle_buffer_size: 1024
    min_image_size: 192
    aug_max_area_ratio: 1.0
    aug_max_aspect_ratio: 2.0
    aug_min_area_ratio: 0.08
    aug_min_aspect_ratio: 0.5
    aug_type: 'autoaug'
  validation_data:
    name: kinetics600
    feature_shape: !!python/tuple
    - 120
    - 172
    - 172
    - 3
    temporal_stride: 5
    num_test_clips: 1
    num_test_crops: 1
    global_batch_size: 64
    min_image_size: 192
    dtype: 'bfloat16'
    drop_remainder: false
trainer:
  optimizer_config:
    learning_rate:
      cosine:
        initial_learning_rate: 1.8
        decay_steps: 85785
    warmup:
      linear:
        warmup_steps: 2145
    optimizer:
      type: 'rmsprop'
      rmsprop:
        rho: 0.9
        momentum: 0.9
        epsilon: 1.0
        clipnorm: 1.0
  train_steps: 85785
  validation_steps: 10
  steps_per_loop: 500
  summary_interval: 500
  validation_interval: 500
"""


RATE = "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate"


def load(override="", files=()):
    return configuration.load_experiment("movinet_kinetics600", files, override)


def test_a_recipe_with_every_key_of_the_official_ones(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    config = load(files=[str(tmp_path / "recipe.yaml")])
    assert config.task.train_data.feature_shape == (50, 172, 172, 3)
    assert config.task.validation_data.feature_shape == (120, 172, 172, 3)
    assert config.task.train_data.aug_type.type == "autoaug"
    assert config.trainer.optimizer_config.optimizer.get().epsilon == 1.0
    assert config.trainer.optimizer_config.learning_rate.cosine.decay_steps == 85785
    assert config.task.model.backbone.movinet.conv_type == "3d_2plus1d"
    # What the recipe leaves alone keeps the experiment's value.
    assert config.task.train_data.num_examples == 366016


def test_later_settings_win(tmp_path):
    for name, steps in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.yaml").write_text(
            f"trainer: {{train_steps: {steps}, max_to_keep: {steps}}}"
        )
    files = [str(tmp_path / "b.yaml"), str(tmp_path / "a.yaml")]
    config = load("trainer.max_to_keep=9", files)
    assert (config.trainer.train_steps, config.trainer.max_to_keep) == (1, 9)


def test_the_defaults_are_left_alone():
    load("trainer.train_steps=7,task.train_data.name=other")
    assert load().trainer.train_steps != 7


@pytest.mark.parametrize(
    "experiment", ["movinet_kinetics600", "movinet_kinetics400", "movinet_sample"]
)
def test_round_trip(experiment, tmp_path):
    config = configuration.load_experiment(experiment, [], "task.train_data.aug_type=randaug")
    configuration.save(str(tmp_path / "params.yaml"), config)
    again = configuration.load_experiment(experiment, [str(tmp_path / "params.yaml")])
    assert again == config
    assert again != configuration.load_experiment(experiment)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trainer.train_steps=1.5", "trainer.train_steps: expected a whole number, got 1.5."),
        ("trainer.train_steps=true", "expected a whole number, got true."),
        ("trainer.train_steps=[1]", "expected a whole number, got [1]."),
        ("trainer.train_steps=", "expected a whole number, got nothing."),
        ("trainer.train_steps=1:30", "expected a whole number, got '1:30'."),
        ("task.losses.label_smoothing=many", "task.losses.label_smoothing: expected a number"),
        ("task.losses.label_smoothing=.nan", "expected a number, got nan."),
        ("task.losses.label_smoothing=10", "expected a number from 0 to 1, got 10."),
        (f"{RATE}=-1", "expected a number that is finite and at least 0, got -1."),
        (f"{RATE}=1e400", "expected a number that is finite and at least 0, got inf."),
        ("trainer.train_steps=.inf", "expected a whole number, got inf."),
        ("trainer.loss_upper_bound=-.inf", "expected a number of at least 0, got -inf."),
        ("trainer.checkpoint_interval=-5", "expected a whole number from 0 to 2,147,483,647, got"),
        ("trainer.steps_per_loop=99999999999", "expected a whole number from 0 to"),
        ("task.train_data.num_examples=-2", "expected a whole number from -1 to"),
        ("task.train_data.feature_shape=[8,-64,64,3]", "feature_shape.1: expected a whole number"),
        ("task.train_data.seed=1e3", "expected a whole number, got 1000.0."),
        ("Trainer.train_steps=1", "Trainer: no such setting; did you mean 'trainer'?"),
        ("trainer.TRAIN_STEPS=1", "no such setting; did you mean 'train_steps'?"),
        ("train_steps=1", "train_steps: no such setting; did you mean trainer.train_steps?"),
        (
            "task.temporal_stride=1",
            "did you mean task.train_data.temporal_stride or task.validation_data.temporal_stride?",
        ),
        ("steps=1", "steps: no such setting; valid are runtime, task, trainer."),
        ("task.train_data.input_path={a: b}", "expected a word (in quotes if it looks like a"),
        ("task.train_data.cache=no", "expected true or false, got 'no'."),
        ("task.train_data.name=600", "expected a word"),
        ("task.train_data.feature_shape=8", "expected a list, got 8."),
        (
            "task.train_data.feature_shape=[8,a]",
            "feature_shape.1: expected a whole number, got 'a'.",
        ),
        ("task.model=3", "task.model: expected a group of settings, got 3."),
        ("task=", "task: expected a group of settings, got nothing."),
        (
            "task.train_data.aug_type=autoaugg",
            "aug_type.type: no such type 'autoaugg'; did you mean 'autoaug'?",
        ),
        (
            "task.train_data.aug_type={type: randaug, randaug: {magnitud: 3}}",
            "aug_type.randaug.magnitud: no such setting; did you mean 'magnitude'?",
        ),
        (
            "trainer.optimizer_config.optimizer.adam.beta_1=.5",
            "optimizer.adam: is set, but the type in use is 'sgd'; set 'type: adam' to use it.",
        ),
        ("trainer.optimizer_config.ema={decay: .9}", "ema.decay: no such setting"),
        ("trainer.optimizer_config.learning_rate.stepwise=3", "expected a group of settings"),
        (
            "runtime.loss_scale=[1]",
            "expected a word (in quotes if it looks like a number) or a number",
        ),
    ],
)
def test_mistakes_end_in_one_sentence(override, says):
    with pytest.raises(InputError) as refused:
        load(override)
    assert says in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        (
            "trainer.optimizer_config.ema={average_decay: .9}",
            "trainer.optimizer_config.ema.average_decay",
            0.9,
        ),
        ("runtime.loss_scale=dynamic", "runtime.loss_scale", "dynamic"),
        ("runtime.loss_scale=128", "runtime.loss_scale", 128.0),
        ("task.init_checkpoint_modules=[backbone]", "task.init_checkpoint_modules", ("backbone",)),
        ("task.train_data.input_path='a, b'", "task.train_data.input_path", "a, b"),
        ("trainer.loss_upper_bound=1.5e3", "trainer.loss_upper_bound", 1500.0),
        ("trainer.loss_upper_bound=.inf", "trainer.loss_upper_bound", float("inf")),
        ("trainer.validation_steps=-1", "trainer.validation_steps", -1),
        ("task.train_data.seed=-20241120235959", "task.train_data.seed", -20241120235959),
        (
            "trainer.optimizer_config.learning_rate={type: power, power: {power: -2}}",
            "trainer.optimizer_config.learning_rate.power.power",
            -2.0,
        ),
        (
            "task.train_data.mixup_and_cutmix={prob: 1}",
            "task.train_data.mixup_and_cutmix.prob",
            1.0,
        ),
        (
            "task.train_data.aug_type={type: randaug, randaug: {num_layers: 3}}",
            "task.train_data.aug_type.randaug.num_layers",
            3,
        ),
        (
            "trainer.optimizer_config.learning_rate={type: stepwise, stepwise: {boundaries: [1, "
            "2], values: [1, .1, .01]}}",
            "trainer.optimizer_config.learning_rate.stepwise.values",
            [1.0, 0.1, 0.01],
        ),
    ],
)
def test_every_kind_of_field_can_be_set(override, path, value):
    found = load(override)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value and type(found) is type(value)


def test_the_line_of_a_mistake_is_named(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("temporal_stride: 5", "temporal_strid: 5", 1))
    line = path.read_text().splitlines().index("    temporal_strid: 5") + 1
    with pytest.raises(InputError) as refused:
        load(files=[str(path)])
    assert str(refused.value) == (
        f"{path}, line {line}: task.train_data.temporal_strid: no such setting; did you mean "
        "'temporal_stride'?"
    )


def test_an_unknown_experiment_is_refused(monkeypatch):
    with pytest.raises(InputError, match="did you mean 'movinet_kinetics600'"):
        configuration.load_experiment("movinet_kinetics6")
    # The factory has it, but of the Model Garden, without what our trainer reads.
    theirs = video_classification.video_classification_ucf101
    monkeypatch.setitem(exp_factory._REGISTERED_CONFIGS, "video_classification_ucf101", theirs)
    assert exp_factory.get_exp_config("video_classification_ucf101").task
    with pytest.raises(InputError, match="no such experiment; valid are movinet_charades, "):
        configuration.load_experiment("video_classification_ucf101")


def test_files_that_include_each_other_without_end_are_refused(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"include: [{number + 1}.yaml, {number + 1}.yaml]")
    (tmp_path / "30.yaml").write_text("trainer: {train_steps: 3}")
    with pytest.raises(InputError, match="more than 100 files are included"):
        load(files=[str(tmp_path / "0.yaml")])
    assert load(files=[str(tmp_path / "25.yaml")]).trainer.train_steps == 3


def test_the_official_override_takes_what_ours_refuses():
    """The negative control: without our checks these mistakes pass in silence."""
    config = exp_factory.get_exp_config("movinet_kinetics600")
    config.override(
        {"trainer": {"train_steps": "many"}, "task": {"train_data": {"aug_type": {"typ": 1}}}}
    )
    assert config.trainer.train_steps == "many"


def test_saved_files_are_plain(tmp_path):
    configuration.save(str(tmp_path / "p.yaml"), load())
    assert "!!" not in (tmp_path / "p.yaml").read_text()
    assert yaml_files.load(tmp_path / "p.yaml").values["task"]["train_data"]["feature_shape"] == [
        64,
        224,
        224,
        3,
    ]
