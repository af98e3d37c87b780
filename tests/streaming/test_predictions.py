"""Predictions and timelines: probabilities, ranking, what is written as JSON."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming import Prediction, Timeline
from movinet.streaming.prediction import probabilities

INFO = ModelInfo("a0_stream", 3, Preprocessing(8, 8, 8, fps=5.0), ("a", "b", "c"), causal=True)
ROWS = np.array([[0.5, 0.25, 0.25], [0.1, 0.7, 0.2]], np.float32)


def timeline(streamed, info=INFO):
    return Timeline(np.array([0.0, 0.2]), ROWS, info, pathlib.Path("v.mp4"), streamed)


@pytest.mark.parametrize("scale", [1, 30, 1e4])
def test_probabilities_are_tensorflows_and_never_overflow(scale):
    logits = np.random.default_rng(0).normal(0, scale, 50).astype(np.float32)
    with np.errstate(over="raise", invalid="raise"):
        one, many = probabilities(logits), probabilities(logits, multilabel=True)
    np.testing.assert_allclose(one, tf.nn.softmax(logits), atol=1e-6)
    np.testing.assert_allclose(many, tf.sigmoid(logits), atol=1e-6)
    assert one.dtype == many.dtype == np.float32
    np.testing.assert_allclose(one.sum(), 1, atol=1e-6)


def test_top():
    prediction = Prediction(ROWS[0], INFO)
    assert prediction.top(2) == [("a", 0, 0.5), ("b", 1, 0.25)]
    assert len(prediction.top(9)) == 3
    assert (prediction.label, prediction.score) == ("a", 0.5)
    unnamed = ModelInfo("x", 3, Preprocessing(8, 8, 8))
    assert Prediction(ROWS[1], unnamed).label == "class 1"


def test_the_last_of_a_stream_is_final_and_the_mean_of_clips():
    assert timeline(True).final.label == "b" and timeline(True).final.time == 0.2
    np.testing.assert_allclose(timeline(False).final.probabilities, [0.3, 0.475, 0.225])
    assert timeline(True)[0].label == "a" and timeline(True)[-1].frame == 1
    with pytest.raises(IndexError):
        timeline(True)[2]


def test_peak_classes_are_those_that_mattered_at_any_time():
    assert timeline(True).peak_classes(2) == [1, 0]
    assert timeline(True).peak_classes(5) == [1, 2, 0]


def test_json():
    content = json.loads(json.dumps(timeline(True).to_json(2)))
    assert content["mode"] == "stream" and content["fps"] == 5 and content["video"] == "v.mp4"
    assert content["top"] == [
        {"label": "b", "index": 1, "score": 0.7},
        {"label": "c", "index": 2, "score": 0.2},
    ]
    assert [entry["time"] for entry in content["timeline"]] == [0.0, 0.2]
    assert content["timeline"][0]["top"][0] == {"label": "a", "index": 0, "score": 0.5}
