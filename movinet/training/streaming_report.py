"""The report of a streaming evaluation: accuracy by seconds seen, as JSON, CSV and a picture."""

import dataclasses
import json
import pathlib
from typing import Any

from movinet import files
from movinet.model_info import ModelInfo
from movinet.training import accuracy_plot
from movinet.training.accuracy_over_time import Accuracies, Curve, Settling
from movinet.training.evaluation import csv_text

NAME = "accuracy_over_time"
_CONVENTIONS = {
    "seconds": "the time of the last frame seen; 0 is after the first frame alone",
    "that_long": "over the videos that are still running at that time",
    "all_videos": "over all videos; one that is over keeps the answer it ended on",
    "seconds_until_right": "until the answer is right and stays right, over the videos that end "
    "right",
}


@dataclasses.dataclass(frozen=True)
class StreamingReport:
    """What a streaming evaluation found.

    Attributes:
      split, data: what was evaluated.
      info: of the model.
      frames, videos: how many the model saw.
      final: accuracy of the answers on which the videos ended.
      settling: from when on answers are right.
      curve: accuracy by seconds.
    """

    split: str
    data: str
    info: ModelInfo
    frames: int
    videos: int
    final: Accuracies
    settling: Settling
    curve: Curve

    def summary(self) -> str:
        """The result in one line."""
        final, settling = self.final, self.settling
        words = (
            f"{self.split}: top-1 {100 * final.top_1:.2f} %, top-5 {100 * final.top_5:.2f} %, "
            f"mean of classes {100 * final.mean_class:.2f} % at the end of {self.videos} videos"
        )
        if settling.quartiles:
            first, median, third = settling.quartiles
            words += (
                f"; right for good by {median:.2f} s in the median (quartiles {first:.2f} and "
                f"{third:.2f} s)"
            )
        return (
            f"{words}; {100 * settling.ends_wrong:.1f} % end wrong, "
            f"{100 * settling.never_right:.1f} % are never right"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns what json.dump takes."""
        settings, settling = self.info.preprocessing, self.settling
        quartiles = dict(
            zip(("lower_quartile", "median", "upper_quartile"), settling.quartiles, strict=False)
        )
        return {
            "split": self.split,
            "data": self.data,
            "model": self.info.name,
            "checkpoint": self.info.source,
            "frames_per_second": settings.fps or None,
            "temporal_stride": None if settings.fps else settings.temporal_stride,
            "videos": self.videos,
            "frames": self.frames,
            **{f"{name}_accuracy": value for name, value in _rows(self.final).items()},
            "seconds_until_right": quartiles or None,
            "ends_wrong": settling.ends_wrong,
            "never_right": settling.never_right,
            "conventions": _CONVENTIONS,
            "curve": {
                "seconds": [round(seconds, 6) for seconds in self.curve.seconds.tolist()],
                "videos": self.curve.videos.tolist(),
                "that_long": _rows(self.curve.that_long),
                "all_videos": _rows(self.curve.all_videos),
            },
        }

    def write(self, folder: str) -> list[pathlib.Path]:
        """Writes accuracy_over_time.json, .csv and .png into `folder`; returns the paths."""
        paths = [pathlib.Path(folder) / f"{NAME}{suffix}" for suffix in (".json", ".csv", ".png")]
        content = self.to_json()
        files.write_text(paths[0], json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        curve = content["curve"]
        columns = {"seconds": curve["seconds"], "videos": curve["videos"]}
        for convention in ("that_long", "all_videos"):
            for name, values in curve[convention].items():
                columns[f"{convention}_{name}"] = values
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        files.write_text(paths[1], csv_text(rows))
        accuracy_plot.draw(
            paths[2],
            self.curve,
            self.settling,
            title=f"{self.info.name} on {self.videos} videos ({self.split})",
            shows_top_5=self.info.num_classes > 5,
        )
        return paths


def _rows(accuracies: Accuracies) -> dict[str, Any]:
    """The shares by their names, as lists or numbers."""
    return {
        field.name: getattr(accuracies, field.name).tolist()
        for field in dataclasses.fields(Accuracies)
    }
