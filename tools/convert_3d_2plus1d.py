"""Converts a checkpoint from the layout in which streams are trained, 3d_2plus1d, to the one in
which they are published and exported, 2plus1d; or back with --conv_type=3d_2plus1d.

    python3 tools/convert_3d_2plus1d.py --preset=a0_stream --input_checkpoint_path=runs/a0/best
        --output_checkpoint_path=converted/a0_stream

The new checkpoint is named as asked and `-1`. It is written only if both models give the same
logits on random video; otherwise the exit code is 1.
"""

from typing import Any

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "input_checkpoint_path", None, "Checkpoint, or its folder: the latest is taken.", required=True
)
flags.DEFINE_string("output_checkpoint_path", None, "Name of the new one.", required=True)
flags.DEFINE_string("preset", None, "Published variant, in the place of the network's flags.")
flags.DEFINE_string("model_id", "a0", "Architecture: a0 to a5, or t0.")
flags.DEFINE_bool("causal", True, "Whether the model streams.")
flags.DEFINE_string("se_type", "2plus3d", "Squeeze-excitation: 3d, 2d, 2plus3d or none.")
flags.DEFINE_bool("use_positional_encoding", False, "As A3 to A5 streams have it.")
flags.DEFINE_integer("num_classes", 600, "Number of logits; that of the checkpoint if not given.")
flags.DEFINE_enum("conv_type", "2plus1d", ("2plus1d", "3d_2plus1d"), "Layout to convert to.")
flags.DEFINE_bool("verify_output", True, "Compare the logits of both models on random video.")

_NETWORK = ("model_id", "causal", "se_type", "use_positional_encoding")


def _arguments() -> tuple[dict[str, Any], str]:
    """Keyword arguments of the backbone, and the classifier's activation."""
    from movinet.presets import PRESETS

    if FLAGS.preset:
        if FLAGS.preset not in PRESETS:
            raise InputError(f"No variant {FLAGS.preset!r}; choose one of {', '.join(PRESETS)}.")
        for name in _NETWORK:
            if FLAGS[name].present:
                raise InputError(f"--{name} is not for --preset, which settles it; leave it out.")
        preset = PRESETS[FLAGS.preset]
        return preset.backbone_arguments(), preset.classifier_activation
    # Activations have no weights; those of the published streams are compared with.
    preset = PRESETS["a0_stream" if FLAGS.causal else "a0_base"]
    network = {name: FLAGS[name].value for name in _NETWORK}
    return {**preset.backbone_arguments(), **network}, preset.classifier_activation


def main() -> None:
    """Converts the checkpoint that the flags name and says what it found."""
    cli.quieten()
    backbone_arguments, activation = _arguments()
    import movinet
    from movinet.checkpoints import conversion, layouts, loading

    found = loading.find(FLAGS.input_checkpoint_path)
    num_classes = FLAGS.num_classes
    if not FLAGS["num_classes"].present:
        num_classes = layouts.count_classes(found)

    def build(conv_type: str) -> movinet.MovinetClassifier:
        try:
            backbone = movinet.Movinet(**{**backbone_arguments, "conv_type": conv_type})
        except ValueError as error:
            raise InputError(str(error)) from error
        return movinet.MovinetClassifier(backbone, num_classes, activation=activation)

    print(f"converting {found} ...", flush=True)
    done = conversion.convert_checkpoint(
        found,
        FLAGS.output_checkpoint_path,
        build,
        FLAGS.conv_type,
        verify=FLAGS.verify_output,
    )
    if done.difference:
        print(f"largest difference {done.difference.relative:.1e} of the largest logit")
    print(f"{done.conv_type[0]} -> {done.conv_type[1]}: {done.path}")


if __name__ == "__main__":
    cli.run(main)
