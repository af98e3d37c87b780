"""Converts weights of any kind that is known into a folder that all commands take.

    python3 tools/convert_weights.py movinet_a0_stream.tar.gz weights/a0_stream
    python3 tools/convert_weights.py modelA0_statedict_v3 weights/a0_base
    python3 tools/convert_weights.py runs/mine weights/mine.safetensors

SOURCE is a Model Garden checkpoint, a SavedModel of TensorFlow Hub or Kaggle, a .tflite file of a
stream, a state dict of MoViNet-pytorch (.pt, .pth, .safetensors), PaddleVideo's .pdparams, a folder
of ours, or an archive of one of these. OUTPUT is a folder (checkpoint, settings, labels), or a file
for others: *.safetensors or *.pt with the names of MoViNet-pytorch, *.keras or *.weights.h5.

Every variable is accounted for, and where the source can be run here, both run on the same random
video; if they differ, nothing is written and the exit code is 1.
"""

import glob
from typing import TYPE_CHECKING

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.errors import InputError

if TYPE_CHECKING:
    from movinet.checkpoints.importing import Imported

_LABELS = flags.DEFINE_string(
    "labels",
    None,
    "Class names: a file of them, one a line, or kinetics400 or kinetics600. Default: the "
    "source's, else those of Kinetics if there are 400 or 600 classes.",
)
_ALLOW = flags.DEFINE_list(
    "allow", [], "Names of weights that may be unknown, missing or misshapen (default none)."
)
_CLASSIFIER_ACTIVATION = flags.DEFINE_enum(
    "classifier_activation",
    None,
    ("swish", "hard_swish"),
    "Activation of the classifier's hidden layer. Default: what the source computes, if it can be "
    "run, else what is documented.",
)
_GATE_SLOPE = flags.DEFINE_float(
    "gate_slope",
    None,
    "Slope of the gates of a stream: 0.16667 in the Model Garden, 0.2 in TensorFlow Hub's of 2021. "
    "Default: what the source computes, if it can be run, else 0.16667.",
    lower_bound=0.01,
)
_DOWNLOAD = flags.DEFINE_string(
    "download",
    None,
    "Folder to download to (default: nothing is downloaded): SOURCE is then a published variant, "
    "such as a0_stream, whose archive is fetched from Kaggle, or from where it broke off.",
)
_SHA256 = flags.DEFINE_string("sha256", "", "Of --download: checksum that the archive must have.")
_TF_LIKE = flags.DEFINE_bool(
    "tf_like",
    True,
    "Whether a network of MoViNet-pytorch was built with tf_like=True, as its published weights "
    "were.",
)


def main(source: str, output: str) -> None:
    """Converts, and says what was found and how far it was checked."""
    cli.quieten()

    def say(words: str) -> None:
        print(words, flush=True)

    if _SHA256.value and not _DOWNLOAD.value:
        raise InputError("--sha256 is for --download, which is not given.")
    if not _DOWNLOAD.value and not glob.glob(f"{glob.escape(source)}*"):
        raise InputError(f"There is no {source}.")
    if _DOWNLOAD.value:
        from movinet.checkpoints import download

        name = download.archive_name(source)
        url, folder = download.address(source), _DOWNLOAD.value
        source = str(download.fetch(url, folder, _SHA256.value, name=name, say=say))
    from movinet.export import converted

    imported = converted.read(
        source,
        allowed=_ALLOW.value,
        classifier_activation=_CLASSIFIER_ACTIVATION.value or "",
        gate_slope=_GATE_SLOPE.value,
        tf_like=_TF_LIKE.value,
        say=say,
    )
    network = imported.network
    info = converted.describe(imported, _LABELS.value)
    written = converted.write(imported, output, info)
    print(f"source       {imported.source.kind}")
    print(f"network      {network.name}, conv_type {network.conv_type}, {info.num_classes} classes")
    print(f"head         {network.classifier_activation} ({_evidence(imported)})")
    print(f"labels       {', '.join(info.labels[:3]) + ', ...' if info.labels else 'unknown'}")
    for note in imported.source.notes:
        print(f"note         {note}")
    print(f"written to   {written}")


def _evidence(imported: "Imported") -> str:
    """How the head's activation was found, with the differences of the logits."""
    if not imported.differences:
        return "not compared: the source cannot be run here"
    differences = ", ".join(
        f"{choice} {difference.relative:.1e}" for choice, difference in imported.differences.items()
    )
    return f"largest difference from the running source, of the largest logit: {differences}"


if __name__ == "__main__":
    cli.run(main, positional=("SOURCE", "OUTPUT"))
