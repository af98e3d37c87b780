"""The files of a report against the model's answers, computed once more by hand."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import movinet
from movinet.training import evaluation, plots
from movinet.training.evaluation import Report


def test_a_report_equals_the_models_answers(trained, tiny_dataset):
    folder, reports = trained
    backbone = movinet.Movinet(
        "tiny",
        causal=True,
        conv_type="3d_2plus1d",
        se_type="2plus3d",
        activation="hard_swish",
        gating_activation="hard_sigmoid",
    )
    model = movinet.MovinetClassifier(backbone, 3, activation="hard_swish")
    status = tf.train.Checkpoint(model=model).read(reports[1].checkpoint)
    status.assert_existing_objects_matched().expect_partial()
    confusion = np.zeros((3, 3), int)
    for shard in sorted(tiny_dataset.glob("test-*")):
        for record in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator():
            example = tf.train.SequenceExample.FromString(record)
            jpegs = example.feature_lists.feature_list["image/encoded"].feature
            frames = [tf.io.decode_jpeg(f.bytes_list.value[0]).numpy() / 255 for f in jpegs]
            logits = model(np.stack(frames)[None].astype(np.float32)).numpy()
            label = example.context.feature["clip/label/index"].int64_list.value[0]
            confusion[label, logits.argmax()] += 1
    assert np.array_equal(reports[1].confusion, confusion)
    found = json.loads((folder / "evaluation" / "test" / "metrics.json").read_text())
    assert found["top_1_accuracy"] == pytest.approx(np.trace(confusion) / 6)
    assert found["clips"] == 6 and found["checkpoint"] == reports[1].checkpoint
    assert [row["class"] for row in found["per_class"]] == ["blue", "green", "red"]


def make_report(classes, seed=0):
    rng = np.random.default_rng(seed)
    confusion = rng.integers(0, 6, (classes, classes))
    confusion[classes // 2] = 0  # A class without clips.
    top_5 = np.minimum(confusion.sum(1), np.diag(confusion) + 3)
    names = tuple(f"class, {index}" for index in range(classes))
    return Report("test", "ckpt-7", 7, names, {"loss": 0.5}, confusion, top_5)


def test_numbers_and_files(tmp_path):
    report = make_report(4)
    clips, hits = report.confusion.sum(1), np.diag(report.confusion)
    report.write(str(tmp_path))
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["top_1_accuracy"] == pytest.approx(hits.sum() / clips.sum())
    assert found["top_5_accuracy"] == pytest.approx(report.top_5.sum() / clips.sum())
    present = clips > 0
    assert found["mean_class_accuracy"] == pytest.approx((hits[present] / clips[present]).mean())
    with open(tmp_path / "per_class.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for index, row in enumerate(rows):
        assert row["class"] == f"class, {index}" and int(row["clips"]) == clips[index]
        if clips[index]:
            assert float(row["top_1_accuracy"]) == pytest.approx(hits[index] / clips[index])
            mistakes = report.confusion[index] * (np.arange(4) != index)
            assert row["most_taken_for"] == f"class, {mistakes.argmax()}"
        else:
            assert row["top_1_accuracy"] == "" and row["most_taken_for"] == ""
    with open(tmp_path / "confusion_matrix.csv", newline="") as file:
        matrix = [row[1:] for row in csv.reader(file)][1:]
    assert np.array_equal(np.array(matrix, int), report.confusion)
    assert "(" in report.summary() and f"{int(clips.sum())} clips" in report.summary()


@pytest.mark.parametrize("classes", [2, 8, 30, 600])
def test_confusion_matrix_pictures(tmp_path, classes):
    report = make_report(classes)
    path = tmp_path / "matrix.png"
    plots.draw_confusion_matrix(path, report.confusion, report.class_names, "title")
    with Image.open(path) as picture:
        assert 500 < picture.width < 2800 and 500 < picture.height < 2600
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_curves_of_unfinished_and_empty_histories(tmp_path):
    for name, records in {
        "empty": [],
        "train": [{"step": 5, "split": "train", "loss": 1.0}],
        "both": [
            {"step": 5, "split": "train", "loss": 1.0, "accuracy": 0.5, "learning_rate": 1e-5},
            {"step": 5, "split": "validation", "loss": 1.0, "accuracy": 0.4},
        ],
    }.items():
        plots.draw_training_curves(tmp_path / f"{name}.png", records, name)
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    assert evaluation.plots is plots
