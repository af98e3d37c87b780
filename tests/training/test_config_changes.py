"""Which changes of its settings a run is not gone on with, and how they are told."""

import dataclasses
import json

import pytest

from movinet import yaml_files
from movinet.training import config_changes, configuration, experiments
from movinet.training.config_changes import ABSENT, Change

RATE = "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate"
# The settings of these three groups that decide what a step learns, or what is kept as the best.
DECISIVE = {
    "trainer": {
        "optimizer_config",
        "gradient_accumulation_steps",
        "deterministic",
        "train_tf_function",
        "eval_tf_function",
        "best_checkpoint_export_subdir",
        "best_checkpoint_eval_metric",
        "best_checkpoint_metric_comp",
    },
    "runtime": {
        "distribution_strategy",
        "enable_xla",
        "num_gpus",
        "all_reduce_alg",
        "num_packs",
        "mixed_precision_dtype",
        "loss_scale",
        "run_eagerly",
        "batchnorm_spatial_persistent",
        "tpu_enable_xla_dynamic_padder",
        "num_cores_per_replica",
        "default_shard_dim",
        "use_tpu_mp_strategy",
    },
    "task.train_data": {
        # Which data, and in which order.
        *("input_path", "tfds_name", "tfds_split", "tfds_data_dir", "name", "split"),
        *("variant_name", "file_type", "compressed_input", "tfds_as_supervised"),
        *("tfds_skip_decoding_feature", "image_field_key", "label_field_key"),
        *("input_image_format", "num_examples", "num_classes", "is_multilabel", "one_hot"),
        *("label_dtype", "seed", "deterministic", "sharding", "is_training", "drop_remainder"),
        *("enable_tf_data_service", "apply_tf_data_service_before_batching", "trainer_id"),
        "enable_shared_tf_data_service_between_parallel_trainers",
        # What a clip is.
        *("global_batch_size", "feature_shape", "temporal_stride", "random_stride_range"),
        *("target_fps", "sampling", "num_test_clips", "num_test_crops", "min_image_size"),
        *("data_format", "dtype", "zero_centering_image", "image_mean", "image_std"),
        *("output_audio", "audio_feature", "audio_feature_shape"),
        *("random_flip", "aug_type", "mixup_and_cutmix", "aug_random_rotation"),
        *("aug_min_aspect_ratio", "aug_max_aspect_ratio"),
        *("aug_min_area_ratio", "aug_max_area_ratio"),
    },
}


def load(override=""):
    config = configuration.load_experiment("movinet_sample", [], override)
    return json.loads(json.dumps(config.as_dict()))


SAVED = load()


def changes(override):
    return config_changes.compare(SAVED, load(override))


def test_nothing_has_changed(tmp_path):
    assert config_changes.compare(SAVED, load()) == []
    # Nor in the file that a run keeps.
    config = configuration.load_experiment("movinet_sample")
    configuration.save(str(tmp_path / "params.yaml"), config)
    assert config_changes.compare(yaml_files.load(tmp_path / "params.yaml").values, SAVED) == []
    assert config_changes.compare({"a": 1, "b": [1, 2]}, {"a": 1.0, "b": [1, 2]}) == []


@pytest.mark.parametrize(
    ("override", "lines"),
    [
        ("task.train_data.global_batch_size=8", ["task.train_data.global_batch_size: 16 -> 8"]),
        (f"{RATE}=0.1", [f"{RATE}: 0.003 -> 0.1"]),
        ("task.train_data.num_classes=7", ["task.train_data.num_classes: -1 -> 7"]),
        (
            "task.model.backbone.movinet.model_id=a2",
            ['task.model.backbone.movinet.model_id: "a0" -> "a2"'],
        ),
        ("task.train_data.feature_shape=[8,64,64,1]", ["[8, 64, 64, 3] -> [8, 64, 64, 1]"]),
        ("task.init_checkpoint=ckpt-1", ['task.init_checkpoint: null -> "ckpt-1"']),
        ("task.train_data.random_flip=true", ["task.train_data.random_flip: false -> true"]),
        (
            "trainer.optimizer_config.warmup={type: polynomial}",
            [
                'warmup.linear: {"name": "linear", "warmup_learning_rate": 0, "warmup_steps": 40} '
                "(is no setting any more)",
                'warmup.polynomial: {"name": "polynomial", "power": 1, "warmup_steps": null} '
                "(was no setting",
                'warmup.type: "linear" -> "polynomial"',
            ],
        ),
        (
            "trainer.optimizer_config.ema={average_decay: 0.9}",
            ["trainer.optimizer_config.ema: null -> {"],
        ),
    ],
)
def test_what_a_step_learns_is_found(override, lines):
    found = changes(override)
    assert len(found) == len(lines)
    for change, line in zip(found, lines, strict=True):
        assert line in str(change) and "\n" not in str(change)


def test_how_long_and_how_often_may_change():
    assert changes("trainer={train_steps: 9, checkpoint_interval: 7, loss_upper_bound: 1}") == []
    assert changes("task.validation_data={cycle_length: 3, on_bad_clip: skip}") == []
    assert changes("runtime={tpu: 'grpc://other'}") == []
    # The same names elsewhere are no such settings.
    assert config_changes.compare({"task": {"train_steps": 1}}, {"task": {"train_steps": 2}})


@pytest.mark.parametrize("group", DECISIVE)
def test_of_each_setting_it_is_decided(group):
    config = experiments.movinet_sample()
    for name in group.split("."):
        config = getattr(config, name)
    names = {field.name for field in dataclasses.fields(config)}
    old, new = ({}, {})
    for part in reversed(group.split(".")):
        old = {part: old or dict.fromkeys(names, 1)}
        new = {part: new or dict.fromkeys(names, 2)}
    found = {change.path.removeprefix(f"{group}.") for change in config_changes.compare(old, new)}
    assert found == DECISIVE[group], found ^ DECISIVE[group]


def test_settings_of_one_side_only_are_told():
    old = {"a": {"gone": [1, True]}, "same": 1, "flag": True, "group": {"x": 1}}
    new = {"a": {"new": "é"}, "same": 1, "flag": 1, "group": 3}
    assert config_changes.compare(old, new) == [
        Change("a.gone", [1, True], ABSENT),
        Change("a.new", ABSENT, "é"),
        Change("flag", True, 1),
        Change("group", {"x": 1}, 3),
    ]
    assert [str(change) for change in config_changes.compare(old, new)] == [
        "a.gone: [1, true] (is no setting any more)",
        'a.new: "é" (was no setting when the run began)',
        "flag: true -> 1",
        'group: {"x": 1} -> 3',
    ]


def test_the_refusal_says_what_differs_and_what_to_do():
    sentence = config_changes.refusal(changes("task.train_data.global_batch_size=8"), "runs/a0")
    assert sentence == (
        "The run in runs/a0 began with other settings:\n"
        "  task.train_data.global_batch_size: 16 -> 8\n"
        "Give the same ones again, name another --model_dir, go on with the new ones by "
        "--allow_config_change, or begin anew by --fresh."
    )
    many = config_changes.compare({}, {f"s{number:02}": "x" * 999 for number in range(50)})
    lines = config_changes.refusal(many, "runs/a0").splitlines()
    assert len(lines) == 33 and lines[-2] == "  and 20 more" and max(map(len, lines)) < 200
