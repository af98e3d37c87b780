"""Running an exported model on video, frame by frame or clip by clip, without TensorFlow.

    from movinet.streaming import StreamClassifier

    classifier = StreamClassifier("a0_stream.tflite")
    for frame in camera:  # uint8 RGB [H, W, 3] of any size
        print(classifier.push(frame).label)

Needs numpy, PyAV and ai-edge-litert (`pip install "movinet[streaming]"`). TensorFlow is loaded only
for models that need it: SavedModels, training folders and checkpoints.
"""

from movinet.streaming.classify import classify_video
from movinet.streaming.litert_model import LiteRtModel
from movinet.streaming.loading import load_model
from movinet.streaming.prediction import ClassScore, Prediction
from movinet.streaming.stream_classifier import StreamClassifier
from movinet.streaming.timeline import Timeline
from movinet.streaming.video_model import States, VideoModel

__all__ = [
    "ClassScore",
    "LiteRtModel",
    "Prediction",
    "States",
    "StreamClassifier",
    "Timeline",
    "VideoModel",
    "classify_video",
    "load_model",
]
