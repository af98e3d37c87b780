"""A picture of a folder of videos: a row a class, a few frames of one clip from first to last."""

import pathlib

from movinet.data.videos.video_files import read_frames
from movinet.errors import InputError
from movinet.files import write_aside

_FRAMES = 6


def write_preview(videos: pathlib.Path, picture: pathlib.Path) -> None:
    """Draws the first clip of each class folder in `videos` into a PNG file.

    Raises:
        InputError: there are no class folders with clips, or a clip cannot be read.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    clips = [
        min(clips) for folder in sorted(videos.glob("*")) if (clips := list(folder.glob("*.*")))
    ]
    if not clips:
        raise InputError(f"{videos} holds no class folders with clips to draw.")
    figure, axes = pyplot.subplots(
        len(clips), _FRAMES, figsize=(1.1 * _FRAMES + 2, 1.1 * len(clips)), squeeze=False
    )
    for row, clip in zip(axes, clips, strict=True):
        frames = [frame for frame, _ in read_frames(clip, short_side=96)]
        for index, axis in enumerate(row):
            axis.imshow(frames[index * (len(frames) - 1) // (_FRAMES - 1)])
            axis.set_axis_off()
        row[0].text(
            -0.15,
            0.5,
            clip.parent.name.replace("_", " "),
            transform=row[0].transAxes,
            ha="right",
            va="center",
            fontsize=11,
        )
    figure.subplots_adjust(left=0.28, right=0.99, top=0.99, bottom=0.01, wspace=0.04, hspace=0.04)
    with write_aside(picture) as aside:
        figure.savefig(aside, format="png", dpi=110)
    pyplot.close(figure)
