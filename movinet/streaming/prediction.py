"""What a model says about a video at one moment."""

import dataclasses
from typing import NamedTuple

import numpy as np

from movinet.model_info import ModelInfo


class ClassScore(NamedTuple):
    """One class of a prediction; score is its probability in [0, 1]."""

    label: str
    class_index: int
    score: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities of all classes.

    Attributes:
      probabilities: float32 [K]; they sum to 1 unless the model is multilabel.
      info: of the model, which knows the labels.
      frame: number of frames that the model had seen before this one.
      time: of the frame in the video, in seconds; None if it is not known.
    """

    probabilities: np.ndarray
    info: ModelInfo
    frame: int = 0
    time: float | None = None

    def top(self, k: int = 5) -> list[ClassScore]:
        """Returns the k most probable classes, or all if there are fewer; of equals, the first."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [
            ClassScore(self.info.label(int(index)), int(index), float(self.probabilities[index]))
            for index in order
        ]

    @property
    def label(self) -> str:
        """The name of the most probable class."""
        return self.top(1)[0].label

    @property
    def score(self) -> float:
        """The probability of the most probable class."""
        return self.top(1)[0].score


def probabilities(logits: np.ndarray, *, multilabel: bool = False) -> np.ndarray:
    """Returns float32 probabilities [K] of logits [K]: a softmax, or a sigmoid of each."""
    values = np.asarray(logits, np.float64)
    if multilabel:
        # exp of what is never positive: it cannot overflow.
        small = np.exp(-np.abs(values))
        return (np.where(values >= 0, 1.0, small) / (1 + small)).astype(np.float32)
    powers = np.exp(values - values.max())
    return (powers / powers.sum()).astype(np.float32)
