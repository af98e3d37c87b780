"""Hashes: what they survive, how near ones are found among many, and how videos are aligned."""

import itertools

import numpy as np
import pytest
from scipy.fft import dctn

from benchmarks.scenes import Scene, resize
from movinet.data.dataset_check import near_hashes
from movinet.data.dataset_check.alignment import align
from movinet.data.dataset_check.near_hashes import find_near_clips
from movinet.data.dataset_check.perceptual_hash import INTERVAL, NO_PICTURE, distance, hash_picture
from movinet.data.dataset_check.pictures import averaging_matrix, shrink, to_grey


def hash_frame(frame):
    return hash_picture(shrink(to_grey(frame)))


def test_shrinking_is_the_mean_of_blocks():
    picture = np.random.default_rng(0).uniform(0, 255, (64, 96)).astype(np.float32)
    blocks = picture.reshape(32, 2, 32, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(picture), blocks, rtol=1e-5)
    inner = picture[16:48].reshape(32, 32, 3).mean(axis=2)
    np.testing.assert_allclose(shrink(picture, (0.25, 0.75)), inner, rtol=1e-5)


@pytest.mark.parametrize("size", [7, 32, 45, 500])
def test_weights_add_up_to_one_and_cover_all_evenly(size):
    weights = averaging_matrix(size)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=0), 32 / size, rtol=1e-4)


def test_bits_are_the_lowest_frequencies_of_scipy():
    picture = shrink(to_grey(Scene(0).frames(1)[0]))
    spectrum = dctn(picture, norm="ortho")
    values = [spectrum[row, total - row] for total in range(1, 12) for row in range(total + 1)][:64]
    bits = np.array(values) > np.median(values) + 4
    assert int(hash_picture(picture)) == int("".join(str(int(bit)) for bit in bits), 2)


def test_a_frame_keeps_its_hash_at_another_size_and_others_have_others():
    frames = [Scene(number).frames(1)[0] for number in range(30)]
    hashes = np.array([hash_frame(frame) for frame in frames])
    smaller = np.array([hash_frame(resize(frame[None], 48, 60)[0]) for frame in frames])
    assert distance(hashes, smaller).max() <= 4
    others = [int(distance(a, b)) for a, b in itertools.combinations(hashes, 2)]
    assert min(others) > 10 and 28 < np.mean(others) < 34


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_frame_has_no_hash(level):
    noise = np.random.default_rng(0).integers(-3, 4, (64, 64, 3))
    frame = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert hash_frame(frame) == NO_PICTURE


def random_clips(count, frames, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 1 << 64, frames, np.uint64) for _ in range(count)]


def flip(hashes, bits, rng):
    """Hashes with so many wrong bits each."""
    flipped = hashes.copy()
    for index in range(len(hashes)):
        for bit in rng.choice(64, bits, replace=False):
            flipped[index] ^= np.uint64(1 << int(bit))
    return flipped


@pytest.mark.parametrize("bits", [0, 4, 8])
def test_near_clips_are_found_among_many_and_no_others(bits):
    rng = np.random.default_rng(1)
    clips = random_clips(3_000, 12)
    copies = {(number, 3_000 + number) for number in range(0, 200)}
    clips += [flip(clips[first], bits, rng) for first, _ in sorted(copies)]
    found = {tuple(pair) for pair in find_near_clips(clips).tolist()}
    # 8 of 64 wrong bits leave hardly a frame that is not, in some rotation, near its copy.
    assert len(found & copies) >= (190 if bits == 8 else 200)
    assert len(found - copies) <= 2


def test_far_clips_are_not_found():
    rng = np.random.default_rng(1)
    clips = random_clips(500, 12)
    clips += [flip(frames, 14, rng) for frames in clips[:100]]
    assert len(find_near_clips(clips)) <= 2


def test_work_grows_with_the_number_of_hashes(monkeypatch):
    looked_at = []

    def counting(first, second):
        looked_at.append(len(first))
        return distance(first, second)

    monkeypatch.setattr(near_hashes, "distance", counting)
    work = []
    for count in (1_000, 4_000):
        looked_at.clear()
        find_near_clips(random_clips(count, 10))
        work.append(sum(looked_at))
    assert work[1] < 4.1 * work[0]


def test_clips_without_pictures_are_near_to_none():
    assert len(find_near_clips([])) == 0
    assert len(find_near_clips([np.zeros(5, np.uint64)] * 3)) == 0
    assert len(find_near_clips([np.empty(0, np.uint64), *random_clips(1, 1)])) == 0


@pytest.mark.parametrize("shift", [-5, 0, 3])
def test_a_shifted_copy_is_aligned(shift):
    (frames,) = random_clips(1, 40)
    rng = np.random.default_rng(0)
    first, second = frames[max(0, -shift) :], flip(frames[max(0, shift) :], 6, rng)
    alignment = align(first, second)
    assert alignment.shift == shift * INTERVAL
    assert alignment.bits == 6


def test_what_does_not_agree_or_hardly_overlaps_is_not_aligned():
    first, second = random_clips(2, 40)
    assert align(first, second) is None
    assert align(first, np.concatenate([first[-15:], second[:25]])) is None
    assert align(first, np.concatenate([first[-25:], second[:15]])) is not None
    assert align(first, np.zeros(40, np.uint64)) is None


def test_frames_without_a_picture_do_not_count():
    (first,) = random_clips(1, 20)
    second = first.copy()
    second[::2] = NO_PICTURE
    assert align(first, second).bits == 0
