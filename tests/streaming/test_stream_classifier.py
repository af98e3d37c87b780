"""The stream classifier: frame by frame, from anew, stored and resumed; what it refuses."""

import dataclasses

import lite_models
import numpy as np
import pytest

from movinet import InputError
from movinet.data.pipeline.normalisation import CENTRED, Normalisation
from movinet.streaming import LiteRtModel, StreamClassifier
from movinet.streaming.preprocessing import FramePreparer


def camera(count, seed=0):
    """Frames uint8 [T, 48, 64, 3], darker and darker."""
    generator = np.random.default_rng(seed)
    fade = np.linspace(1, 0.2, count)[:, np.newaxis, np.newaxis, np.newaxis]
    return (generator.integers(0, 256, (count, 48, 64, 3)) * fade).astype(np.uint8)


def probabilities(classifier, frames):
    return np.stack([classifier.push(frame).probabilities for frame in frames])


def test_each_prediction_knows_all_frames_so_far(stream_file):
    classifier = StreamClassifier(stream_file)
    frames = [np.full((20, 30, 3), level, np.uint8) for level in (0, 100, 200, 50)]
    for count, frame in enumerate(frames, 1):
        prediction = classifier.push(frame, time=count / 5)
        seen = np.stack([np.full((8, 8, 3), f[0, 0, 0] / 255) for f in frames[:count]])
        expected = lite_models.mean_colour_probabilities(seen)
        np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
        assert (prediction.frame, prediction.time) == (count - 1, count / 5)
        assert prediction.top(1)[0].class_index == expected.argmax()
    assert classifier.frames == 4


def test_the_official_model_streams_alike_frame_by_frame(official):
    frames = camera(5)
    classifier = StreamClassifier(official.lite)
    actual = probabilities(classifier, frames)
    states = official.model.init_states(official.shape)
    preparer = FramePreparer(classifier.info.preprocessing)
    for frame, row in zip(frames, actual, strict=True):
        clip = preparer.prepare(frame)[np.newaxis, np.newaxis]
        logits, states = official.model({**states, "image": clip})
        np.testing.assert_allclose(row, lite_models.softmax(logits[0].numpy()), atol=1e-4)


def test_reset_is_a_new_video(official):
    used, fresh = StreamClassifier(official.lite), StreamClassifier(official.lite)
    probabilities(used, camera(4, seed=1))
    unlike = used.push(camera(1)[0]).probabilities
    used.reset()
    assert used.frames == 0
    expected = probabilities(fresh, camera(4))
    np.testing.assert_array_equal(probabilities(used, camera(4)), expected)
    assert np.abs(unlike - expected[0]).max() > 1e-4


def test_a_stream_can_be_stored_and_resumed(official):
    frames = camera(6)
    whole = probabilities(StreamClassifier(official.lite), frames)
    first = StreamClassifier(official.lite)
    probabilities(first, frames[:3])
    stored = first.states
    probabilities(first, frames[3:])  # What is stored does not change with the stream.
    second = StreamClassifier(official.lite)
    second.states = stored
    np.testing.assert_array_equal(probabilities(second, frames[3:]), whole[3:])
    forgetful = StreamClassifier(official.lite).push(frames[3]).probabilities
    assert np.abs(forgetful - whole[3]).max() > 1e-4


def test_two_streams_on_one_model_do_not_mix(official):
    model = LiteRtModel(official.lite)
    one, two = StreamClassifier(model), StreamClassifier(model)
    left, right = camera(4, seed=1), camera(4, seed=2)
    mixed = [
        (one.push(a).probabilities, two.push(b).probabilities)
        for a, b in zip(left, right, strict=True)
    ]
    alone = probabilities(StreamClassifier(official.lite), left)
    np.testing.assert_array_equal(np.stack([a for a, _ in mixed]), alone)
    np.testing.assert_array_equal(
        np.stack([b for _, b in mixed]), probabilities(StreamClassifier(official.lite), right)
    )


def test_prepared_floats_are_taken_as_they_are(stream_file):
    frame = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    expected = StreamClassifier(stream_file).push(frame).probabilities
    for floats in (np.float32, np.float64):
        actual = StreamClassifier(stream_file).push(frame.astype(floats) / 255).probabilities
        np.testing.assert_allclose(actual, expected, atol=1e-6)


def floats(value=0.5, size=8):
    return np.full((size, size, 3), value, np.float32)


@pytest.mark.parametrize(
    ("normalisation", "words"),
    [
        (CENTRED, r"in \[-1, 1\], not in \[200, 200\]: subtract 127.5 and divide by 127.5"),
        (
            Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            r"in \[-2.12, 2.64\], .* subtract \[123.675, 116.28, 103.53\] and divide by \[58.395,",
        ),
    ],
    ids=["centred", "imagenet"],
)
def test_floats_are_in_the_range_of_the_model(stream_file, normalisation, words):
    model = LiteRtModel(stream_file)
    settings = dataclasses.replace(model.info.preprocessing, normalisation=normalisation)
    model.info = dataclasses.replace(model.info, preprocessing=settings)
    classifier = StreamClassifier(model)
    frame = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    expected = classifier.push(frame).probabilities
    classifier.reset()
    mean, std = np.array(normalisation.mean), np.array(normalisation.std)
    actual = classifier.push((frame / 255 - mean) / std).probabilities
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    with pytest.raises(InputError, match=words):
        classifier.push(floats(200))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((1, 8, 8, 3), np.uint8), "RGB"),
        (np.zeros((8, 8), np.uint8), "RGB"),
        (np.zeros((8, 8, 4), np.uint8), "RGB"),
        (np.zeros((8, 8, 3), np.int64), "not int64"),
        (np.zeros((8, 8, 3), bool), "not bool"),
        (floats(200), "divide by 255"),
        (floats(-0.5), "in \\[0, 1\\], not in \\[-0.5"),
        (floats(np.nan), "not numbers"),
        (floats(np.inf), "not numbers"),
        (floats(size=9), "has the model's size"),
    ],
)
def test_other_frames_are_refused_and_change_nothing(stream_file, frame, words):
    classifier = StreamClassifier(stream_file)
    classifier.push(floats(0.2))
    before = classifier.states
    with pytest.raises(InputError, match=words):
        classifier.push(frame)
    assert classifier.frames == 1
    assert all((before[name] == value).all() for name, value in classifier.states.items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda states: states.pop("state_sum"), "'state_sum' is missing"),
        (lambda states: states.update(more=np.zeros(1)), "'more' is unknown"),
        (lambda states: states.update(state_sum=np.zeros((1, 4), np.float32)), "instead of"),
        (lambda states: states.update(state_count=np.zeros(1)), "float64"),
    ],
)
def test_states_of_another_model_are_refused(stream_file, change, words):
    classifier = StreamClassifier(stream_file)
    states = classifier.states
    change(states)
    with pytest.raises(InputError, match=words):
        classifier.states = states


def test_labels(stream_file):
    classifier = StreamClassifier(stream_file, labels=["a", "b", "c", "d"])
    assert classifier.push(floats()).label in "abcd"
    assert classifier.info.labels == ("a", "b", "c", "d")
    with pytest.raises(InputError, match="2 labels for 4 classes"):
        StreamClassifier(stream_file, labels=["a", "b"])


def test_a_model_of_clips_does_not_stream(clip_file):
    with pytest.raises(InputError, match="no states and cannot stream"):
        StreamClassifier(clip_file)
