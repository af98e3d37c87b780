"""Whole videos: what is predicted equals the training pipeline's frames through the same model."""

import dataclasses

import lite_models
import models
import numpy as np
import pytest
import tensorflow as tf
from video_files import grey_steps, noise, write_video

import movinet
from movinet import InputError
from movinet.data.pipeline import cropping, sampling
from movinet.data.pipeline.normalisation import Normalisation
from movinet.data.videos.video_files import VideoError, read_frames
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming import StreamClassifier, classify_video, load_model
from movinet.streaming.tensorflow_models import KerasModel, SavedModel

SIZE = 32
BY_RATE = Preprocessing(SIZE, SIZE, short_side=36, fps=5.0, num_frames=6)
BY_STRIDE = Preprocessing(SIZE, SIZE, short_side=36, temporal_stride=3, num_frames=6)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BY_SEGMENTS = Preprocessing(
    SIZE,
    SIZE,
    short_side=36,
    num_frames=6,
    sampling="segments",
    normalisation=Normalisation(MEAN, STD),
)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """25 frames of noise, 10 a second."""
    folder = tmp_path_factory.mktemp("video")
    return write_video(folder / "noise.ffv1.mkv", noise(25, 48, 64))


@pytest.fixture(scope="module")
def base():
    return models.build("tiny", 5, activation="swish")


@pytest.fixture(scope="module")
def causal():
    return models.build("tiny", 5, **models.LAYOUTS["stream_2plus1d"])


def describe(settings, **choices):
    return ModelInfo("tiny", 5, settings, **choices)


def pipeline_clips(video, settings, num_clips):
    """Clips [N, T, H, W, 3] as TensorFlow samples, resizes and crops them for an evaluation."""
    frames, times = zip(*read_frames(video), strict=True)
    if settings.sampling == "segments":
        indices = sampling.middle_of_segments(tf.constant(len(frames)), settings.num_frames)
    elif settings.fps:
        indices = sampling.evaluation_clips_at_rate(
            tf.constant(times), settings.num_frames, settings.fps, num_clips
        )
    else:
        indices = sampling.evaluation_clips(
            tf.constant(len(frames)), settings.num_frames, settings.temporal_stride, num_clips
        )
    clip = cropping.resize_short_side(tf.gather(np.stack(frames), indices), settings.short_side)
    clip = cropping.centre_crop(clip, settings.height, settings.width)
    shape = [num_clips, settings.num_frames, settings.height, settings.width, 3]
    values = (clip.numpy() / 255 - settings.normalisation.mean) / settings.normalisation.std
    return tf.reshape(tf.cast(values, tf.float32), shape)


@pytest.mark.parametrize("num_clips", [1, 3])
@pytest.mark.parametrize("settings", [BY_RATE, BY_STRIDE], ids=["rate", "stride"])
def test_clips_of_a_base_model(video, base, settings, num_clips):
    timeline = classify_video(video, KerasModel(base, describe(settings)), clips=num_clips)
    logits = base(pipeline_clips(video, settings, num_clips)).numpy()
    expected = np.stack([lite_models.softmax(row) for row in logits])
    np.testing.assert_allclose(timeline.probabilities, expected, atol=2e-4)
    np.testing.assert_allclose(timeline.final.probabilities, expected.mean(axis=0), atol=2e-4)
    assert len(timeline) == num_clips and not timeline.streamed
    assert (np.diff(timeline.times) > 0).all()


def test_segments_of_a_base_model(tmp_path, base):
    fading = noise(25, 48, 64) * np.linspace(1, 0, 25)[:, None, None, None] ** 3
    video = write_video(tmp_path / "fading.ffv1.mkv", fading.astype(np.uint8))
    model = KerasModel(base, describe(BY_SEGMENTS))
    timeline = classify_video(video, model)
    expected = lite_models.softmax(base(pipeline_clips(video, BY_SEGMENTS, 1))[0].numpy())
    np.testing.assert_allclose(timeline.probabilities, [expected], atol=2e-4)
    # 25 frames, 10 a second: the frames 1, 5, ..., 21.
    np.testing.assert_allclose(timeline.times, [1.1], atol=1e-3)
    with pytest.raises(InputError, match="sees segments of the whole video, not 2 clips"):
        classify_video(video, model, clips=2)
    # The negative controls: another mean, and frames that follow each other.
    for changes in (
        {"normalisation": Normalisation(MEAN[::-1], STD)},
        {"sampling": "clip", "temporal_stride": 1},
    ):
        other = KerasModel(base, describe(dataclasses.replace(BY_SEGMENTS, **changes)))
        assert np.abs(classify_video(video, other).probabilities - expected).max() > 1e-3


def test_a_stream_of_segments_says_at_their_end_what_the_clip_gives(video, causal):
    timeline = classify_video(video, KerasModel(causal, describe(BY_SEGMENTS, causal=True)))
    clip = pipeline_clips(video, BY_SEGMENTS, 1)
    assert timeline.streamed and len(timeline) == 6
    for count in (1, 6):
        expected = lite_models.softmax(causal(clip[:, :count])[0].numpy())
        np.testing.assert_allclose(timeline.probabilities[count - 1], expected, atol=2e-4)


def test_a_stream_predicts_at_every_frame_what_the_clip_so_far_gives(video, causal):
    model = KerasModel(causal, describe(BY_RATE, causal=True))
    heard = []
    timeline = classify_video(video, model, on_prediction=heard.append)
    whole = dataclasses.replace(BY_RATE, num_frames=len(timeline))
    (clip,) = pipeline_clips(video, whole, 1)
    for count in range(1, len(timeline) + 1):
        logits = causal(clip[tf.newaxis, :count])[0].numpy()
        expected = lite_models.softmax(logits)
        np.testing.assert_allclose(timeline.probabilities[count - 1], expected, atol=2e-4)
    np.testing.assert_allclose(timeline.times, np.arange(13) / 5)
    assert [prediction.frame for prediction in heard] == list(range(13))
    assert timeline.final.time == timeline.times[-1]
    alone = StreamClassifier(model).push(noise(1, 48, 64)[0]).probabilities
    assert np.abs(alone - timeline.final.probabilities).max() > 1e-3


def test_sigmoids_of_a_multilabel_model(video, base):
    model = KerasModel(base, describe(BY_RATE, multilabel=True))
    expected = tf.sigmoid(base(pipeline_clips(video, BY_RATE, 1)))[0]
    actual = classify_video(video, model).final.probabilities
    np.testing.assert_allclose(actual, expected, atol=2e-4)


def test_a_lite_model_of_clips(tmp_path, clip_file):
    video = write_video(tmp_path / "grey.ffv1.mkv", grey_steps(30))
    timeline = classify_video(video, clip_file, clips=2)
    # 6 frames at 5 of 10 a second: 0, 2, ..., 10 and 18, 20, ..., 28.
    for row, start in zip(timeline.probabilities, (0, 18), strict=True):
        levels = (10 + 6 * (start + 2 * np.arange(6))) / 255
        frames = np.broadcast_to(levels[:, None, None, None], (6, 1, 1, 3))
        np.testing.assert_allclose(row, lite_models.mean_colour_probabilities(frames), atol=1e-3)
    np.testing.assert_allclose(timeline.times, [0.5, 2.3], atol=1e-3)


def test_the_official_saved_model_is_its_tflite_file(video, official):
    folder, lite = (classify_video(video, path) for path in (official.saved, official.lite))
    np.testing.assert_allclose(folder.probabilities, lite.probabilities, atol=1e-4)
    assert folder.info.name == "official" and len(folder) == 13


def test_a_saved_model_with_init_states_and_its_description(tmp_path, video, stream_file):
    specs = {
        name: ([None, None, None, None, 3] if name == "image" else shape, dtype)
        for name, (shape, dtype) in lite_models.stream_specs(1).items()
    }

    def init_states(input_shape):
        batch = input_shape[0]
        return {
            "state_sum": tf.zeros([batch, 3]),
            "state_count": tf.zeros([batch], tf.int32),
        }

    folder = lite_models.save(
        tmp_path / "saved",
        call=(lite_models.mean_colour_step, specs),
        init_states=(init_states, {"input_shape": ([5], tf.int32)}),
    )
    with pytest.raises(InputError, match="any size: say of which"):
        load_model(folder)
    model = load_model(folder, image_size=8, fps=5.0)
    expected = classify_video(video, stream_file).probabilities
    np.testing.assert_allclose(classify_video(video, model).probabilities, expected, atol=1e-5)
    info = ModelInfo("ours", 4, Preprocessing(8, 8, 8, fps=2.0), tuple("abcd"), causal=True)
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "movinet.json").write_text(info.to_json())
    assert load_model(folder).info == info
    assert len(classify_video(video, folder)) == 5


def test_a_saved_keras_model_of_clips(tmp_path, video, base):
    base.save(str(tmp_path / "keras"))
    model = SavedModel(tmp_path / "keras", image_size=SIZE)
    assert not model.streams and model.num_frames is None
    model.info = describe(BY_RATE)
    expected = classify_video(video, KerasModel(base, describe(BY_RATE))).probabilities
    np.testing.assert_allclose(classify_video(video, model).probabilities, expected, atol=1e-4)


SAVED_IMAGE = ([1, 1, 8, 8, 3], tf.float32)
OTHER_SIGNATURES = {
    "at one end alone": {
        "call": (
            lambda image, state: {"logits": tf.reduce_mean(image, [1, 2, 3]) + state, "new": state},
            {"image": SAVED_IMAGE, "state": ([1, 3], tf.float32)},
        )
    },
    "no output 'logits'": {
        "call": (lambda image: {"a": image, "b": image}, {"image": SAVED_IMAGE}),
    },
    "no input 'image'": {
        "call": (lambda a, b: {"logits": a + b}, {"a": SAVED_IMAGE, "b": SAVED_IMAGE}),
    },
    "instead of": {
        "call": (lambda image: {"logits": image}, {"image": ([1, 8, 8, 3], tf.float32)})
    },
    "no signature 'call'": {
        name: (lambda image: {"logits": image}, {"image": SAVED_IMAGE}) for name in ("one", "two")
    },
    "not of the size 9": {
        "call": (
            lambda image: {"logits": tf.reduce_mean(image, [1, 2, 3])},
            {"image": SAVED_IMAGE},
        )
    },
}


@pytest.mark.parametrize("words", OTHER_SIGNATURES)
def test_other_saved_models_are_refused(tmp_path, words):
    folder = lite_models.save(tmp_path / "saved", **OTHER_SIGNATURES[words])
    with pytest.raises(InputError, match=words):
        load_model(folder, image_size=9)


def test_what_is_no_model_is_refused(tmp_path, video):
    cases = {
        "nowhere": "does not exist",
        "text.txt": "is no model",
        "ckpt-1": "is a checkpoint",
        "empty": "none of saved_model.pb, params.yaml, ensemble.json",
        "broken": "not a SavedModel",
    }
    (tmp_path / "text.txt").write_text("words")
    (tmp_path / "ckpt-1.index").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/saved_model.pb").write_bytes(b"\x08\x96\xff")
    for name, words in cases.items():
        with pytest.raises(InputError, match=words):
            classify_video(video, tmp_path / name)


def test_what_does_not_fit_is_refused(tmp_path, video, stream_file, clip_file):
    with pytest.raises(InputError, match="streams: it sees the whole video"):
        classify_video(video, stream_file, clips=2)
    with pytest.raises(InputError, match="at least 1"):
        classify_video(video, clip_file, clips=0)
    for model in (stream_file, clip_file):
        with pytest.raises(VideoError, match="does not exist"):
            classify_video(tmp_path / "nowhere.mp4", model)


def test_a_published_variant_from_its_checkpoint(tmp_path, video):
    preset = movinet.PRESETS["a0_stream"]
    model = movinet.MovinetClassifier(
        movinet.Movinet(**preset.backbone_arguments()),
        num_classes=3,
        activation=preset.classifier_activation,
    )
    models.randomise(model)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    loaded = load_model(path, preset="a0_stream", labels=["a", "b", "c"], fps=1.0)
    assert loaded.streams and loaded.info.labels == ("a", "b", "c")
    frames = noise(2, 192, 192)
    clip = cropping.centre_crop(tf.constant(frames), 172, 172)
    expected = model(tf.cast(clip, tf.float32)[tf.newaxis] / 255)[0].numpy()
    classifier = StreamClassifier(loaded)
    last = [classifier.push(frame) for frame in frames][-1]
    np.testing.assert_allclose(last.probabilities, lite_models.softmax(expected), atol=1e-3)
