"""From a folder of videos by the command of `tfds build` to a training, and one with its clips
prepared by a tf.data service.
"""

import json
import math
import pathlib
import subprocess
import sys

import pytest
from tiny_run import tiny_override
from video_files import write_class_folders

from movinet.data.pipeline import data_service
from movinet.training import configuration, overrides
from movinet.training.runner import Runner

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILDER = ROOT / "movinet" / "data" / "tfds_builders" / "video_folder"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the command makes of 16 tiny videos."""
    folder = tmp_path_factory.mktemp("built")
    write_class_folders(folder / "videos", clips=4)
    config = {"name": "tiny", "short_side": 24, "workers": 1}
    command = [
        str(pathlib.Path(sys.executable).with_name("tfds")),
        "build",
        str(BUILDER),
        f"--config={json.dumps(config)}",
        f"--manual_dir={folder / 'videos'}",
        f"--data_dir={folder / 'data'}",
    ]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "full_name='video_folder/tiny/1.0.0'" in result.stdout
    return folder / "data"


def train(tiny_dataset, built, model_dir, override: str):
    config = configuration.load_experiment("movinet_sample", [], tiny_override(tiny_dataset))
    settings = [override, "trainer.train_steps=2", "trainer.steps_per_loop=1"]
    for name, split in (("train", "train"), ("validation", "validation")):
        settings += [
            f"task.{name}_data.input_path=''",
            f"task.{name}_data.tfds_name='video_folder/tiny:1.0.0'",
            f"task.{name}_data.tfds_data_dir='{built}'",
            f"task.{name}_data.tfds_split={split}",
        ]
    settings = overrides.parse(",".join(setting for setting in settings if setting))
    return Runner(configuration.apply(config, settings), str(model_dir), "train_and_eval").run()


def test_a_training_on_what_tfds_has_built(tiny_dataset, built, tmp_path):
    reports = train(tiny_dataset, built, tmp_path, "")
    assert [(report.split, int(report.clips.sum())) for report in reports] == [
        ("validation", 4),
        ("test", 4),
    ]
    assert all(math.isfinite(report.metrics["loss"]) for report in reports)
    assert (tmp_path / "labels.txt").read_text() == "jump\nrun\n"
    assert json.loads((tmp_path / "movinet.json").read_text())["num_classes"] == 2


def test_a_training_whose_clips_a_service_prepares(tiny_dataset, built, tmp_path):
    dispatcher = data_service.start("dispatcher", port=0)
    worker = data_service.start("worker", port=0, dispatcher=dispatcher.target)
    service = ",".join(
        f"task.{name}_data.enable_tf_data_service=true,"
        f"task.{name}_data.tf_data_service_address='{dispatcher.target}'"
        for name in ("train", "validation")
    )
    reports = train(tiny_dataset, built, tmp_path, service)
    assert worker is not None
    assert [int(report.clips.sum()) for report in reports] == [4, 4]
    assert (tmp_path / "ckpt-2.index").exists()
