"""A model that sees segments and normalised pixels: trained, exported, and run on a video."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tiny_run import tiny_override
from video_files import noise, write_video

from movinet import model_info
from movinet.data.pipeline import cropping
from movinet.data.pipeline.normalisation import Normalisation
from movinet.data.videos.video_files import read_frames
from movinet.export import litert, prepared_videos, saved_model, sources
from movinet.export.litert_settings import Settings
from movinet.streaming import LiteRtModel, classify_video, load_model
from movinet.streaming.preprocessing import FramePreparer
from movinet.training import configuration, inputs
from movinet.training.runner import Runner

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
REPLACED = {
    "task.train_data.feature_shape": "[3,16,16,3]",
    "task.validation_data.feature_shape": "[3,24,24,3]",
    "trainer.train_steps": "3",
    "trainer.optimizer_config.learning_rate.cosine.decay_steps": "3",
}
DATA = {"sampling": "segments", "image_mean": list(MEAN), "image_std": list(STD)}
NETWORK = {"causal": "false", "conv_type": "3d", "se_type": "3d", "activation": "swish"}


@pytest.fixture(scope="module")
def run(tiny_dataset, tmp_path_factory):
    """The configuration and the folder of three steps of training a base model."""
    settings = REPLACED | {
        f"task.{data}_data.{name}": value
        for data in ("train", "validation")
        for name, value in DATA.items()
    }
    settings |= {f"task.model.backbone.movinet.{name}": value for name, value in NETWORK.items()}
    override = ",".join(
        [tiny_override(tiny_dataset, tuple(REPLACED))]
        + [f"{name}={value}" for name, value in settings.items()]
    )
    config = configuration.load_experiment("movinet_sample", [], override)
    folder = tmp_path_factory.mktemp("normalised")
    Runner(config, str(folder), "train").run()
    return config, folder


@pytest.fixture(scope="module")
def source(run):
    return sources.from_model_dir(run[1])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """13 frames, of which segments show the frames 1, 5 and 9."""
    return write_video(tmp_path_factory.mktemp("video") / "noise.ffv1.mkv", noise(13, 48, 64))


@pytest.fixture(scope="module")
def expected(source, video):
    """What the model says of those frames, prepared by TensorFlow and a formula in numpy."""
    frames = np.stack([frame for frame, _ in read_frames(video)])[[1, 5, 9]]
    clip = cropping.centre_crop(cropping.resize_short_side(frames, 24), 24, 24).numpy()
    values = ((clip / 255 - MEAN) / STD).astype(np.float32)
    return tf.nn.softmax(source.model(values[np.newaxis])[0]).numpy()


def test_the_run_describes_what_it_saw(run, source):
    settings = model_info.read(run[1] / "movinet.json").preprocessing
    assert settings.normalisation == Normalisation(MEAN, STD)
    assert (settings.sampling, settings.num_frames, settings.fps) == ("segments", 3, 0)
    assert source.info.preprocessing == settings


def test_calibration_sees_what_validation_saw(run, source, tiny_dataset):
    validation = run[0].task.validation_data.replace(global_batch_size=9)
    features, labels = next(iter(inputs.build_inputs(validation)))
    preparer = FramePreparer(source.info.preprocessing)
    videos = list(prepared_videos.read(tiny_dataset, source.info, split="val", num_frames=3))
    assert len(videos) == 9
    for video, image, label in zip(videos, features["image"], labels, strict=True):
        np.testing.assert_allclose(preparer.normalise(video.frames), image, atol=2e-6)
        assert video.label == np.argmax(label)
    # The negative control: the frames that follow each other in the centre.
    settings = dataclasses.replace(source.info.preprocessing, sampling="clip")
    info = dataclasses.replace(source.info, preprocessing=settings)
    (other,) = prepared_videos.read(tiny_dataset, info, split="val", num_frames=3, limit=1)
    assert (other.frames != videos[0].frames).any()


@pytest.mark.parametrize("kind", ["tflite", "saved_model", "run"])
def test_an_export_predicts_what_the_model_says(run, source, video, expected, tmp_path, kind):
    path = run[1]
    if kind == "tflite":
        path = tmp_path / "model.tflite"
        litert.export(source, path)
    elif kind == "saved_model":
        path = tmp_path / "model"
        saved_model.export(source, path)
    model = load_model(path)
    timeline = classify_video(video, model)
    np.testing.assert_allclose(timeline.probabilities, [expected], atol=1e-4)
    # The negative control: the mean and the deviation of another model.
    settings = dataclasses.replace(
        model.info.preprocessing, normalisation=Normalisation(MEAN[::-1], STD[::-1])
    )
    model.info = dataclasses.replace(model.info, preprocessing=settings)
    assert np.abs(classify_video(video, model).probabilities - expected).max() > 1e-3


def test_integers_cover_the_normalised_values(source, video, expected, tiny_dataset, tmp_path):
    settings = Settings("int8", data=str(tiny_dataset), calibration_videos=6, min_agreement=0)
    exported = litert.export(source, tmp_path / "int8.tflite", settings)
    model = LiteRtModel(exported.path)
    assert model.info.preprocessing == source.info.preprocessing
    image = model._inputs["image"]
    lowest, highest = image.decode(np.array([-128, 127]))
    assert lowest < -1.5 and highest > 1.5
    probabilities = classify_video(video, model).probabilities
    np.testing.assert_allclose(probabilities, [expected], atol=0.1)
