"""The flags by which commands find the model to export, and what they stand for.

Importing this module defines them. It loads no TensorFlow.
"""

from typing import TYPE_CHECKING

from absl import flags

from movinet.errors import InputError

if TYPE_CHECKING:
    from movinet.export.ensemble_folder import AnySource

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model_dir",
    None,
    "Folder of a training run, ours or the official trainer's, or of an ensemble.",
)
flags.DEFINE_string(
    "checkpoint", "", "Of --model_dir: best, latest or a path; default the best, else the latest."
)
flags.DEFINE_string("preset", None, "Published variant, such as a0_stream or a3_base.")
flags.DEFINE_string("checkpoint_path", "", "Checkpoint of --preset or --model_id, or its folder.")
flags.DEFINE_string(
    "model_id",
    "a0",
    "Architecture: a0 to a5, or t0; a0_pytorch to a5_pytorch and a0_paddle pad as those ports do.",
)
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


def check_report(data: str, output_dir: str) -> None:
    """Raises InputError if no flag tells what to evaluate on, or where the report goes."""
    if not FLAGS.model_dir and not (data and output_dir):
        raise InputError("Without --model_dir name a dataset (--data) and a folder (--output_dir).")


def find_data(data: str) -> str:
    """Returns the dataset that is named, else that of --model_dir. Raises InputError if it is not
    here.
    """
    from movinet.export import ensemble_folder

    found = data or ensemble_folder.find_dataset(FLAGS.model_dir)
    if not found:
        raise InputError(
            f"The data that {FLAGS.model_dir} was validated on is no folder here: name a dataset "
            "(--data)."
        )
    return found


def read() -> "AnySource":
    """Loads the model that the flags name. Raises InputError if they do not name one."""
    _check_flags()
    from movinet.data.sources.source import read_labels
    from movinet.export import ensemble_folder, sources

    labels = tuple(read_labels(FLAGS.labels)) if FLAGS.labels else ()
    if FLAGS.model_dir:
        return ensemble_folder.from_folder(FLAGS.model_dir, FLAGS.checkpoint, labels)
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
