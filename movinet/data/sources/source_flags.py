"""The flags by which commands find the clips of a dataset, and what they stand for.

Importing this module defines them. It loads nothing heavy.
"""

import dataclasses
from typing import TYPE_CHECKING

from absl import flags

from movinet.data.sources.settings import FOLDS, LAYOUTS, SourceSettings
from movinet.errors import InputError

if TYPE_CHECKING:
    from movinet.data.sources.source import Source

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "Folder of videos, or list of them.", required=True)
flags.DEFINE_enum(
    "layout", "auto", LAYOUTS, "How the dataset lies there; auto looks for its lists."
)
flags.DEFINE_string(
    "annotations",
    "",
    "Files, by comma, or folder: CSVs of kinetics, official lists of ucf101 and hmdb51, lists of "
    "frame_list; default those in --input.",
)
flags.DEFINE_integer("fold", 1, "Official split of ucf101 and hmdb51.", min(FOLDS), max(FOLDS))
flags.DEFINE_string(
    "image_template", SourceSettings.image_template, "File name of a frame in a frame_list."
)
flags.DEFINE_float(
    "frame_rate", SourceSettings.frame_rate, "Frames per second in a frame_list.", 0.01, 1000.0
)
flags.DEFINE_string("labels", "", "File of class names in index order, one a line.")
flags.DEFINE_float(
    "validation_from_train",
    0.0,
    "Part of train to take as validation where there is none, by source videos; 0 for none.",
    0.0,
    0.9,
)

_ANNOTATED = ("kinetics", "ucf101", "hmdb51", "frame_list")
_ONLY_FOR = {
    "annotations": _ANNOTATED,
    "fold": ("ucf101", "hmdb51"),
    "image_template": ("frame_list",),
    "frame_rate": ("frame_list",),
}


def find() -> "Source":
    """Finds the clips that the flags name, and says what is there.

    What is missing of an annotated dataset is written beside `--output` where the command has one.

    Raises: InputError if there are no clips, or a flag is not for the layout.
    """
    from movinet.data.sources import layouts, report

    settings = SourceSettings(
        input=FLAGS.input,
        layout=FLAGS.layout,
        annotations=FLAGS.annotations,
        fold=FLAGS.fold,
        image_template=FLAGS.image_template,
        frame_rate=FLAGS.frame_rate,
        labels=FLAGS.labels,
        validation_from_train=FLAGS.validation_from_train,
    )
    layout = layouts.detect(settings)
    for name, known in _ONLY_FOR.items():
        if FLAGS[name].present and layout not in known:
            raise InputError(
                f"--{name} is for the layout {' or '.join(known)}, but {FLAGS.input} is read as "
                f"{layout}: leave it out, or choose with --layout."
            )
    source = layouts.find(dataclasses.replace(settings, layout=layout))
    for sentence in (*source.notes, *report.summary(source)):
        print(sentence)
    if "output" in FLAGS and FLAGS.output:
        for path in report.write(source, FLAGS.output):
            print(f"written: {path}")
    return source
