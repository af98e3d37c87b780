"""Inputs that are nearly right: kept ones with pieces put in, taken out and repeated."""

import re
from collections.abc import Iterable

from hypothesis import strategies

WORDS = (
    *(b"\0", b"\xff", b"\xc3", b"\r", b"\n", b"\t", b"\x1b", b" "),
    *(b"\xe2\x80\xa8", b"\xef\xbb\xbf"),
    *(b"..", b"/", b"../", b"/etc/passwd", b"-", b"-1", b"0", b"1", b"9" * 30, b"1e400", b"1.5e3"),
    *(b"NaN", b"-Infinity", b"null", b"true", b"None", b".nan", b"1:30", b"\xd9\xa3"),
    *(b"[", b"]", b"{", b"}", b'"', b"'", b",", b":", b"=", b"#", b"- ", b"? ", b"|\n", b"%"),
    *(b"&a ", b"*a", b"<<: ", b"!!", b"!!python/name:os.system", b"---\n", b"%YAML 1.1\n"),
    *(b'"\\ud800"', b'"\\UFFFFFFFF"', b'"\\0"', b"\\", b"\\n"),
)
"""What has a meaning, or a special one, in one of the formats."""

_REPEATS = (1, 1, 1, 1, 1, 2, 30, 1000)
_LONGEST = 20_000


def mutated(seeds: Iterable[bytes]) -> strategies.SearchStrategy[bytes]:
    """Draws bytes, mostly seeds with some edits: words of the seeds are swapped too."""
    seeds = sorted(seeds)
    own = sorted({word for seed in seeds for word in re.findall(rb"[\w.-]{2,40}", seed)})
    pieces = strategies.one_of(
        strategies.just(b""),
        strategies.sampled_from(WORDS),
        strategies.sampled_from(own or [b""]),
        strategies.binary(max_size=6),
    )
    edits = strategies.lists(
        strategies.tuples(
            strategies.integers(0, 10_000),
            strategies.sampled_from((0, 0, 1, 2, 8, 40, _LONGEST)),
            pieces,
            strategies.sampled_from(_REPEATS),
        ),
        max_size=5,
    )
    return strategies.one_of(
        strategies.builds(_edit, strategies.sampled_from(seeds), edits),
        strategies.binary(max_size=300),
    )


def _edit(data: bytes, edits: list[tuple[int, int, bytes, int]]) -> bytes:
    """Replaces `length` bytes from a place, told in parts of 10,000, by a repeated piece."""
    for place, length, piece, repeats in edits:
        start = place * len(data) // 10_000
        data = (data[:start] + piece * repeats + data[start + length :])[:_LONGEST]
    return data
