"""The cases themselves on a network of seconds, with the real official implementation."""

import dataclasses

import oracle
import pytest
from models import random_clip

from benchmarks import cases, peers
from benchmarks.cases import clip, litert, saved_model, training
from benchmarks.settings import BASE, LAYOUTS, MOBILE_STREAM, Settings
from movinet.errors import VerificationError
from movinet.presets import PRESETS


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Settings under which the network `tiny` is a published variant of 32 pixels."""
    for kind in ("base", "stream"):
        preset = dataclasses.replace(
            PRESETS[f"a0_{kind}"], name=f"tiny_{kind}", model_id="tiny", image_size=32
        )
        monkeypatch.setitem(PRESETS, f"tiny_{kind}", preset)
    with oracle._architecture("tiny"):
        yield Settings(("tiny",), repeats=2, peer_repeats=1, threads=1, folder=str(tmp_path))


def test_clips_of_both_are_timed(settings):
    (line,) = clip.measure(settings, "tiny", BASE)
    assert line.measurements.keys() == {"official", "ours"}
    assert line.ratio > 1
    assert line.multiply_adds > 0 and line.unit == "ms"


def test_nothing_is_timed_where_the_outputs_differ(settings, monkeypatch):
    monkeypatch.setattr(peers, "share_weights", lambda ours, official: None)
    with pytest.raises(VerificationError, match="ours"):
        clip.measure(settings, "tiny", BASE)


def test_training_of_both_is_timed(settings):
    lines = training.measure(settings, "tiny", BASE)
    assert [line.work.partition(", ")[2].split()[0] for line in lines] == [
        "build",
        "trace",
        "first",
        "training",
    ]
    assert all(line.measurements.keys() == {"official", "ours"} for line in lines)
    forward = clip.line(settings, "tiny", BASE)["multiply_adds"]
    assert lines[-1].multiply_adds == 3 * training.BATCH_SIZE * forward


@pytest.mark.slow
def test_exports_of_both_are_timed(settings):
    (frame,) = saved_model.measure(settings, "tiny")
    assert frame.measurements.keys() == {"official", "ours"}
    lines = {line.work: line for line in litert.measure(settings, "tiny", 1)}
    floats, integers = (lines[litert.work(f"{kind} 5d", 1)] for kind in ("float32", "int8"))
    assert floats.multiply_adds and not integers.multiply_adds
    assert floats.measurements["official"] == integers.measurements["official"]


def test_agreement_is_to_a_part_of_the_largest_logit():
    logits = random_clip(3, 7).numpy()
    peers.check_agreement("ours", logits * (1 + 0.5 * peers.TOLERANCE), logits)
    with pytest.raises(VerificationError, match="differ"):
        peers.check_agreement("ours", logits * (1 + 2 * peers.TOLERANCE), logits)
    with pytest.raises(VerificationError, match="differ"):
        peers.check_agreement("ours", logits * float("nan"), logits)


def test_every_case_of_every_model_is_planned():
    planned = cases.jobs(cases.NAMES, Settings())
    assert {job.case for job in planned} == {cases.FLOOR, *cases.NAMES}
    clips = [job.arguments for job in planned if job.case == "clip"]
    assert len(clips) == 3 * len(LAYOUTS)
    assert not [job for job in planned if job.case == "pytorch_port"]
    ported = cases.jobs(cases.NAMES, Settings(("a0",), pytorch="port"))
    assert [job.arguments["case"] for job in ported if job.case == "pytorch_port"] == [
        "clip",
        "training",
        "saved_model",
    ]


def test_the_resolution_is_the_published_one_unless_asked():
    assert Settings().preset("a2", MOBILE_STREAM).image_size == 224
    assert Settings(image_size=64).preset("a2", MOBILE_STREAM).image_size == 64
    assert Settings().preset("a0", MOBILE_STREAM).conv_type == "2plus1d"
