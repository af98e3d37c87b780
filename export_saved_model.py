"""Exports a model as a SavedModel for TensorFlow, Keras, TensorFlow Hub and TFLite.

    python3 export_saved_model.py --model_dir=runs/sample --export_path=exports/sample
    python3 export_saved_model.py --preset=a0_stream --checkpoint_path=movinet_a0_stream

The model comes from a training run (--model_dir), a published variant (--preset), or the official
flags (--model_id and those after it). For TFLite fix the shape: --batch_size=1 --num_frames=1
--image_size=172 --bundle_input_init_states_fn=False.
"""

import os
from typing import TYPE_CHECKING

from absl import flags, logging

from movinet import cli
from movinet.errors import InputError

if TYPE_CHECKING:
    from movinet.export.sources import Source

FLAGS = flags.FLAGS
flags.DEFINE_string("export_path", "/tmp/movinet/", "Folder to write; a SavedModel is replaced.")
flags.DEFINE_string("model_dir", None, "Folder of a training run, ours or the official trainer's.")
flags.DEFINE_string(
    "checkpoint", "", "Of --model_dir: best, latest or a path; default the best, else the latest."
)
flags.DEFINE_string("preset", None, "Published variant, such as a0_stream or a3_base.")
flags.DEFINE_string("checkpoint_path", "", "Checkpoint of --preset or --model_id, or its folder.")
flags.DEFINE_string("model_id", "a0", "Architecture: a0 to a5, or t0.")
flags.DEFINE_bool("causal", False, "Whether the model streams.")
flags.DEFINE_string("conv_type", "3d", "3d, 2plus1d or 3d_2plus1d, as the checkpoint has it.")
flags.DEFINE_string("se_type", "3d", "Squeeze-excitation: 3d, 2d, 2plus3d or none.")
flags.DEFINE_string("activation", "swish", "Activation of the convolutions.")
flags.DEFINE_string("classifier_activation", "swish", "Activation of the classifier.")
flags.DEFINE_string("gating_activation", "sigmoid", "Activation of squeeze-excitation's gate.")
flags.DEFINE_bool("use_positional_encoding", False, "As A3 to A5 streams have it.")
flags.DEFINE_integer(
    "num_classes", 600, "Number of logits; with --preset that of the checkpoint if not given."
)
flags.DEFINE_bool(
    "assert_checkpoint_objects_matched", True, "Whether the checkpoint must hold all weights."
)
flags.DEFINE_bool(
    "allow_random_weights", False, "Export without a checkpoint, to try the graph alone."
)
flags.DEFINE_string("labels", None, "File of class names in index order, one a line.")
flags.DEFINE_integer("batch_size", None, "Clips a call; any if not given.", 1)
flags.DEFINE_integer("num_frames", None, "Frames a call; any if not given.", 1)
flags.DEFINE_integer("image_size", None, "Height and width in pixels; any if not given.", 1)
flags.DEFINE_bool(
    "bundle_input_init_states_fn",
    True,
    "Give a stream the signatures call and init_states; else serving_default alone, as TFLite "
    "needs it.",
)
flags.DEFINE_float(
    "tolerance", 1e-5, "Largest difference from the model, as a part of its largest logit.", 0.0
)

_NETWORK = (
    "model_id",
    "causal",
    "conv_type",
    "se_type",
    "activation",
    "classifier_activation",
    "gating_activation",
    "use_positional_encoding",
)


def _refuse(names: tuple[str, ...], source: str) -> None:
    for name in names:
        if FLAGS[name].present:
            raise InputError(f"--{name} is not for --{source}, which settles it; leave it out.")


def _check_flags() -> None:
    """Raises InputError if the flags contradict one another; loads nothing for it."""
    weights = ("checkpoint_path", "allow_random_weights", "assert_checkpoint_objects_matched")
    if FLAGS.model_dir:
        _refuse(("preset", *_NETWORK, "num_classes", *weights), "model_dir")
        return
    if FLAGS.preset:
        _refuse((*_NETWORK, "assert_checkpoint_objects_matched"), "preset")
    if FLAGS.checkpoint:
        raise InputError(
            "--checkpoint chooses among those of --model_dir; name one with --checkpoint_path."
        )
    if not FLAGS.checkpoint_path and not FLAGS.allow_random_weights:
        raise InputError(
            "There are no weights to export: name a training run (--model_dir) or a checkpoint "
            "(--checkpoint_path with --preset or --model_id), or try the graph with random ones "
            "(--allow_random_weights)."
        )


def _source() -> "Source":
    """The model that the flags name."""
    from movinet.export import run_folder, sources

    labels = run_folder.read_labels(FLAGS.labels) if FLAGS.labels else ()
    if FLAGS.model_dir:
        return sources.from_model_dir(FLAGS.model_dir, FLAGS.checkpoint, labels)
    if FLAGS.preset:
        return sources.from_preset(
            FLAGS.preset,
            FLAGS.checkpoint_path,
            FLAGS.num_classes if FLAGS["num_classes"].present else None,
            labels,
            allow_random=FLAGS.allow_random_weights,
        )
    return sources.from_flags(
        **{name: FLAGS[name].value for name in _NETWORK},
        num_classes=FLAGS.num_classes,
        checkpoint_path=FLAGS.checkpoint_path,
        assert_checkpoint_objects_matched=FLAGS.assert_checkpoint_objects_matched,
        labels=labels,
        allow_random=FLAGS.allow_random_weights,
    )


def main() -> None:
    """Exports the model that the flags describe and prints the figures of the export."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
    _check_flags()
    source = _source()
    from movinet.export import saved_model

    exported = saved_model.export(
        source,
        FLAGS.export_path,
        (FLAGS.batch_size, FLAGS.num_frames, FLAGS.image_size, FLAGS.image_size, 3),
        bundle_init_states=FLAGS.bundle_input_init_states_fn,
        tolerance=FLAGS.tolerance,
        say=lambda words: print(words, flush=True),
    )
    print(exported.describe())


if __name__ == "__main__":
    cli.run(main)
