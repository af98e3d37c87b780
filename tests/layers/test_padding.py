import pytest

from movinet.layers.padding import strided_size, temporal_padding


@pytest.mark.parametrize(
    ("frames", "causal", "buffered", "expected"),
    [
        (1, False, False, (0, 0)),
        (3, False, False, (1, 1)),
        (4, False, False, (1, 2)),
        (5, False, False, (2, 2)),
        (3, True, False, (2, 0)),
        (5, True, False, (4, 0)),
        (5, True, True, (0, 0)),
    ],
)
def test_temporal_padding(frames, causal, buffered, expected):
    assert temporal_padding(frames, causal, buffered) == expected


@pytest.mark.parametrize(("size", "stride", "expected"), [(7, 2, 4), (8, 2, 4), (7, 1, 7)])
def test_strided_size(size, stride, expected):
    assert strided_size(size, stride) == expected
    assert strided_size(None, stride) is None
