"""Whole runs of the tiny network: curves, checkpoints, resume, the best weights, and how a run
fails."""

import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from movinet.training import configuration, history
from movinet.training.runner import Runner


def steps_of(folder, split):
    return [record["step"] for record in history.read(folder) if record["split"] == split]


def weights_of(checkpoint):
    reader = tf.train.load_checkpoint(checkpoint)
    keys = [
        key for key in reader.get_variable_to_shape_map() if key.startswith(("model/", "backbone/"))
    ]
    return {key: reader.get_tensor(key) for key in keys if "OPTIMIZER_SLOT" not in key}


def test_a_run_learns_and_leaves_everything_behind(trained):
    folder, reports = trained
    assert [report.split for report in reports] == ["validation", "test"]
    assert reports[0].top_1_accuracy > 0.6
    assert steps_of(folder, "train") == [5, 10, 15, 20] and steps_of(folder, "validation") == [
        10,
        20,
    ]
    for name in (
        "params.yaml",
        "ckpt-20.index",
        "ckpt-10.index",
        "training_curves.png",
        "best/best.json",
    ):
        assert (folder / name).exists(), name
    for split in ("validation", "test"):
        for name in (
            "metrics.json",
            "per_class.csv",
            "confusion_matrix.csv",
            "confusion_matrix.png",
        ):
            assert (folder / "evaluation" / split / name).stat().st_size > 0


def test_tensorboard_holds_the_same_numbers(trained):
    folder, _ = trained
    for split in ("train", "validation"):
        found = {}
        for path in (folder / split).glob("events*"):
            for event in tf.compat.v1.train.summary_iterator(str(path)):
                for value in event.summary.value:
                    found[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
        for record in history.read(folder):
            if record["split"] == split:
                for name in record.keys() - {"step", "split"}:
                    assert found[record["step"], name] == pytest.approx(record[name], rel=1e-6)


def test_the_learning_rate_follows_the_schedule(trained):
    folder, _ = trained
    for record in history.read(folder):
        if record["split"] == "train":
            expected = 0.01 * 0.5 * (1 + math.cos(math.pi * record["step"] / 20))
            assert record["learning_rate"] == pytest.approx(expected, abs=1e-9)


def test_params_yaml_describes_the_run(trained, tmp_path):
    folder, _ = trained
    config = configuration.load_experiment("movinet_sample", [str(folder / "params.yaml")])
    assert config.task.train_data.num_classes == 3 and config.trainer.train_steps == 20
    reports = Runner(config, str(folder_copy(folder, tmp_path)), "eval").run()
    assert len(reports) == 1


def folder_copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_resume_goes_on_from_step_and_optimizer_state(trained, tiny_config, tmp_path, capsys):
    folder = folder_copy(trained[0], tmp_path)
    runner = Runner(tiny_config("trainer.train_steps=25"), str(folder), "train_and_eval")
    before = tf.train.load_checkpoint(str(folder / "ckpt-20"))
    runner.run()
    assert f"Resuming from {folder / 'ckpt-20'} (step 20 of 25)" in capsys.readouterr().out
    assert int(runner.trainer.optimizer.iterations) == 25
    after = tf.train.load_checkpoint(str(folder / "ckpt-25"))
    slots = [key for key in before.get_variable_to_shape_map() if "/m/.ATTRIBUTES" in key]
    assert len(slots) > 30
    # Adam's first moment decays by 0.9 a step: after five more steps the old one is still in the
    # new one.
    moved = sum(
        np.abs(after.get_tensor(key) - 0.9**5 * before.get_tensor(key)).sum() for key in slots
    )
    reset = sum(np.abs(after.get_tensor(key)).sum() for key in slots)
    assert 0 < moved and np.isfinite(reset)
    assert steps_of(folder, "train") == [5, 10, 15, 20, 25]
    assert steps_of(folder, "validation") == [10, 20, 25]


def test_a_stopped_run_equals_an_unbroken_one_in_its_steps(tiny_config, tmp_path):
    """Work after the last checkpoint is done again, its records replaced; intervals stay
    multiples."""
    config = tiny_config("trainer.train_steps=15,trainer.checkpoint_interval=10")
    Runner(config, str(tmp_path), "train").run()
    for path in tmp_path.glob("ckpt-15*"):
        path.unlink()
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-10"\n')
    with open(tmp_path / "history.jsonl", "a") as file:
        file.write('{"step": 17, "split": "tr')
    Runner(config, str(tmp_path), "train").run()
    assert steps_of(tmp_path, "train") == [5, 10, 15]


def test_a_final_evaluation_that_was_cut_off_is_made_up_for(tiny_config, tmp_path):
    config = tiny_config("trainer.train_steps=10")
    Runner(config, str(tmp_path), "train").run()
    assert steps_of(tmp_path, "validation") == []
    Runner(config, str(tmp_path), "train_and_eval").run()
    assert steps_of(tmp_path, "validation") == [10]


def test_the_best_weights_are_those_that_were_evaluated(trained):
    folder, reports = trained
    record = json.loads((folder / "best" / "best.json").read_text())
    validations = {r["step"]: r for r in history.read(folder) if r["split"] == "validation"}
    assert record["value"] == max(r["accuracy"] for r in validations.values())
    assert reports[0].top_1_accuracy == pytest.approx(record["value"], abs=1e-6)
    best, latest = (
        weights_of(str(folder / name))
        for name in (f"best/{record['checkpoint']}", f"ckpt-{record['step']}")
    )
    assert best.keys() == latest.keys() and all(
        np.array_equal(best[key], latest[key]) for key in best
    )


def test_frozen_backbone_keeps_weights_and_statistics(trained, tiny_config, tmp_path):
    start = str(trained[0] / "ckpt-20")
    config = tiny_config(
        f"task.init_checkpoint={start},task.freeze_backbone=true,trainer.train_steps=5"
    )
    Runner(config, str(tmp_path), "train").run()
    before, after = weights_of(start), weights_of(str(tmp_path / "ckpt-5"))
    backbone = [key for key in before if key.startswith("backbone/")]
    head = [key for key in before if key.startswith("model/")]
    assert any("moving_mean" in key for key in backbone)
    assert all(np.array_equal(before[key], after[key]) for key in backbone)
    assert not any(np.array_equal(before[key], after[key]) for key in head)
    # The negative control: without freezing, all of it moves.
    config = tiny_config(f"task.init_checkpoint={start},trainer.train_steps=5")
    Runner(config, str(tmp_path / "free"), "train").run()
    moved = weights_of(str(tmp_path / "free" / "ckpt-5"))
    assert not any(
        np.array_equal(before[key], moved[key]) for key in backbone if "moving_mean" in key
    )


def test_moving_average_is_what_gets_evaluated(tiny_config, tmp_path):
    ema = (
        "trainer.optimizer_config.ema={average_decay: 0.9},"
        "runtime.distribution_strategy=mirrored,trainer.train_steps=10"
    )
    Runner(tiny_config(ema), str(tmp_path), "train_and_eval").run()
    latest, best = (
        tf.train.load_checkpoint(str(tmp_path / name)) for name in ("ckpt-10", "best/ckpt-10")
    )
    key = "backbone/layer_with_weights-0/_stem/_conv/kernel"
    value, average = (
        f"{key}/.ATTRIBUTES/VARIABLE_VALUE",
        f"{key}/.OPTIMIZER_SLOT/optimizer/average/.ATTRIBUTES/VARIABLE_VALUE",
    )
    assert np.allclose(best.get_tensor(value), latest.get_tensor(average), atol=1e-6)
    assert not np.allclose(latest.get_tensor(value), latest.get_tensor(average), atol=1e-4)
    report = Runner(tiny_config(ema), str(tmp_path), "eval").run("latest")[0]
    assert report.metrics["loss"] == pytest.approx(steps_loss(tmp_path, 10), rel=1e-4)


def steps_loss(folder, step):
    return next(
        r["loss"] for r in history.read(folder) if r["split"] == "validation" and r["step"] == step
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_trains(tiny_config, tmp_path, dtype):
    import tf_keras

    try:
        config = tiny_config(f"runtime.mixed_precision_dtype={dtype},trainer.train_steps=10")
        reports = Runner(config, str(tmp_path), "train_and_eval").run()
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert np.isfinite(reports[0].metrics["loss"])
    stored = tf.train.load_checkpoint(str(tmp_path / "ckpt-10")).get_variable_to_dtype_map()
    assert (
        stored["backbone/layer_with_weights-0/_stem/_conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"]
        == tf.float32
    )


def test_continuous_evaluation_meets_every_checkpoint_once_and_ends(
    trained, tiny_config, tmp_path, capsys
):
    folder = folder_copy(trained[0], tmp_path)
    shutil.rmtree(folder / "best")
    for path in folder.glob("ckpt-20.*"):
        shutil.copy(path, str(path).replace("ckpt-20", "ckpt-15"))
    data = folder / "ckpt-15.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    reports = Runner(tiny_config(), str(folder), "eval_continuous").run()
    said = capsys.readouterr().out
    assert "step 10: validation" in said and "step 20: validation" in said
    assert "ckpt-15 is gone or not whole" in said and "step 15" not in said
    assert reports[0].split == "validation" and (folder / "best" / "best.json").exists()
    # What was evaluated is known to the next start.
    Runner(tiny_config(), str(folder), "eval_continuous").run()
    assert "validation loss" not in capsys.readouterr().out


def test_training_with_evaluation_at_the_end(tiny_config, tmp_path):
    reports = Runner(
        tiny_config("trainer.train_steps=5"), str(tmp_path), "train_and_post_eval"
    ).run()
    assert [(report.split, report.step) for report in reports] == [("validation", 5)]
    assert steps_of(tmp_path, "validation") == []
