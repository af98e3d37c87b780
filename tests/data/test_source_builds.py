"""From frame folders and from Kinetics to records: what is stored of a source that is no video."""

import numpy as np
from frame_files import write_frames
from video_files import noise, write_video

from movinet.data.building.build import build_dataset
from movinet.data.building.planning import BuildSettings
from movinet.data.sources.layouts import find
from movinet.data.sources.settings import SourceSettings
from movinet.data.videos.clips import EncodingSettings

SMALL = BuildSettings(EncodingSettings(short_side=48))


def read_examples(folder):
    """The records by their sources, in TensorFlow's own classes."""
    import tensorflow as tf

    examples = {}
    for path in sorted(folder.glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(path)):
            example = tf.train.SequenceExample.FromString(record.numpy())
            examples[example.context.feature["clip/source"].bytes_list.value[0].decode()] = example
    return examples


def test_frames_are_stored_byte_for_byte_with_their_times(tmp_path):
    root = tmp_path / "frames"
    files = {
        f"{label}/{index}": write_frames(root / label / str(index), noise(4, seed=index), first=0)
        for label in ("jump", "run")
        for index in range(3)
    }
    (root / "train.txt").write_text("".join(f"{name} 4 {'run' in name:d}\n" for name in files))
    (root / "jump/2/img_00003.jpg").unlink()
    source = find(SourceSettings(str(root), frame_rate=50.0))
    built = build_dataset(source, tmp_path / "built", SMALL, workers=1, max_bad_fraction=0.2)
    (bad,) = built.skipped
    assert (bad.path, bad.reason) == ("jump/2", "img_00003.jpg, frame 4 of 4, is missing")
    examples = read_examples(tmp_path / "built")
    assert examples.keys() == files.keys() - {"jump/2"}
    for name, example in examples.items():
        lists = example.feature_lists.feature_list
        stored = [entry.bytes_list.value[0] for entry in lists["image/encoded"].feature]
        times = [entry.int64_list.value[0] for entry in lists["image/timestamp"].feature]
        assert stored == files[name] and times == [0, 20_000, 40_000, 60_000]
        label = example.context.feature["clip/label/index"].int64_list.value
        assert label == [int(name.startswith("run"))]


def test_classes_of_kinetics_are_all_that_are_annotated(tmp_path):
    root = tmp_path / "k400"
    lines = ["label,youtube_id,time_start,time_end,split"]
    for index, label in enumerate(("zumba", "abseiling", "yoga", "yoga")):
        lines.append(
            f"{label},abcdefghij{index},{index},{index + 10},{('train', 'val')[index % 2]}"
        )
        if index != 1:
            path = root / f"train/abcdefghij{index}_{index:06}_{index + 10:06}.mp4"
            write_video(path, np.zeros((3, 48, 64, 3), np.uint8))
    (root / "train.csv").write_text("\n".join(lines))
    built = build_dataset(find(SourceSettings(str(root))), tmp_path / "built", SMALL, workers=1)
    assert built.labels == ("abseiling", "yoga", "zumba")
    assert {split: dict(part.clips_per_class) for split, part in built.splits.items()} == {
        "train": {"abseiling": 0, "yoga": 1, "zumba": 1},
        "validation": {"abseiling": 0, "yoga": 1, "zumba": 0},
    }
