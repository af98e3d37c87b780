"""Our operations on clips change pixels as the Model Garden's do."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import augment
from record_files import smooth_frames

from movinet.data.pipeline import clip_operations
from movinet.training.augmenters import OPERATIONS

FUNCTIONS = {name: function for name, function in OPERATIONS.items() if name != "Cutout"}
# Sums in another order round otherwise: where the official cuts off just below a whole number.
NEARLY = ("Color", "Contrast", "Grayscale", "Sharpness")
DIRECTED = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
RNG = np.random.default_rng(0)
CLIPS = {
    "natural": smooth_frames(RNG, 3, 40, 56) // 2 + 30,
    "odd": smooth_frames(RNG, 3, 33, 45) // 2 + 30,
    "random": RNG.integers(0, 256, (3, 24, 32, 3)),
    "one colour": np.broadcast_to([0, 90, 255], (3, 16, 16, 3)),
}
CLIPS = {name: tf.constant(clip, tf.uint8) for name, clip in CLIPS.items()}
LEVELS = (0, 4, 10)  # 10 moves by 250 pixels: the picture is mirrored several times


def arguments_of(name: str, level: float, sign: float = 1.0) -> tuple:
    """The Model Garden's, in the direction of `sign`, which it draws."""
    arguments = augment.level_to_arg(cutout_const=100, translate_const=250)[name](level)
    return (tf.constant(sign * abs(arguments[0])),) if name in DIRECTED else arguments


def official(name: str, clip: tf.Tensor, arguments: tuple) -> np.ndarray:
    fill = [[128] * 3] if name in augment.REPLACE_FUNCS else []
    return augment.NAME_TO_FUNC[name](clip, *arguments, *fill).numpy().astype(int)


def ours(name: str, clip: tf.Tensor, arguments: tuple) -> np.ndarray:
    changed = FUNCTIONS[name](clip, *arguments)
    assert (changed.shape, changed.dtype) == (clip.shape, tf.uint8)
    return changed.numpy().astype(int)


def agree(name: str, found: np.ndarray, expected: np.ndarray) -> bool:
    differences = np.abs(found - expected)
    if name not in NEARLY:
        return not differences.any()
    return differences.max() <= 1 and differences.mean() < 1e-3


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_pixels_are_the_model_gardens(name, clip):
    for level in LEVELS:
        for sign in (1, -1) if name in DIRECTED else (1,):
            arguments = arguments_of(name, level, sign)
            assert agree(name, ours(name, clip, arguments), official(name, clip, arguments))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_but_the_same_arguments_agrees(name):
    clip = CLIPS["natural"]
    arguments = arguments_of(name, 6)
    expected = official(name, clip, arguments)
    assert agree(name, ours(name, clip, arguments), expected)
    assert not agree(name, clip.numpy().astype(int), expected)
    others = [arguments_of(name, 3), arguments_of(name, 9)] if arguments else []
    if name in DIRECTED:
        others.append(arguments_of(name, 6, -1))
    for other in others:
        assert not agree(name, ours(name, clip, other), expected)


def test_statistics_are_those_of_the_whole_clip_or_of_each_frame():
    values = np.repeat([np.arange(10, 110), np.arange(110, 210)], 36, axis=1)
    clip = tf.constant(np.tile(values.reshape(2, 60, 60, 1), (1, 1, 1, 3)), tf.uint8)
    for name, whole in {"AutoContrast": True, "Equalize": True, "Contrast": False}.items():
        arguments = arguments_of(name, 3)
        together, alone = (ours(name, each, arguments)[0] for each in (clip, clip[:1]))
        assert (together != alone).any() == whole
        assert agree(name, together, official(name, clip, arguments)[0])


@pytest.mark.parametrize(
    ("centre", "rows", "columns"),
    [
        ((20, 20), slice(14, 26), slice(14, 26)),
        ((0, 3), slice(0, 6), slice(0, 9)),
        ((39, 55), slice(33, 40), slice(49, 56)),
    ],
)
def test_cutout_greys_a_square(centre, rows, columns):
    clip = CLIPS["natural"]
    expected = clip.numpy().copy()
    expected[:, rows, columns] = 128
    found = clip_operations.cutout(clip, 6, tf.constant(centre))
    np.testing.assert_array_equal(found, expected)
    assert (expected != clip.numpy()).any()
    np.testing.assert_array_equal(clip_operations.cutout(clip, 0, tf.constant(centre)), clip)


def test_every_operation_is_built_into_a_graph():
    clip = CLIPS["odd"]
    for name, function in FUNCTIONS.items():
        arguments = arguments_of(name, 4)
        built = tf.function(lambda x, f=function, a=arguments: f(x, *a))
        assert agree(name, built(clip).numpy().astype(int), ours(name, clip, arguments))
