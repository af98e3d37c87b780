"""The benchmark of input pipelines measures the same work, and says so if it does not."""

import dataclasses

import pytest

from benchmarks import input_pipeline
from benchmarks.input_pipeline import EVALUATION, OURS, TRAINING, InputSettings
from movinet.errors import VerificationError

SETTINGS = InputSettings(
    works=(TRAINING, EVALUATION),
    num_frames=3,
    temporal_stride=2,
    image_size=32,
    batch_size=2,
    videos=8,
    video_frames=9,
    video_height=48,
    video_width=64,
    rounds=2,
    batches=1,
    warm_up=1,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return ",".join(input_pipeline.write_records(SETTINGS, folder))


def test_a_row_for_each_work(files):
    rows = input_pipeline.measure(dataclasses.replace(SETTINGS, input_path=files, num_classes=8))
    assert [row["work"] for row in rows] == [TRAINING, EVALUATION]
    for row in rows:
        assert row["unit"] == "clips/s"
        assert all(len(row[name]) == 2 and min(row[name]) > 0 for name in ("official", "ours"))
        assert row["ratio"] == pytest.approx(sum(row["ours"]) / sum(row["official"]))


@pytest.mark.parametrize(
    ("work", "changes"),
    [
        (EVALUATION, {"temporal_stride": 1}),
        (EVALUATION, {"zero_centering_image": True}),
        (EVALUATION, {"num_classes": 601}),
        (TRAINING, {"aug_min_area_ratio": 0.4, "aug_max_area_ratio": 0.5}),
    ],
    ids=str,
)
def test_pipelines_that_differ_are_not_timed(files, tmp_path, monkeypatch, work, changes):
    build = input_pipeline.build

    def build_otherwise(name, settings, of, **options):
        if name == OURS and of == work:
            options |= changes
        return build(name, settings, of, **options)

    settings = dataclasses.replace(SETTINGS, input_path=files)
    input_pipeline.check_agreement(settings, tmp_path)
    monkeypatch.setattr(input_pipeline, "build", build_otherwise)
    with pytest.raises(VerificationError, match=rf"^{work}: the "):
        input_pipeline.check_agreement(settings, tmp_path)
