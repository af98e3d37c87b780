"""A `.tflite` file as a model: what it computes, what it says of itself, what is refused."""

import dataclasses
import shutil
import zipfile

import lite_models
import numpy as np
import pytest
import tensorflow as tf

from movinet import InputError
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming import LiteRtModel, StreamClassifier, VideoModel

INFO = ModelInfo(
    name="colours",
    num_classes=lite_models.CLASSES,
    preprocessing=Preprocessing(lite_models.SIZE, lite_models.SIZE, 10, fps=7.5),
    labels=("red", "green", "blue", "grün"),
    causal=True,
)


def random_frames(count, size=lite_models.SIZE, seed=0):
    return np.random.default_rng(seed).random((count, size, size, 3)).astype(np.float32)


def stream(model, frames):
    states = model.initial_states()
    for frame in frames:
        logits, states = model.run(frame[np.newaxis, np.newaxis], states)
    return logits


def test_a_stream_sees_all_frames(stream_file):
    model: VideoModel = LiteRtModel(stream_file)
    assert model.streams and model.num_frames == 1 and model.image_size == (8, 8)
    frames = random_frames(9)
    expected = frames.mean(axis=(0, 1, 2)) @ lite_models.WEIGHTS
    np.testing.assert_allclose(stream(model, frames), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(stream(model, frames[-1:]) - expected).max() > 1e-2


def test_images_without_a_frame_axis(tmp_path, stream_file):
    four = LiteRtModel(lite_models.write_stream(tmp_path / "four.tflite"))
    assert four.num_frames == 1
    frames = random_frames(5)
    np.testing.assert_allclose(
        stream(four, frames), stream(LiteRtModel(stream_file), frames), rtol=1e-5, atol=1e-6
    )


def test_clips(clip_file, tmp_path):
    frames = random_frames(6)
    expected = frames.mean(axis=(0, 1, 2)) @ lite_models.WEIGHTS
    model = LiteRtModel(clip_file)
    assert not model.streams and model.num_frames == 6 and model.initial_states() == {}
    open_length = LiteRtModel(lite_models.write_clip(tmp_path / "open.tflite", None))
    assert open_length.num_frames is None
    for each in (model, open_length):
        logits, states = each.run(frames[np.newaxis], {})
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
        assert states == {}


def test_the_official_export_runs_as_its_keras_model(official):
    lite = LiteRtModel(official.lite, num_threads=2)
    assert lite.streams and lite.image_size == (32, 32) and lite.info.num_classes == 5
    assert lite.initial_states().keys() == official.specs.keys() - {"image"}
    frames = random_frames(6, 32)
    keras_states = official.model.init_states(official.shape)
    states = lite.initial_states()
    for frame in frames:
        clip = frame[np.newaxis, np.newaxis]
        expected, keras_states = official.model({**keras_states, "image": clip})
        logits, states = lite.run(clip, states)
        np.testing.assert_allclose(logits, expected[0], rtol=1e-3, atol=1e-4)
    forgetful, _ = lite.run(frames[-1][np.newaxis, np.newaxis], lite.initial_states())
    assert np.abs(forgetful - expected[0]).max() > 1e-2


def test_a_file_without_a_description_describes_itself(stream_file, clip_file):
    info = LiteRtModel(stream_file).info
    assert (info.name, info.num_classes, info.causal) == ("mean_stream", 4, True)
    assert info.preprocessing == Preprocessing(8, 8, short_side=8, fps=5.0, num_frames=1)
    assert info.labels == () and info.label(2) == "class 2"
    info = LiteRtModel(clip_file).info
    assert not info.causal and info.preprocessing.num_frames == 6


def attach(path, text, name="movinet.json", compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr(name, text)
    return path


@pytest.fixture
def copy(stream_file, tmp_path):
    return shutil.copy(stream_file, tmp_path / "model.tflite")


def test_the_description_is_at_the_end_of_the_file_or_beside_it(copy):
    copy.with_suffix(".json").write_text(dataclasses.replace(INFO, name="beside").to_json())
    assert LiteRtModel(copy).info.name == "beside"
    attach(copy, "kinetics", name="labels_of_others.txt")
    assert LiteRtModel(copy).info.name == "beside"
    attach(copy, INFO.to_json())
    model = LiteRtModel(copy)
    assert model.info == INFO
    frames = random_frames(3)
    expected = frames.mean(axis=(0, 1, 2)) @ lite_models.WEIGHTS
    np.testing.assert_allclose(stream(model, frames), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        (" " * 1_000_001, "larger than"),
        (b"\xff\xfe\xff", "not text"),
        (dataclasses.replace(INFO, num_classes=3, labels=()).to_json(), "3 classes, but"),
        (
            dataclasses.replace(INFO, preprocessing=Preprocessing(9, 8, 8)).to_json(),
            "9x8 pixels",
        ),
        (INFO.to_json().replace("model/2", "model/1"), "its format is not 'movinet-model/2'"),
        (INFO.to_json().replace('"clip"', '"uniform"'), "sampling is 'uniform'"),
        (INFO.to_json().replace('"std"', '"deviation"'), "unknown field 'deviation'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(copy, text, words):
    with pytest.raises(InputError, match=words):
        LiteRtModel(attach(copy, text))


def test_a_damaged_archive_is_refused(copy):
    content = attach(copy, INFO.to_json()).read_bytes()
    position = content.rindex(b"PK\x03\x04") + 60
    copy.write_bytes(content[:position] + b"\0\0\0\0\0\0" + content[position + 6 :])
    with pytest.raises(InputError, match="damaged"):
        LiteRtModel(copy)


def test_files_that_are_no_models_are_refused(tmp_path, stream_file):
    with pytest.raises(InputError, match="does not exist"):
        LiteRtModel(tmp_path / "nowhere.tflite")
    for name, content in (("text", b"no model"), ("empty", b""), ("null", bytes(2000))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="not a TensorFlow Lite model"):
            LiteRtModel(tmp_path / name)
    (tmp_path / "cut").write_bytes(stream_file.read_bytes()[:900])
    with pytest.raises(InputError, match="not a TensorFlow Lite model"):
        LiteRtModel(tmp_path / "cut")


IMAGE = ([1, 1, 8, 8, 3], tf.float32)
STATE = ([1, 3], tf.float32)
BAD_SIGNATURES = {
    "no input 'image'": (
        lambda picture: {"logits": tf.reduce_mean(picture, [1, 2, 3])},
        {"picture": IMAGE},
    ),
    "no output 'logits'": (
        lambda image, state: {"scores": tf.reduce_mean(image, [1, 2, 3]), "state": state + 1},
        {"image": IMAGE, "state": STATE},
    ),
    "does not return it": (
        lambda image, state: {"logits": tf.reduce_mean(image, [1, 2, 3]) + state},
        {"image": IMAGE, "state": STATE},
    ),
    "does not take it": (
        lambda image: {
            "logits": tf.reduce_mean(image, [1, 2, 3]),
            "state": tf.reduce_max(image, [1, 2, 3]),
        },
        {"image": IMAGE},
    ),
    "but returns it as float32": (
        lambda image, state: {
            "logits": tf.reduce_mean(image, [1, 2, 3]),
            "state": tf.concat([state, state], axis=1),
        },
        {"image": IMAGE, "state": STATE},
    ),
    "instead of \\[1, frames": (
        lambda image: {"logits": tf.reduce_mean(image, [1, 2, 3])},
        {"image": ([1, 1, 8, 8, 4], tf.float32)},
    ),
    "frames of any size": (
        lambda image: {"logits": tf.reduce_mean(image, [1, 2, 3])},
        {"image": ([1, 1, None, None, 3], tf.float32)},
    ),
    "without a scale": (
        lambda image: {"logits": tf.reduce_mean(tf.cast(image, tf.float32), [1, 2, 3])},
        {"image": ([1, 1, 8, 8, 3], tf.int32)},
    ),
    "have the shape": (
        lambda image: {"logits": tf.reduce_mean(image, [2, 3])},
        {"image": ([1, 4, 8, 8, 3], tf.float32)},
    ),
}


@pytest.mark.parametrize("words", BAD_SIGNATURES)
def test_other_signatures_are_refused(tmp_path, words):
    function, specs = BAD_SIGNATURES[words]
    path = lite_models.convert(tmp_path / "bad.tflite", function, **specs)
    with pytest.raises(InputError, match=words):
        LiteRtModel(path)


def test_ops_that_are_not_there_are_refused_at_once(tmp_path):
    specs = {"image": IMAGE}
    folder = lite_models.save(
        tmp_path / "saved",
        serving_default=(lambda image: {"logits": tf.math.digamma(image[:, 0, 0, 0])}, specs),
    )
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.allow_custom_ops = True
    (tmp_path / "custom.tflite").write_bytes(converter.convert())
    with pytest.raises(InputError, match=r"can be run here .*Digamma"):
        LiteRtModel(tmp_path / "custom.tflite")


def quantise(path, folder, samples):
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return path


def test_quantised_inputs_states_and_logits(tmp_path):
    """State and image are int8; zero is not 0, and the state comes out in other steps."""

    def fading(image, state_mean):
        mean = 0.5 * state_mean + 0.5 * (tf.reduce_mean(image, [1, 2, 3]) * 4 - 3)
        return {"logits": tf.linalg.matmul(mean, lite_models.WEIGHTS), "state_mean": mean}

    specs = {"image": IMAGE, "state_mean": STATE}
    folder = lite_models.save(tmp_path / "saved", serving_default=(fading, specs))
    generator = np.random.default_rng(0)
    samples = [
        {
            "image": np.full((1, 1, 8, 8, 3), generator.random(), np.float32),
            "state_mean": generator.uniform(-3.5, 1, (1, 3)).astype(np.float32),
        }
        for _ in range(50)
    ]
    model = LiteRtModel(quantise(tmp_path / "int8.tflite", folder, samples))
    initial = model.initial_states()["state_mean"]
    assert initial.dtype == np.int8 and (initial != 0).all()
    frames = [np.full((8, 8, 3), level, np.float32) for level in (0.1, 0.9, 0.4, 0.7, 0.2)]
    mean = np.zeros(3)
    for frame in frames:
        mean = 0.5 * mean + 0.5 * (frame.mean(axis=(0, 1)) * 4 - 3)
    expected = mean @ lite_models.WEIGHTS
    actual = stream(model, frames)
    assert actual.dtype == np.float32
    assert np.abs(actual - expected).max() < 0.05 * np.abs(expected).max()
    wrong = {"state_mean": np.zeros_like(initial)}
    once, _ = model.run(frames[0][np.newaxis, np.newaxis], wrong)
    right, _ = model.run(frames[0][np.newaxis, np.newaxis], model.initial_states())
    assert np.abs(once - right).max() > 0.05 * np.abs(right).max()


def test_a_stream_of_several_frames_at_a_time_is_refused(tmp_path):
    with pytest.raises(InputError, match="takes 2 frames at a time"):
        StreamClassifier(lite_models.write_stream(tmp_path / "two.tflite", 2))
