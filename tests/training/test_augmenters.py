"""The Model Garden's operations on clips: the same numbers, the same for all frames, repeatable."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import augment
from record_files import smooth_frames

from movinet.errors import InputError
from movinet.training import augmenters
from movinet.training.augmenters import OPERATIONS, AutoAugment, RandAugment

FRAME = smooth_frames(np.random.default_rng(0), 1, 24, 32)[0]
CLIP = tf.constant(np.stack([FRAME] * 4))
CONSTANTS = {"cutout_const": 12.0, "translate_const": 10.0}
SEEDS = [tf.constant([5, position], tf.int64) for position in range(40)]


def operate(name: str, level: float, seed: tf.Tensor) -> np.ndarray:
    arguments = augmenters._arguments(name, level, **CONSTANTS)
    return augmenters._operation(name, arguments)(CLIP, seed).numpy()


def official(name: str, level: float, sign: float = 1.0) -> np.ndarray:
    """The operation on the one frame; of Equalize, on all four below one another.

    Its steps are whole numbers of pixels, so that four times the pixels make finer ones.
    """
    values = augment.level_to_arg(**CONSTANTS)[name](level)
    if name in augmenters._DIRECTED:
        values = [sign * abs(values[0])]
    fill = [[128] * 3] if name in augment.REPLACE_FUNCS else []
    frame = np.concatenate([FRAME] * 4) if name == "Equalize" else FRAME
    return augment.NAME_TO_FUNC[name](tf.constant(frame), *values, *fill).numpy()[: len(FRAME)]


@pytest.mark.parametrize("level", [4, 9])
@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"Cutout"}))
def test_each_operation_changes_all_frames_as_the_model_garden_changes_one(name, level):
    expected = {official(name, level, sign).tobytes() for sign in (-1.0, 1.0)}
    found = [operate(name, level, seed) for seed in SEEDS[:12]]
    assert all((clip == clip[:1]).all() for clip in found)
    assert {clip[0].tobytes() for clip in found} == expected
    assert all((clip != FRAME).any() for clip in found) or name in ("AutoContrast", "Equalize")


def test_cutout_greys_the_same_square_in_all_frames():
    places = set()
    for seed in SEEDS:
        clip = operate("Cutout", 5, seed)  # half of 12: up to 12 pixels wide
        changed = (clip != CLIP.numpy()).any(-1)
        assert (clip[changed] == 128).all()
        assert (changed == changed[0]).all()
        rows, columns = np.flatnonzero(changed[0].any(1)), np.flatnonzero(changed[0].any(0))
        assert 6 <= np.ptp(rows) + 1 <= 12
        assert 6 <= np.ptp(columns) + 1 <= 12
        places.add((rows[0], columns[0]))
    assert len(places) > 20


def test_a_certain_policy_equals_the_model_garden():
    policy = [[("Invert", 1.0, 3), ("Posterize", 1.0, 6)]]
    found = AutoAugment(policy, 100, 250)(CLIP, SEEDS[0])
    expected = augment.AutoAugment(policies=policy).distort(CLIP)
    np.testing.assert_array_equal(found, expected)
    assert (found != CLIP).numpy().any()


def test_policies_and_steps_are_as_frequent_as_they_say():
    policies = [[("Invert", 0.5, 3)], [("Posterize", 1.0, 2), ("Solarize", 0.0, 5)]]
    augmenter = AutoAugment(policies, 100, 250)
    outcomes = {
        "kept": CLIP.numpy(),
        "Invert": 255 - CLIP.numpy(),
        "Posterize": np.stack([official("Posterize", 2)] * 4),
    }
    counts = dict.fromkeys(outcomes, 0)
    for position in range(200):
        found = augmenter(CLIP, tf.constant([9, position], tf.int64)).numpy()
        for name, outcome in outcomes.items():
            counts[name] += (found == outcome).all()
    assert sum(counts.values()) == 200
    assert 30 < counts["kept"] < 70
    assert 30 < counts["Invert"] < 70
    assert 75 < counts["Posterize"] < 125


@pytest.mark.parametrize("make", [AutoAugment.named, RandAugment], ids=["autoaug", "randaug"])
def test_clips_are_changed_whole_and_repeatably(make):
    augmenter = tf.function(make())
    found = [augmenter(CLIP, seed).numpy() for seed in SEEDS]
    assert all((clip == clip[:1]).all() for clip in found)
    assert len({clip.tobytes() for clip in found}) > 15
    np.testing.assert_array_equal(augmenter(CLIP, SEEDS[3]), found[3])
    assert found[0].dtype == np.uint8


def test_random_operations_can_be_excluded_or_rare():
    names = augment.RandAugment().available_ops
    only_invert = RandAugment(
        num_layers=1, exclude_ops=[name for name in names if name != "Invert"]
    )
    outcomes = {tuple(only_invert(CLIP, seed)[0, 0, 0].numpy()) for seed in SEEDS}
    assert outcomes == {tuple(FRAME[0, 0]), tuple(255 - FRAME[0, 0])}
    never = RandAugment(prob_to_apply=0.0)
    assert all((never(CLIP, seed) == CLIP).numpy().all() for seed in SEEDS[:5])


@pytest.mark.parametrize("name", ["v9", "detection_v0"])
def test_policies_that_clips_cannot_have(name):
    with pytest.raises(InputError, match=rf"{name}.*v0"):
        AutoAugment.named(name)


def test_level_out_of_range():
    with pytest.raises(InputError, match="Level 11"):
        RandAugment(magnitude=11)
