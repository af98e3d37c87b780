"""The numbers of a run by step, in one file that survives a resume, and in TensorBoard."""

import json
import os
import pathlib
from typing import Any

import tensorflow as tf

from movinet import files
from movinet.errors import InputError
from movinet.training.trainer import Numbers


class History:
    """Appends to `history.jsonl` in `folder`, one line a record, and to TensorBoard files in
    `folder/train` and the like.

    Records after `step` (of work that is about to be redone) are dropped at the start.
    """

    def __init__(self, folder: str, step: int, validation_subfolder: str) -> None:
        self.path = pathlib.Path(folder) / "history.jsonl"
        self.folders = {
            "train": str(pathlib.Path(folder) / "train"),
            "validation": str(pathlib.Path(folder) / validation_subfolder),
        }
        self.writers: dict[str, tf.summary.SummaryWriter] = {}
        self.forget_after(step)

    def forget_after(self, step: int) -> None:
        """Drops the records of steps that are about to be taken again."""
        kept = [record for record in read(self.path.parent) if record["step"] <= step]
        files.write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))

    def add(self, split: str, step: int, numbers: Numbers) -> None:
        """Notes the numbers of a split at a step."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, "split": split, **numbers}) + "\n")
        except OSError as error:
            raise InputError(f"Cannot write {self.path}: {error.strerror}.") from error
        if split not in self.writers:
            self.writers[split] = tf.summary.create_file_writer(self.folders[split])
        with self.writers[split].as_default():
            for name, value in numbers.items():
                tf.summary.scalar(name, value, step=step)
        self.writers[split].flush()


def read(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of a run in order; lines that a crash cut short or damaged are left out."""
    try:
        lines = (pathlib.Path(folder) / "history.jsonl").read_bytes().splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and type(record.get("step")) is int:
            records.append(record)
    return records
