"""Exporting a model as a SavedModel with the names, signatures and meanings of the official one."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import cast

from movinet import files, model_info
from movinet.checkpoints import loading
from movinet.classifier import MovinetClassifier
from movinet.comparison import Difference
from movinet.ensemble import VideoClassifier
from movinet.errors import InputError
from movinet.export import exported_model, measurements, sources
from movinet.export.ensemble_folder import AnySource
from movinet.export.exported_model import Shape
from movinet.export.sources import Source
from movinet.model_info import ModelInfo, State

ANY_SHAPE: Shape = (None, None, None, None, 3)
TOLERANCE = 1e-5
MARKER = "saved_model.pb"
EXTRAS_FOLDER = "assets.extra"
# Where nothing is fixed: long enough for every stream buffer to be filled and read.
_FRAMES_COMPARED = 6


@dataclasses.dataclass(frozen=True)
class Export:
    """An export that computes what its model does.

    Attributes:
      path: of its folder.
      bytes: of all files in it.
      operations: of the graph for inference.
      seconds_per_frame: median, on this machine, with frames of `frame_size` (height, width).
      frames_per_call: frames in each of the calls that were timed.
      difference: between the logits of the export and of the model, on random video.
    """

    path: pathlib.Path
    bytes: int
    operations: int
    seconds_per_frame: float
    frame_size: tuple[int, int]
    frames_per_call: int
    difference: Difference

    def describe(self) -> str:
        """Returns the figures in lines for people."""
        height, width = self.frame_size
        return "\n".join(
            (
                f"size           {self.bytes / 1e6:.1f} MB",
                f"operations     {self.operations}",
                f"time per frame {1000 * self.seconds_per_frame:.1f} ms on this machine "
                f"({self.frames_per_call} x {height} x {width} a call)",
                f"difference     {self.difference.relative:.1e} of the largest logit",
                f"exported to    {self.path}",
            )
        )


def export(
    source: AnySource,
    export_path: str | os.PathLike[str],
    input_shape: Shape = ANY_SHAPE,
    *,
    bundle_init_states: bool = True,
    tolerance: float = TOLERANCE,
    say: Callable[[str], None] = lambda words: None,
) -> Export:
    """Writes a SavedModel, loads it again and compares it with the model, then puts it in place.

    It holds movinet.json and labels.txt in `assets.extra/`. An earlier SavedModel is replaced; on
    any error it stays.

    Args:
      input_shape: of the clips, [B, T, H, W, 3], None for any.
      bundle_init_states: whether a stream brings the function that makes its states, as the
        signatures `call` and `init_states`; else it has `serving_default` alone.
      tolerance: largest difference of the logits, as a part of the largest logit.
      say: is told what takes long.

    Raises:
      InputError: the path holds something else, or the shape is none of a clip.
      VerificationError: the difference is above the tolerance.
    """
    _check_shape(input_shape)
    with files.write_folder_aside(export_path, MARKER) as aside:
        say(f"tracing and writing {source.info.name} ...")
        model = exported_model.prepare(source.model, input_shape)
        exported_model.write(model, aside, input_shape, bundle_init_states)
        info = describe(source.info, model, input_shape)
        _write_extras(aside / EXTRAS_FOLDER, info)
        say("loading it again and comparing it with the model on random video ...")
        network = measurements.load(aside)
        video_shape = _video_shape(info, input_shape)
        difference = measurements.compare(source.model, network, video_shape, input_shape[1])
        difference.check(tolerance)
        frames_per_call = input_shape[1] or (1 if info.causal else video_shape[1])
        finished = Export(
            path=pathlib.Path(export_path),
            bytes=sum(path.stat().st_size for path in aside.rglob("*") if path.is_file()),
            operations=measurements.count_operations(network.function),
            seconds_per_frame=measurements.seconds_per_frame(network, video_shape, frames_per_call),
            frame_size=(video_shape[2], video_shape[3]),
            frames_per_call=frames_per_call,
            difference=difference,
        )
    return finished


def describe(info: ModelInfo, model: VideoClassifier, input_shape: Shape) -> ModelInfo:
    """Returns the description of an export: sizes that it fixes, and its states.

    The states are given for one video of frames of the described size.
    """
    batch, num_frames, height, width, _ = input_shape
    before = info.preprocessing
    if height and width:
        scale = max(height / before.height, width / before.width)
        before = dataclasses.replace(
            before, height=height, width=width, short_side=round(before.short_side * scale)
        )
    if num_frames and not info.causal:
        before = dataclasses.replace(before, num_frames=num_frames)
    specs = model.initial_state_specs([batch or 1, 1, before.height, before.width, 3])
    states = tuple(
        State(name, cast(tuple[int, ...], spec.shape), spec.dtype) for name, spec in specs.items()
    )
    layout = "5d" if states else ""
    return dataclasses.replace(info, preprocessing=before, states=states, state_layout=layout)


def export_saved_model(
    model: MovinetClassifier,
    input_shape: Shape,
    export_path: str = "/tmp/movinet/",
    causal: bool = False,
    bundle_input_init_states_fn: bool = True,
    checkpoint_path: str | None = None,
    assert_checkpoint_objects_matched: bool = True,
) -> None:
    """Exports a model as the official function of this name does.

    Args:
      input_shape: of the clips, [B, T, H, W, 3], None for any.
      causal: whether the model streams; must be what the model is.
      bundle_input_init_states_fn: whether a stream brings the signature `init_states`.
      checkpoint_path: weights to load first; None to keep those that the model has.
      assert_checkpoint_objects_matched: whether the checkpoint must hold all of them.

    Raises: as `export` and `loading.load` do.
    """
    if causal != model.causal:
        raise InputError(f"causal={causal} was asked for, but the model is built otherwise.")
    found = ""
    if checkpoint_path:
        found = loading.find(checkpoint_path)
        loading.load(model, found, complete=assert_checkpoint_objects_matched)
    source = Source(model, sources.describe(model, found))
    export(source, export_path, input_shape, bundle_init_states=bundle_input_init_states_fn)


def build_and_export_saved_model(
    export_path: str = "/tmp/movinet/",
    model_id: str = "a0",
    causal: bool = False,
    conv_type: str = "3d",
    se_type: str = "3d",
    activation: str = "swish",
    classifier_activation: str = "swish",
    gating_activation: str = "sigmoid",
    use_positional_encoding: bool = False,
    num_classes: int = 600,
    input_shape: Shape | None = None,
    bundle_input_init_states_fn: bool = True,
    checkpoint_path: str | None = None,
    assert_checkpoint_objects_matched: bool = True,
) -> None:
    """Builds a model and exports it as the official function of this name does.

    Args: as `Movinet`, `MovinetClassifier` and `export_saved_model` describe them; the weights are
    random without a checkpoint_path, the shape is any without an input_shape.

    Raises: as `export` and `sources.from_flags` do.
    """
    source = sources.from_flags(
        model_id=model_id,
        causal=causal,
        conv_type=conv_type,
        se_type=se_type,
        activation=activation,
        classifier_activation=classifier_activation,
        gating_activation=gating_activation,
        use_positional_encoding=use_positional_encoding,
        num_classes=num_classes,
        checkpoint_path=checkpoint_path or "",
        assert_checkpoint_objects_matched=assert_checkpoint_objects_matched,
        allow_random=True,
    )
    shape = ANY_SHAPE if input_shape is None else input_shape
    export(source, export_path, shape, bundle_init_states=bundle_input_init_states_fn)


def _check_shape(shape: Shape) -> None:
    sizes = list(shape)
    if len(sizes) != 5 or sizes[-1] != 3 or not all(size is None or size > 0 for size in sizes):
        raise InputError(
            f"The shape of the input is {sizes}; it is [batch, frames, height, width, 3], with "
            "None for any."
        )


def _video_shape(info: ModelInfo, input_shape: Shape) -> tuple[int, int, int, int, int]:
    """The shape of the random video that an export is compared on."""
    batch, frames = input_shape[0] or 1, input_shape[1] or _FRAMES_COMPARED
    if input_shape[1] and info.causal:
        frames *= max(2, -(-_FRAMES_COMPARED // frames))
    height, width = (
        fixed or described
        for fixed, described in zip(
            input_shape[2:4], (info.preprocessing.height, info.preprocessing.width), strict=True
        )
    )
    return batch, frames, height, width, 3


def _write_extras(folder: pathlib.Path, info: ModelInfo) -> None:
    files.write_text(folder / model_info.INFO_NAME, info.to_json())
    if info.labels:
        files.write_text(folder / model_info.LABELS_NAME, "\n".join(info.labels) + "\n")
