"""Finding near-equal hashes among millions without comparing each with each.

Sorted as numbers, hashes that agree in their first bits stand together. So they are sorted once for
each of several rotations of their bits, and each is compared with the few that follow it: work and
memory grow with the number of hashes, not with its square (Charikar, "Similarity Estimation
Techniques from Rounding Algorithms", 2002). A pair of n near frames is missed only if each of them
has wrong bits near the front in every rotation.
"""

from collections.abc import Sequence

import numpy as np

from movinet.data.dataset_check.perceptual_hash import NO_PICTURE, distance

_ROTATION = 4  # Bits from one sorting to the next.
_NEIGHBOURS = 12
_CLOSE = 12  # Bits in which two frames may differ to count as near.
_REPEATED = 2  # Bits in which a frame must differ from the one before to be worth a look.
_REFRESH = 8  # Every so many frames one is looked at even so.
_FEW = 4  # Frames.
_CHUNK = 1 << 20


def find_near_clips(hashes: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the pairs of clips [N, 2], in order, that share near-equal frames.

    Args:
        hashes: of each clip, its frames' uint64 [T] in order of time.
    """
    kept = [_distinct(frames) for frames in hashes]
    counts = np.array([len(frames) for frames in kept], np.int64)
    if not counts.sum():
        return np.empty((0, 2), np.int64)
    owners = np.repeat(np.arange(len(kept), dtype=np.int32), counts)
    matches = _near_frames(np.concatenate(kept), owners)
    clips = np.sort(owners[matches].astype(np.int64), axis=1)
    pairs, shared = np.unique(clips[:, 0] * len(kept) + clips[:, 1], return_counts=True)
    pairs = np.stack(np.divmod(pairs, len(kept)), axis=1)
    # One near frame of many is chance; clips of which there is but a still or two have no more.
    needed = np.where(counts[pairs].min(axis=1) < _FEW, 1, 2)
    return pairs[shared >= needed]


def _distinct(frames: np.ndarray) -> np.ndarray:
    """Returns the hashes that say something new: a still scene must not fill the neighbourhood."""
    if not len(frames):
        return frames
    changes = np.concatenate([[True], distance(frames[1:], frames[:-1]) > _REPEATED])
    changes[::_REFRESH] = True
    return np.unique(frames[changes & (frames != NO_PICTURE)])


def _near_frames(hashes: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Returns pairs of near hashes of different clips, int64 [N, 2], each once."""
    found = [np.empty(0, np.int64)]
    for turn in range(0, 64, _ROTATION):
        rotated = (hashes << np.uint64(turn)) | (hashes >> np.uint64((64 - turn) % 64))
        order = np.argsort(rotated, kind="stable")
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            for start in range(0, len(order) - step, _CHUNK):
                first = order[start : min(start + _CHUNK, len(order) - step)]
                second = order[start + step : start + step + len(first)]
                near = (distance(hashes[first], hashes[second]) <= _CLOSE) & (
                    owners[first] != owners[second]
                )
                low = np.minimum(first[near], second[near])
                found.append(low * len(hashes) + np.maximum(first[near], second[near]))
    return np.stack(np.divmod(np.unique(np.concatenate(found)), len(hashes)), axis=1)
