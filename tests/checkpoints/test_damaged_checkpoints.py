"""Checkpoints that are damaged or do not fit: refused in a sentence that names the file and what
does not fit, and not one variable changes."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from models import randomise

import movinet
from movinet import InputError
from movinet.checkpoints import loading


def build(num_classes=3, **changes):
    return movinet.MovinetClassifier(movinet.Movinet("tiny", **changes), num_classes)


@pytest.fixture(scope="module")
def target():
    return build()


@pytest.fixture(scope="module")
def written(target, tmp_path_factory) -> pathlib.Path:
    """A folder with the checkpoints ckpt-1 and ckpt-2, of other weights than `target`."""
    folder = tmp_path_factory.mktemp("written")
    source = build()
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=source), str(folder), 3)
    for seed in (1, 2):
        randomise(source, seed=seed)
        manager.save()
    return folder


@pytest.fixture
def folder(written, tmp_path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(written, tmp_path / "copy"))


def values(model):
    return [variable.numpy() for variable in model.variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def refusal(target, path, **options) -> str:
    """What is said of a checkpoint that must not be read."""
    before = values(target)
    with pytest.raises(InputError) as refused:
        loading.load(target, str(path), **options)
    assert same(before, values(target)), "a variable has changed"
    sentence = str(refused.value)
    assert "\n" not in sentence and len(sentence) < 700
    return sentence


def test_the_checkpoints_are_whole(target, folder):
    """The negative control: what is refused below is read before it is damaged."""
    before = values(target)
    loading.load(target, str(folder))
    assert not same(before, values(target))
    newest = values(target)
    loading.load(target, str(folder / "ckpt-2.data-00000-of-00001"))
    assert same(newest, values(target))
    loading.load(target, str(folder / "ckpt-1.index"))
    assert not same(newest, values(target))


def damage(content: bytes) -> dict[str, bytes | None]:
    size = len(content)
    damaged = {"gone": None, "empty": b"", "half": content[: size // 2], "short": content[:-1]}
    for part in range(25):
        place = part * (size - 1) // 24
        flipped = bytes([content[place] ^ 1 << part % 8])
        damaged[f"bit {part % 8} of byte {place}"] = (
            content[:place] + flipped + content[place + 1 :]
        )
    return damaged


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_a_damaged_file_changes_nothing(target, folder, ending):
    path = folder / f"ckpt-2.{ending}"
    content, unnoticed = path.read_bytes(), []
    for what, damaged in damage(content).items():
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        before = values(target)
        try:
            loading.load(target, str(folder / "ckpt-2"))
        except InputError as error:
            assert str(folder / "ckpt-2") in str(error) and "\n" not in str(error), what
            assert same(before, values(target)), what
        else:
            unnoticed.append(what)
        path.write_bytes(content)
        loading.load(target, str(folder / "ckpt-1"))
    # A bit that no number depends on, such as one of the padding.
    assert len(unnoticed) <= 3, unnoticed
    assert not {"gone", "empty", "half", "short"} & set(unnoticed)


def test_damage_outside_of_the_backbone_is_none_for_the_backbone(target, folder):
    """Only what is read is compared with its checksum."""
    path = folder / "ckpt-2.data-00000-of-00001"
    content = path.read_bytes()
    reader = tf.train.load_checkpoint(str(folder / "ckpt-2"))
    head = next(
        name for name in reader.get_variable_to_shape_map() if "layer_with_weights-1" in name
    )
    place = content.index(reader.get_tensor(head).tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert "ckpt-2.data-*" in refusal(target, folder / "ckpt-2")
    assert "the head starts anew" in loading.load(target, str(folder / "ckpt-2"), "backbone")


NAMED = "model_checkpoint_path: "


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (None, "is missing: name one of ckpt-1, ckpt-2 itself"),
        (b"", "is damaged: name one of ckpt-1, ckpt-2 itself"),
        (b"\xff\x00garbage", "is damaged"),
        (f'{NAMED}"ckpt-2'.encode(), "is damaged"),
        (f'{NAMED}"ckpt-1"\nall_{NAMED[:-2]}s: "ckpt-2"\n'.encode(), "is damaged"),
        (f'{NAMED}"ckpt-7"\n'.encode(), "names 'ckpt-7', which is not there: name one of ckpt-1"),
        (f'{NAMED}"ckpt-1\\000"\n'.encode(), "which is not there"),
        (f'{NAMED}"../other/ckpt-1"\n'.encode(), "/ckpt-1', elsewhere: name one of"),
        (f'{NAMED}"other/ckpt-1"\n'.encode(), "/ckpt-1', elsewhere: name one of"),
    ],
)
def test_the_file_that_names_the_newest(target, folder, record, says):
    for other in (folder.parent / "other", folder / "other"):
        other.mkdir()
        for path in folder.glob("ckpt-1.*"):
            shutil.copy(path, other)
    (folder / "checkpoint").unlink()
    if record is not None:
        (folder / "checkpoint").write_bytes(record)
    sentence = refusal(target, folder)
    assert sentence.startswith(f"The file {folder / 'checkpoint'}, which") and says in sentence


def test_an_absolute_path_is_followed_only_within_the_folder(target, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "moved")
    (tmp_path / "moved" / "checkpoint").write_text(f'{NAMED}"{folder / "ckpt-2"}"\n')
    assert f"names '{folder / 'ckpt-2'}', elsewhere" in refusal(target, tmp_path / "moved")
    (folder / "checkpoint").write_text(f'{NAMED}"{folder / "ckpt-1"}"\n')
    assert loading.find(str(folder)) == str(folder / "ckpt-1")


def shapes(path):
    """Of the weights in a checkpoint, as TensorFlow lists them."""
    found = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    return {key: shape for key, shape in found.items() if key.startswith(("model/", "backbone/"))}


@pytest.mark.parametrize("choice", [{"conv_type": "2plus1d"}, {"se_type": "2plus3d"}])
def test_all_that_does_not_fit_is_counted_and_named(target, tmp_path, choice):
    other = build(5, **choice)
    there, here = (
        tf.train.Checkpoint(model=model, backbone=model.backbone).write(str(tmp_path / name))
        for name, model in (("there", other), ("here", target))
    )
    extra, missing = shapes(there).keys() - shapes(here), shapes(here).keys() - shapes(there)
    both = shapes(here).keys() & shapes(there)
    misshapen = [key for key in both if shapes(here)[key] != shapes(there)[key]]
    assert bool(extra) == bool(missing) == ("conv_type" in choice)
    assert bool(misshapen) == ("se_type" in choice)
    sentence = refusal(target, there)
    assert sentence.startswith(there)
    for kind, names in (
        (f"lacks {len(missing)} of the model's {len(shapes(here))} variables: ", missing),
        (f"holds {len(extra)} variables that the model lacks: ", extra),
        (f"has {len(misshapen)} variables of another shape: ", misshapen),
    ):
        assert (kind in sentence) == bool(names)
    if extra:
        assert f"{min(extra).removesuffix('/.ATTRIBUTES/VARIABLE_VALUE')}, " in sentence


def test_what_a_compiled_model_keeps_beside_its_weights_is_not_too_much(target, tmp_path):
    trained = build()
    trained.compile(optimizer="adam", loss="mse", metrics=["mae"], run_eagerly=True)
    trained.fit(np.zeros((2, 4, 16, 16, 3), np.float32), np.zeros((2, 3), np.float32), verbose=0)
    path = tf.train.Checkpoint(model=trained).write(str(tmp_path / "compiled"))
    reader = tf.train.load_checkpoint(path)
    assert any("optimizer" in key for key in reader.get_variable_to_shape_map())
    assert loading.load(target, path).endswith(": the model.")
    assert same(values(target), values(trained))


def test_incomplete_reading_counts_what_it_leaves(target, tmp_path):
    parts = target.backbone
    extra = tf.train.Checkpoint(**{"layer_with_weights-0": parts, "more": tf.Variable(1.0)})
    path = tf.train.Checkpoint(model=extra).write(str(tmp_path / "parts"))
    assert "holds 1 variables that the model lacks: model/more; " in refusal(target, path)
    assert loading.load(target, path, complete=False).endswith(
        ": the model; 4 that it lacks stay as they are, 1 others in it are left out."
    )
