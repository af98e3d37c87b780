"""How often a quantised model says what the float model says, and which layers keep it from it."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from movinet.export import quantization
from movinet.export.calibration import Feed, Ranges
from movinet.export.litert_file import Graph
from movinet.export.prepared_videos import PreparedVideo
from movinet.streaming.preprocessing import FramePreparer
from movinet.streaming.video_model import LOGITS, VideoModel


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Two models on the same videos.

    Attributes:
      videos, answers: number of videos, and of answers: one a frame for streams, else one a video.
      of_answers: share of the answers in which both say the same class.
      of_videos: the same of the last answers alone, those to whole videos.
      reference_accuracy, accuracy: share of the videos whose last answer is right, by the float
        model and by the other one; None if the classes of the videos are not known.
    """

    videos: int
    answers: int
    of_answers: float
    of_videos: float
    reference_accuracy: float | None
    accuracy: float | None

    def describe(self) -> str:
        """Returns the figures in one line."""
        words = f"{self.of_answers:.2%} of {self.answers} answers"
        if self.answers > self.videos:
            words += f", {self.of_videos:.2%} at the end of {self.videos} videos"
        if self.accuracy is not None and self.reference_accuracy is not None:
            words += f"; accuracy {self.accuracy:.2%}, in float {self.reference_accuracy:.2%}"
        return words


def compare(
    reference: VideoModel, candidate: VideoModel, videos: Iterable[PreparedVideo]
) -> Agreement:
    """Runs both models on all videos, streams frame by frame with states of their own.

    Raises: ValueError if there are no videos.
    """
    preparer = FramePreparer(reference.info.preprocessing)
    same, last_same, right = [], [], []
    for video in videos:
        frames = preparer.normalise(video.frames)
        both = [_answers(model, frames) for model in (reference, candidate)]
        same += [one == other for one, other in zip(*both, strict=True)]
        last_same.append(same[-1])
        if video.label is not None:
            right.append([answers[-1] == video.label for answers in both])
    if not same:
        raise ValueError("There are no videos to compare models on.")
    accuracies = np.mean(right, axis=0) if len(right) == len(last_same) else (None, None)
    return Agreement(
        videos=len(last_same),
        answers=len(same),
        of_answers=float(np.mean(same)),
        of_videos=float(np.mean(last_same)),
        reference_accuracy=None if accuracies[0] is None else float(accuracies[0]),
        accuracy=None if accuracies[1] is None else float(accuracies[1]),
    )


def _answers(model: VideoModel, frames: np.ndarray) -> list[int]:
    """Returns the likeliest class after each frame [T, H, W, 3], or after all of them."""
    states = model.initial_states()
    answers = []
    for piece in np.split(frames, len(frames)) if model.streams else [frames]:
        logits, states = model.run(piece[np.newaxis], states)
        answers.append(int(logits.argmax()))
    return answers


@dataclasses.dataclass(frozen=True)
class LayerError:
    """What one layer does to the logits if it alone is quantised: the RMS of the change, as a part
    of the RMS of the logits.
    """

    name: str
    error: float


def layer_errors(
    content: bytes,
    precision: str,
    ranges: Ranges,
    feeds: Sequence[Feed],
    *,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> list[LayerError]:
    """Quantises each layer alone and returns their errors, the worst first.

    Args:
      content: of the float model.
      ranges: of its tensors.
      feeds: what the model reads; see `movinet.export.calibration`.
      progress: is given the names of the layers to go through.
    """
    # Integers at the ends cost nothing more, and change what the model reads.
    alone = "int_float_fallback" if precision == "int8" else precision
    expected = _logits(content, feeds)
    scale = float(np.sqrt(np.mean(expected**2))) or 1.0
    errors = []
    for name in progress(list(layer_names(content))):
        quantised = quantization.quantize(content, alone, ranges, only=rf"(^|;){name}/")
        change = _logits(quantised, feeds) - expected
        errors.append(LayerError(name, float(np.sqrt(np.mean(change**2))) / scale))
    return sorted(errors, key=lambda layer: -layer.error)


def layer_names(content: bytes) -> Iterator[str]:
    """Yields the layers of a graph of ours in order, without its pools, which stay in float."""
    graph, seen = Graph(content), set()
    for operation in graph.operations():
        scope, slash, _ = graph.name(operation.outputs[0]).partition("/")
        if slash and scope not in seen and not scope.endswith("_pool"):
            seen.add(scope)
            yield scope


def _logits(content: bytes, feeds: Sequence[Feed]) -> np.ndarray:
    runner = Interpreter(model_content=content, num_threads=2).get_signature_runner()
    return np.concatenate([runner(**feed)[LOGITS] for feed in feeds]).astype(np.float64)
