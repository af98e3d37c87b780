"""Clips that cannot be used: each cause named, left out or not, counted once, up to a limit."""

import csv
import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from PIL import Image
from record_files import encode_jpeg, encode_png, sequence_example, write_records

from movinet.data.pipeline import clip_problems, order
from movinet.data.pipeline.bad_clips import SKIP, BadClipPolicy
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

SETTINGS = ClipSettings(2, 16, 16, 60, min_image_size=16)
CLIPS = 24
BAD = (3, 11)


def grey(number: int, size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), 10 * number, np.uint8)


def huge_jpeg() -> bytes:
    """A sound JPEG whose header says that it has 60,000 rows."""
    jpeg = bytearray(encode_jpeg(grey(1)))
    frame_header = jpeg.index(b"\xff\xc0")
    jpeg[frame_header + 5 : frame_header + 7] = (60_000).to_bytes(2, "big")
    return bytes(jpeg)


def cmyk_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey(5)).convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


GOOD = encode_jpeg(grey(5))
CAUSES = {
    "no image": (sequence_example([b"no image"] * 2, [0]), "neither a JPEG nor a PNG"),
    "empty": (sequence_example([GOOD, b""], [0]), r"frame 1 of 2 \(0 bytes\) is neither"),
    "truncated": (sequence_example([GOOD, GOOD[:-6]], [0]), "frame 1 of 2 .* cannot be decoded"),
    "huge": (sequence_example([GOOD, huge_jpeg()], [0]), "frame 1 of 2 is too large: 16x60000"),
    "other size": (
        sequence_example([GOOD, encode_jpeg(grey(5, 24))], [0]),
        "frame 1 of 2 is 24x24, but the first one 16x16",
    ),
    "no frames": (sequence_example([], [0]), "no frame in field"),
    "label too high": (sequence_example([GOOD], [60]), r"label 60 is outside 0\.\.59"),
    "negative label": (sequence_example([GOOD], [-1]), "label -1 is outside"),
    "no label": (sequence_example([GOOD], []), "no label in field"),
    "two labels": (sequence_example([GOOD], [0, 1]), "2 labels where one is needed"),
    "no record": (b"\xff\xff", "not a SequenceExample"),
}


def write(folder, bad: bytes, where=BAD) -> str:
    records = [
        bad if number in where else sequence_example([encode_jpeg(grey(number))] * 3, [number])
        for number in range(CLIPS)
    ]
    return write_records(folder / "clips.tfrecord", records)


def stream(path, batches: int = 6, is_training: bool = True, **options) -> list[int]:
    """The labels of the first batches, which tell the clips apart."""
    options = {"batch_size": 8, "seed": 5, "drop_remainder": False, **options}
    dataset = build([path], SETTINGS, is_training=is_training, **options)
    found = [labels.numpy().argmax(1) for _, labels in dataset.take(batches)]
    return np.concatenate(found).tolist()


def skip(folder, limit: int = 100) -> BadClipPolicy:
    return BadClipPolicy(SKIP, limit, folder / "bad_clips.csv")


def listed(folder) -> list[list[str]]:
    with open(folder / "bad_clips.csv", newline="") as file:
        first, *rows = csv.reader(file)
    assert first == ["file", "record", "reason"]
    return rows


@pytest.fixture
def unchecked(monkeypatch):
    """What the check before the first step would find is met in training instead."""
    monkeypatch.setattr("movinet.data.pipeline.checks.READ_THROUGH_BYTES", 0)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_named_or_skipped_and_listed_once(tmp_path, unchecked, capsys, cause):
    record, words = CAUSES[cause]
    path = write(tmp_path, record)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"(?s)clips\.tfrecord, record.*{words}"
    ):
        stream(path)
    for run in range(2):  # The second goes on with the list of the first.
        clips = stream(path, bad_clips=skip(tmp_path))
        rows = listed(tmp_path)
        assert [(row[0], row[1]) for row in rows] == [(path, "3"), (path, "11")]
        said = capsys.readouterr().out.splitlines()
        assert len(said) == (0 if run else 2)
    # Nothing is shifted: elsewhere is what should be, and there the next clip of the epoch.
    expected = [int(order.records_at(tf.constant(p, tf.int64), CLIPS, 5)[0]) for p in range(48)]
    for position, clip in enumerate(expected):
        following = order.records_at(tf.constant(position, tf.int64), CLIPS, 5, 3).numpy()
        good = [number for number in following if number not in BAD]
        assert clips[position] == (good[0] if clip in BAD else clip)


@pytest.mark.parametrize("frame", [encode_png(grey(5)), cmyk_jpeg()], ids=["png", "cmyk"])
def test_other_pictures_than_jpegs_of_three_colours_are_fine(tmp_path, frame):
    path = write(tmp_path, sequence_example([frame, frame], [3]))
    assert len(stream(path)) == 48
    (features, _), *_ = build([path], SETTINGS, is_training=False, batch_size=CLIPS)
    assert np.abs(features["image"][3].numpy() * 255 - 50).max() < 6


def test_a_clip_of_one_frame_is_looped(tmp_path):
    path = write(tmp_path, sequence_example([GOOD], [3]), where=(3,))
    assert sorted(stream(path, batches=3)) == list(range(CLIPS))


def test_evaluation_leaves_a_bad_clip_out(tmp_path, unchecked):
    path = write(tmp_path, CAUSES["truncated"][0], where=(3, CLIPS - 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="record 3: frame 1 of 2") as caught:
        stream(path, is_training=False)
    said = clip_problems.sentence(caught.value)
    assert said.startswith(f"{path}, record 3: frame 1 of 2") and "\n" not in said
    clips = stream(path, is_training=False, bad_clips=skip(tmp_path))
    assert clips == [number for number in range(CLIPS - 1) if number != 3]
    assert [row[1] for row in listed(tmp_path)] == ["3", str(CLIPS - 1)]


def test_the_limit(tmp_path, unchecked):
    path = write(tmp_path, CAUSES["empty"][0])
    stream(path, bad_clips=skip(tmp_path, limit=2))
    (tmp_path / "bad_clips.csv").unlink()
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"(?s)2 clips cannot be used, more than"
    ):
        stream(path, bad_clips=skip(tmp_path, limit=1))
    with pytest.raises(InputError, match="on_bad_clip is 'ignore'"):
        BadClipPolicy("ignore")


def test_a_flipped_bit_costs_one_record(tmp_path, unchecked):
    path = write(tmp_path, b"", where=())
    with open(path, "rb") as file:
        content = bytearray(file.read())
    flipped = content.index(encode_jpeg(grey(7))) + 30
    content[flipped] ^= 1
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)record 7: unreadable .+orr"):
        stream(path)
    for cache in (False, True):
        clips = stream(path, batches=3, bad_clips=skip(tmp_path), cache=cache)
        assert set(clips) == set(range(CLIPS)) - {7}
    assert [row[1] for row in listed(tmp_path)] == ["7"]


@pytest.mark.parametrize("policy", ["fail", SKIP])
def test_a_file_replaced_or_gone_while_training(tmp_path, policy):
    path = write(tmp_path, b"", where=())
    options = {"batch_size": 8, "seed": 5, "bad_clips": BadClipPolicy(policy)}
    dataset = build([path], SETTINGS, is_training=True, **options)
    longer = sequence_example([encode_jpeg(grey(9))] * 5, [9])
    write_records(path, [longer] * CLIPS)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)record .*: unreadable .+orr"):
        list(dataset.take(9))
    (tmp_path / "clips.tfrecord").unlink()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)unreadable \(.*No such file"):
        list(dataset.take(9))


@pytest.mark.parametrize("is_training", [True, False])
def test_where_nothing_can_be_used_the_stream_ends(tmp_path, is_training):
    path = write(tmp_path, CAUSES["no image"][0], where=range(CLIPS))
    with pytest.raises(tf.errors.InvalidArgumentError, match="neither a JPEG"):
        stream(path, is_training=is_training)
    policy = skip(tmp_path, limit=9)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cannot be used"):
        stream(path, is_training=is_training, bad_clips=policy)
    path = write(tmp_path, CAUSES["no label"][0], where=range(CLIPS))
    with pytest.raises(
        InputError, match=r"None of the clips can be used, beginning with .*no label"
    ):
        stream(path, is_training=is_training, bad_clips=policy)


def test_deterministic_replacements_are_the_same_on_every_start(tmp_path, unchecked):
    """A clip put in the place of another is prepared as it would be by the pipeline itself."""
    path = write(tmp_path, CAUSES["empty"][0])
    settings = dataclasses.replace(SETTINGS, num_classes=60)
    images = [
        np.concatenate([f["image"] for f, _ in dataset.take(3)])
        for dataset in (
            build(
                [path],
                settings,
                is_training=True,
                batch_size=8,
                seed=5,
                start=start,
                bad_clips=BadClipPolicy(SKIP),
            )
            for start in (0, 8)
        )
    ]
    np.testing.assert_array_equal(images[0][8:], images[1][:16])
