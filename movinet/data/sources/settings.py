"""What a user says about where a dataset is; imports nothing, for commands that only print help."""

import dataclasses

LAYOUTS = ("auto", "folder", "list", "kinetics", "ucf101", "hmdb51", "frame_list")
FOLDS = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class SourceSettings:
    """Where a dataset is and how it lies there.

    input: folder or list; layout: one of LAYOUTS; annotations: files or a folder of them, separated
    by commas; fold: of the official splits of UCF101 and HMDB51; image_template: file name of a
    frame by its number; frame_rate: of frame folders, per second; labels: file of class names in
    index order; validation_from_train: part of train to take as validation.
    """

    input: str
    layout: str = "auto"
    annotations: str = ""
    fold: int = 1
    image_template: str = "img_{:05}.jpg"
    frame_rate: float = 25.0
    labels: str = ""
    validation_from_train: float = 0.0
