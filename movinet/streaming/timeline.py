"""What a model said about a video over time."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from movinet.model_info import ModelInfo
from movinet.streaming.prediction import ClassScore, Prediction


@dataclasses.dataclass(frozen=True, eq=False)
class Timeline:
    """Predictions in the order of the video: one for each frame of a stream, or for each clip.

    Attributes:
      times: [N] in seconds, increasing: of the frame, or of the middle of the clip.
      probabilities: float32 [N, K].
      info: of the model.
      video: the file.
      streamed: whether each prediction knows all that came before it.
    """

    times: np.ndarray
    probabilities: np.ndarray
    info: ModelInfo
    video: pathlib.Path
    streamed: bool

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index: int) -> Prediction:
        position = range(len(self))[index]
        time = float(self.times[position])
        return Prediction(self.probabilities[position], self.info, position, time)

    @property
    def final(self) -> Prediction:
        """What is said of the whole video: the last of a stream, or the mean of the clips."""
        if self.streamed:
            return self[-1]
        mean = self.probabilities.mean(axis=0, dtype=np.float64).astype(np.float32)
        return Prediction(mean, self.info, len(self) - 1)

    def peak_classes(self, k: int = 5) -> list[int]:
        """Returns the k classes whose probability was highest at any time, the final one first."""
        scores = self.probabilities.max(axis=0)
        chosen = np.argsort(-scores, kind="stable")[:k]
        final = self.final.probabilities
        return sorted((int(index) for index in chosen), key=lambda index: -final[index])

    def to_json(self, k: int = 5) -> dict[str, Any]:
        """Returns what json.dump takes: the k most probable classes, finally and over time."""
        return {
            "video": str(self.video),
            "model": self.info.name,
            "mode": "stream" if self.streamed else "clips",
            "fps": self.info.preprocessing.fps or None,
            "top": [_to_json(score) for score in self.final.top(k)],
            "timeline": [
                {
                    "time": round(float(self.times[index]), 6),
                    "top": [_to_json(score) for score in self[index].top(k)],
                }
                for index in range(len(self))
            ],
        }


def _to_json(score: ClassScore) -> dict[str, Any]:
    return {"label": score.label, "index": score.class_index, "score": round(score.score, 6)}
