"""Makes an input smaller that does what it should not."""

import time
from collections.abc import Callable


def shrink(data: bytes, still: Callable[[bytes], bool], seconds: float = 10.0) -> bytes:
    """Returns the shortest input found that `still` holds of, by taking out ever smaller pieces."""
    deadline = time.monotonic() + seconds
    size = (len(data) + 1) // 2
    while size:
        start, before = 0, len(data)
        while start < len(data):
            if time.monotonic() > deadline:
                return data
            shorter = data[:start] + data[start + size :]
            if still(shorter):
                data = shorter
            else:
                start += size
        if len(data) == before or size > 1:
            size //= 2
    return data
