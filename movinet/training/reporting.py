"""Evaluates one checkpoint on some splits, writes the reports and the curves, and says where they
are.
"""

import contextlib
import json
import os
import pathlib

from movinet import files
from movinet.training import history, plots, preparation
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints, readable
from movinet.training.evaluation import Report
from movinet.training.inputs import DataConfig
from movinet.training.trainer import Trainer


class Reporter:
    """Writes `evaluation/SPLIT/` and `training_curves.png` of a run into `folder`."""

    def __init__(
        self, trainer: Trainer, folder: str, latest: LatestCheckpoints, best: BestCheckpoint
    ) -> None:
        self.trainer = trainer
        self.folder = folder
        self.latest = latest
        self.best = best

    def report(self, checkpoint: str, splits: list[DataConfig]) -> list[Report]:
        """Evaluates the checkpoint on each split and draws the curves of the run.

        Returns the reports; with several labels a clip there are none, only their metrics on disk.
        """
        trainer = self.trainer
        # Only a whole training state knows the moving average of the weights; others hold it as
        # the weights.
        is_state = os.path.dirname(checkpoint) == self.latest.folder.rstrip("/")
        if is_state:
            self.latest.restore(checkpoint)
        else:
            with readable(checkpoint, self.latest.workers):
                status = trainer.weights.read(checkpoint)
                status.assert_existing_objects_matched().expect_partial()
        print(f"Evaluating {checkpoint} (step {trainer.step}).", flush=True)
        record = self.best.record
        if record and self.best.path == checkpoint:
            print(f"It is the best by validation {record['metric']} ({record['value']:.4f}).")
        reports = []
        for data in splits:
            with trainer.averaged_weights() if is_state else contextlib.nullcontext():
                numbers = trainer.run_evaluation(data, self._steps(data))
            reports += self._write(checkpoint, data, numbers)
        records = history.read(self.folder)
        if records:
            curves = pathlib.Path(self.folder) / "training_curves.png"
            title = trainer.config.task.train_data.name or self.folder
            plots.draw_training_curves(curves, records, title)
            print(f"Curves: {curves}")
        return reports

    def _steps(self, data: DataConfig) -> int:
        """Batches to evaluate: `trainer.validation_steps` are those of the validation data
        alone.
        """
        config = self.trainer.config
        return config.trainer.validation_steps if data is config.task.validation_data else -1

    def _write(self, checkpoint: str, data: DataConfig, numbers: dict[str, float]) -> list[Report]:
        folder = os.path.join(self.folder, "evaluation", data.split)
        counts = self.trainer.counts()
        if counts is None:
            path = os.path.join(folder, "metrics.json")
            files.write_text(path, json.dumps({"split": data.split, "metrics": numbers}, indent=2))
            print(f"Report: {path}", flush=True)
            return []
        names = preparation.class_names(data)
        report = Report(data.split, checkpoint, self.trainer.step, names, numbers, *counts)
        paths = report.write(folder)
        print(report.summary())
        print(f"Report: {folder} ({', '.join(path.name for path in paths)})", flush=True)
        return [report]
