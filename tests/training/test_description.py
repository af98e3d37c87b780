"""What a run says of its model, and that an export finds it."""

import json

import pytest
import tensorflow as tf
from record_files import encode_jpeg, grey_frames, sequence_example, write_records

from movinet import InputError, model_info
from movinet.data.pipeline.normalisation import Normalisation
from movinet.export import sources
from movinet.model_info import Preprocessing
from movinet.training import description, inputs


def resolved(config):
    for name in ("train_data", "validation_data"):
        setattr(config.task, name, inputs.resolve(getattr(config.task, name)))
    return config


def test_a_run_describes_its_model(trained):
    folder, _ = trained
    info = model_info.read(folder / "movinet.json")
    assert info.labels == ("blue", "green", "red") and info.num_classes == 3
    # The dataset has a frame every 40 ms, of which each is taken.
    assert info.preprocessing == Preprocessing(
        height=24, width=24, short_side=24, fps=25.0, num_frames=6
    )
    assert (folder / "labels.txt").read_text() == "blue\ngreen\nred\n"
    found = sources.from_model_dir(str(folder)).info
    assert found.preprocessing == info.preprocessing and found.labels == info.labels
    assert found.name == "tiny_stream" and found.source.startswith(str(folder / "best"))


@pytest.mark.parametrize(
    ("override", "fps"),
    [
        ("task.validation_data.temporal_stride=2", 12.5),
        ("task.validation_data.target_fps=7.5,task.validation_data.temporal_stride=2", 7.5),
    ],
)
def test_frames_per_second(tiny_config, tmp_path, override, fps):
    info = description.write(resolved(tiny_config(override)), str(tmp_path))
    assert info.preprocessing.fps == fps and info.preprocessing.temporal_stride == 2


def test_records_of_another_make(tiny_config, tmp_path):
    """No manifest, so no names; frames without times are taken to be Kinetics'."""
    jpegs = [encode_jpeg(frame) for frame in grey_frames(4)]
    timed, untimed = tmp_path / "timed.tfrecord", tmp_path / "untimed.tfrecord"
    times = [0, 33_367, 66_733, 100_100]
    write_records(timed, [sequence_example(jpegs, [0], times)])
    write_records(untimed, [sequence_example(jpegs, [0])])
    config = tiny_config("task.validation_data.temporal_stride=3")
    train, validation = config.task.train_data, config.task.validation_data
    for data in (train, validation):
        data.input_path, data.num_classes = str(untimed), 3
    info = description.write(config, str(tmp_path))
    assert info.labels == () and info.preprocessing.fps == round(25 / 3, 3)
    assert not (tmp_path / "labels.txt").exists()
    train.input_path = str(timed)
    assert description.write(config, str(tmp_path)).preprocessing.fps == pytest.approx(
        9.99, abs=0.01
    )
    # Data that is not there is the reader's to refuse.
    train.input_path = validation.input_path = "nowhere*"
    assert description.write(config, str(tmp_path)).preprocessing.fps == round(25 / 3, 3)
    validation.feature_shape = (4, 16)
    with pytest.raises(InputError, match="feature_shape"):
        description.write(config, str(tmp_path))


def test_the_size_of_stored_frames_is_the_manifests(tiny_config, tiny_dataset, tmp_path):
    manifest = json.loads((tiny_dataset / "manifest.json").read_text())
    manifest["settings"] = {"encoding": {"short_side": 128}}
    for path in tiny_dataset.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    config = tiny_config(f"task.validation_data.input_path='{tmp_path}'")
    assert tf.io.gfile.exists(str(tmp_path / "manifest.json"))
    info = description.write(resolved(config), str(tmp_path / "run"))
    assert info.preprocessing.stored_short_side == 128


MEAN_AND_STD = "image_mean=[0.5,0.4,0.3],task.{0}_data.image_std=[0.2,0.25,0.3]"


def normalised(*names: str) -> str:
    return ",".join(f"task.{name}_data.{MEAN_AND_STD.format(name)}" for name in names)


def test_segments_and_normalisation(tiny_config, tmp_path):
    override = normalised("train", "validation") + ",task.validation_data.sampling=segments"
    info = description.write(resolved(tiny_config(override)), str(tmp_path))
    assert info.preprocessing == Preprocessing(
        height=24,
        width=24,
        short_side=24,
        num_frames=6,
        sampling="segments",
        normalisation=Normalisation((0.5, 0.4, 0.3), (0.2, 0.25, 0.3)),
    )
    assert model_info.read(tmp_path / "movinet.json") == info


def test_training_and_validation_see_the_same_values(tiny_config, tmp_path):
    with pytest.raises(InputError, match="normalise pixels differently"):
        description.write(resolved(tiny_config(normalised("train"))), str(tmp_path))
