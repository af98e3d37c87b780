"""The two layouts of split convolutions: the same weights, the same numbers, both ways."""

import subprocess
import sys

import models
import numpy as np
import oracle
import pytest
import tensorflow as tf

import movinet
from movinet import InputError
from movinet.checkpoints import conversion, layouts, loading, saving
from movinet.errors import VerificationError

STREAM = models.STREAM
TOOL = "tools/convert_3d_2plus1d.py"
VIDEO = models.random_clip(1, 5, 32, 32, 3)


def build(conv_type="3d_2plus1d", num_classes=3, **changes):
    choices = {**STREAM, **changes, "conv_type": conv_type}
    return models.build("small", num_classes, **choices)


@pytest.mark.parametrize(("conv_type", "positions"), [("3d_2plus1d", True), ("2plus1d", False)])
def test_a_converted_checkpoint_is_an_official_one(tmp_path, conv_type, positions):
    """Written by official classes in one layout, read by official classes in the other."""
    choices = {**STREAM, "use_positional_encoding": positions}
    official = oracle.build("small", 3, **choices, conv_type=conv_type)
    models.randomise(official)
    path = tf.train.Checkpoint(model=official).save(str(tmp_path / "official"))
    assert layouts.detect(path) == conv_type and layouts.count_classes(path) == 3
    (other,) = set(layouts.SPLIT_TYPES) - {conv_type}
    done = conversion.convert_checkpoint(
        path,
        tmp_path / "new" / "ckpt",
        lambda chosen: build(chosen, use_positional_encoding=positions),
        other,
    )
    assert done.path == str(tmp_path / "new" / "ckpt-1") and done.conv_type == (conv_type, other)
    assert done.difference.relative < 1e-6
    found = oracle.build("small", 3, **choices, conv_type=other)
    latest = tf.train.latest_checkpoint(str(tmp_path / "new"))
    tf.train.Checkpoint(model=found).restore(latest).assert_existing_objects_matched()
    assert models.relative_difference(found(VIDEO), official(VIDEO)) < 1e-5
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "checkpoint",
        "ckpt-1.index",
        "ckpt-1.data-00000-of-00001",
    }


def test_back_and_forth_is_the_same():
    model = build()
    there = layouts.convert(model, "2plus1d")
    back = layouts.convert(there, "3d_2plus1d")
    pairs = zip(model.variables, back.variables, strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
    changed = [a.shape != b.shape for a, b in zip(model.variables, there.variables, strict=True)]
    assert sum(changed) > 20
    base = models.build("small", 3, conv_type="3d_2plus1d")
    converted = layouts.convert(base, "2plus1d")
    assert models.relative_difference(converted(VIDEO), base(VIDEO)) < 1e-5


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"conv_type": "3d"}, "kernels of '3d' span time and space at once"),
        ({"conv_type": "2plus1d", "causal": False}, "with causal True; they do not fit one with"),
        ({"conv_type": "2plus1d", "se_type": "3d"}, "with se_type '2plus3d'"),
        ({"conv_type": "2plus1d", "num_classes": 4}, "with num_classes 3"),
        ({"conv_type": "2plus1d", "use_positional_encoding": True}, "use_positional_encoding"),
    ],
)
def test_what_does_not_fit_is_named(target, says):
    with pytest.raises(InputError) as refused:
        layouts.copy_weights(build(), build(**target))
    assert says in str(refused.value)


def test_another_architecture_is_named():
    with pytest.raises(InputError, match="with architecture"):
        layouts.copy_weights(build(), models.build("tiny", 3, **STREAM, conv_type="2plus1d"))


def test_a_checkpoint_that_cannot_be_converted(tmp_path):
    whole = tf.train.Checkpoint(model=build("3d")).write(str(tmp_path / "whole"))
    with pytest.raises(InputError, match="cannot be converted from conv_type '3d'"):
        conversion.convert_checkpoint(whole, tmp_path / "x", build)
    mobile = tf.train.Checkpoint(model=build("2plus1d")).write(str(tmp_path / "mobile"))
    with pytest.raises(InputError, match="in the layout 2plus1d already"):
        conversion.convert_checkpoint(mobile, tmp_path / "x", build)
    headless = tf.train.Checkpoint(backbone=build().backbone).write(str(tmp_path / "headless"))
    with pytest.raises(InputError, match="holds no classifier"):
        layouts.count_classes(headless)
    assert not list(tmp_path.glob("x*"))


def test_a_bad_conversion_is_noticed_and_writes_nothing(tmp_path, monkeypatch):
    path = tf.train.Checkpoint(model=build()).write(str(tmp_path / "ckpt"))
    convert = layouts.convert

    def negated(model, conv_type):
        """Errors of the opposite sign: their mean is far below any bound."""
        converted = convert(model, conv_type)
        converted.variables[-1].assign_sub([0.1] * 3)  # The bias of the logits.
        return converted

    monkeypatch.setattr(layouts, "convert", negated)
    with pytest.raises(VerificationError, match="largest difference"):
        conversion.convert_checkpoint(path, tmp_path / "x", build)
    assert not list(tmp_path.glob("x*")) and not list(tmp_path.glob(".*"))
    conversion.convert_checkpoint(path, tmp_path / "x", build, verify=False)
    assert loading.find(str(tmp_path / "x-1"))
    with pytest.raises(InputError, match=r"do you mean .*x-1\?"):
        loading.find(str(tmp_path / "x"))


def test_the_checkpoints_of_a_run_stay_its_own(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-7"\n')
    saving.save(build(), tmp_path / "ckpt")
    assert "ckpt-7" in (tmp_path / "checkpoint").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        saving.save(build(), tmp_path / "file" / "ckpt")


def run(*arguments):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_tool(tmp_path):
    model = movinet.MovinetClassifier(movinet.Movinet("t0", **STREAM, conv_type="3d_2plus1d"), 4)
    models.randomise(model)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    output = str(tmp_path / "new" / "ckpt")
    flags = [f"--input_checkpoint_path={path}", f"--output_checkpoint_path={output}"]
    done = run(*flags, "--preset=t0_stream")
    assert done.returncode == 0, done.stderr
    assert "largest difference" in done.stdout and f"2plus1d: {output}-1" in done.stdout
    copy = movinet.MovinetClassifier(movinet.Movinet("t0", **STREAM, conv_type="2plus1d"), 4)
    loading.load(copy, f"{output}-1")
    assert models.relative_difference(copy(VIDEO), model(VIDEO)) < 1e-5
    refused = run(*flags, "--preset=t0_stream", "--causal")
    assert refused.returncode == 2 and "--causal is not for --preset" in refused.stderr
    assert "Traceback" not in refused.stderr
