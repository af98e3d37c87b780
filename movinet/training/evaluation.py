"""The report of an evaluation: top-1, top-5 and every class, as JSON, CSV and a picture."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from movinet import files
from movinet.training import plots

Numbers = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        split: the split of the dataset. checkpoint: the weights evaluated. step: their training
        step.
        class_names: one name a class. metrics: loss and metrics as in TensorBoard.
        confusion: clips [K, K], rows true, columns predicted. top_5: clips [K] whose class is among
        the five likeliest.
    """

    split: str
    checkpoint: str
    step: int
    class_names: tuple[str, ...]
    metrics: Numbers
    confusion: np.ndarray
    top_5: np.ndarray

    @property
    def clips(self) -> np.ndarray:
        """Clips [K] of each class."""
        return self.confusion.sum(axis=1)

    @property
    def top_1_accuracy(self) -> float:
        """Share of the clips whose likeliest class is right."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def top_5_accuracy(self) -> float:
        """Share of the clips whose class is among the five likeliest."""
        return float(self.top_5.sum() / self.confusion.sum())

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have clips."""
        present = self.clips > 0
        return float(np.mean(np.diag(self.confusion)[present] / self.clips[present]))

    def per_class(self) -> list[dict]:
        """One record a class: clips, top-1 and top-5 accuracy (None without clips), and what it is
        most often taken for.
        """
        records = []
        for index, name in enumerate(self.class_names):
            clips = int(self.clips[index])
            mistakes = self.confusion[index].copy()
            mistakes[index] = 0
            records.append(
                {
                    "class": name,
                    "index": index,
                    "clips": clips,
                    "top_1_accuracy": float(self.confusion[index, index]) / clips
                    if clips
                    else None,
                    "top_5_accuracy": float(self.top_5[index]) / clips if clips else None,
                    "most_taken_for": self.class_names[int(mistakes.argmax())]
                    if mistakes.any()
                    else "",
                }
            )
        return records

    def summary(self) -> str:
        """The result in one line."""
        return (
            f"{self.split}: top-1 {100 * self.top_1_accuracy:.2f} %, top-5 "
            f"{100 * self.top_5_accuracy:.2f} %, "
            f"mean of classes {100 * self.mean_class_accuracy:.2f} % ({int(self.clips.sum())} "
            "clips)"
        )

    def write(self, folder: str) -> list[pathlib.Path]:
        """Writes metrics.json, per_class.csv, confusion_matrix.csv and .png into `folder`; returns
        the paths.
        """
        target = pathlib.Path(folder)
        records = self.per_class()
        result = {
            "split": self.split,
            "checkpoint": self.checkpoint,
            "step": self.step,
            "clips": int(self.clips.sum()),
            "top_1_accuracy": self.top_1_accuracy,
            "top_5_accuracy": self.top_5_accuracy,
            "mean_class_accuracy": self.mean_class_accuracy,
            "metrics": self.metrics,
            "per_class": records,
        }
        files.write_text(
            target / "metrics.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n"
        )
        rows = [
            list(records[0]),
            *(["" if value is None else value for value in record.values()] for record in records),
        ]
        files.write_text(target / "per_class.csv", csv_text(rows))
        matrix = [["true \\ predicted", *self.class_names]]
        matrix += [
            [name, *row]
            for name, row in zip(self.class_names, self.confusion.tolist(), strict=True)
        ]
        files.write_text(target / "confusion_matrix.csv", csv_text(matrix))
        plots.draw_confusion_matrix(
            target / "confusion_matrix.png",
            self.confusion,
            self.class_names,
            f"{self.split}: top-1 {100 * self.top_1_accuracy:.1f} % of {int(self.clips.sum())} "
            "clips",
        )
        names = ("metrics.json", "per_class.csv", "confusion_matrix.csv", "confusion_matrix.png")
        return [target / name for name in names]


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """Returns rows as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
