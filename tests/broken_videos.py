"""Videos that are broken on purpose: real ones cut, flipped, shuffled or with absurd numbers in
their headers. Every change is drawn from its own name, so that all runs break them alike.
"""

import itertools
import pathlib
import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from video_files import noise, write_video

ENCODINGS = {
    "h264.mp4": {},
    "h264.mov": {"movflags": "+faststart"},
    "hevc.mp4": {"movflags": "+frag_keyframe+empty_moov"},
    "mpeg4.avi": {},
    "mjpeg.avi": {},
    "h264.mkv": {},
    "ffv1.mkv": {},
    "vp8.webm": {},
    "vp9.webm": {},
    "gif.gif": {},
}
_EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF)
_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"moof", b"traf", b"mvex"}
# Segment, Info, Tracks, TrackEntry, Video, Cluster, Cues, BlockGroup.
_MASTERS = {
    bytes.fromhex(name)
    for name in ("18538067", "1549a966", "1654ae6b", "ae", "e0", "1f43b675", "1c53bb6b", "a0")
}


class Part(NamedTuple):
    """A box, chunk or element of a container, by its places in the file; `size_at` is that of the
    field that holds its size, of `size_bytes` bytes.
    """

    name: bytes
    start: int
    body: int
    end: int
    size_at: int
    size_bytes: int


def parts_of(data: bytes) -> list[Part]:
    """The parts of a file, outer ones before those they hold; of a GIF equal pieces."""
    if data[4:8] == b"ftyp":
        return list(_boxes(data, 0, len(data)))
    if data[:4] == b"RIFF":
        return list(_chunks(data, 0, len(data)))
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return list(_elements(data, 0, len(data)))
    edges = [len(data) * number // 24 for number in range(25)]
    return [Part(b"", a, a, b, a, 4) for a, b in itertools.pairwise(edges)]


def _boxes(data: bytes, at: int, end: int) -> Iterator[Part]:
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big") or end - at
        part = Part(data[at + 4 : at + 8], at, at + 8, at + size, at, 4)
        yield part
        if part.name in _BOXES:
            yield from _boxes(data, part.body, part.end)
        at = part.end


def _chunks(data: bytes, at: int, end: int) -> Iterator[Part]:
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        part = Part(data[at : at + 4], at, at + 8, min(end, at + 8 + size), at + 4, 4)
        yield part
        if part.name in (b"RIFF", b"LIST"):
            yield from _chunks(data, part.body + 4, part.end)
        at = part.end + size % 2


def _elements(data: bytes, at: int, end: int) -> Iterator[Part]:
    while at < end:
        size_at = at + 9 - data[at].bit_length()
        octets = 9 - data[size_at].bit_length()
        body = size_at + octets
        size = int.from_bytes(data[size_at:body], "big") & ((1 << 7 * octets) - 1)
        stop = end if size == (1 << 7 * octets) - 1 else min(end, body + size)
        part = Part(data[at:size_at], at, body, stop, size_at, octets)
        yield part
        if part.name in _MASTERS:
            yield from _elements(data, body, stop)
        at = stop


def _put(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


def _cut(data: bytes, chance: random.Random, part: Part) -> bytes:
    return data[: chance.randrange(len(data))]


def _cut_near_the_end(data: bytes, chance: random.Random, part: Part) -> bytes:
    return data[: -chance.randint(1, 40)]


def _behead(data: bytes, chance: random.Random, part: Part) -> bytes:
    return data[chance.randrange(1, len(data)) :]


def _flip(data: bytes, chance: random.Random, part: Part) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 30, 300))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _flip_in_the_head(data: bytes, chance: random.Random, part: Part) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4))):
        changed[chance.randrange(min(600, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, chance: random.Random, part: Part) -> bytes:
    size = chance.choice((16, 256, len(data) // 8))
    block = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return _put(data, chance.randrange(len(data) - size), block)


def _blank(data: bytes, chance: random.Random, part: Part) -> bytes:
    return _put(data, part.body, bytes(part.end - part.body))


def _drop(data: bytes, chance: random.Random, part: Part) -> bytes:
    return data[: part.start] + data[part.end :]


def _repeat(data: bytes, chance: random.Random, part: Part) -> bytes:
    return (
        data[: part.end] + data[part.start : part.end] * chance.choice((1, 50)) + data[part.end :]
    )


def _swap(data: bytes, chance: random.Random, part: Part) -> bytes:
    apart = [o for o in parts_of(data) if o.end <= part.start or o.start >= part.end]
    other = chance.choice(apart or [part])
    first, second = sorted((part, other), key=lambda each: each.start)
    return (
        data[: first.start]
        + data[second.start : second.end]
        + data[first.end : second.start]
        + data[first.start : first.end]
        + data[second.end :]
    )


def _resize(data: bytes, chance: random.Random, part: Part) -> bytes:
    size = chance.choice((0, 1, 7, (1 << 8 * part.size_bytes) - 1, 1 << 8 * part.size_bytes - 2))
    return _put(data, part.size_at, size.to_bytes(part.size_bytes, "big"))


def _number(data: bytes, chance: random.Random, part: Part) -> bytes:
    size = min(4, part.end - part.body)
    value = chance.choice(_EXTREMES) & ((1 << 8 * size) - 1)
    at = part.body + chance.randrange(min(96, part.end - part.body - size + 1))
    return _put(data, at, value.to_bytes(size, chance.choice(("big", "little"))))


def _double(data: bytes, chance: random.Random, part: Part) -> bytes:
    half = len(data) // 2
    return chance.choice((data + data, data[half:] + data[:half], data + bytes(5000)))


_CHANGES: dict[Callable[[bytes, random.Random, Part], bytes], int] = {
    _cut: 14,
    _cut_near_the_end: 4,
    _behead: 3,
    _flip: 14,
    _flip_in_the_head: 10,
    _overwrite: 10,
    _blank: 6,
    _drop: 5,
    _repeat: 5,
    _swap: 5,
    _resize: 10,
    _number: 16,
    _double: 3,
}

# Of an MP4: places in the body of a box, and the absurd numbers that are put there (ISO 14496-12).
_FIELDS = {
    "no-timescale": ((b"mvhd", 12, ">I", 0), (b"mdhd", 12, ">I", 0)),
    "slow-timescale": ((b"mdhd", 12, ">I", 1), (b"stts", 12, ">I", 0x00FFFFFF)),
    "long-movie": ((b"mvhd", 16, ">I", 0xFFFFFFFF),),
    "long-track": ((b"mdhd", 16, ">I", 0xFFFFFFFF), (b"tkhd", 20, ">I", 0xFFFFFFFF)),
    "wide-track": ((b"tkhd", 76, ">II", 0xFFFFFFFF, 0xFFFFFFFF),),
    "wide-frames": ((b"stsd", 40, ">HH", 65535, 65535),),
    "no-frames-stated": ((b"stsz", 8, ">I", 0),),
    "countless-frames": ((b"stsz", 8, ">I", 0xFFFFFFFF),),
    "huge-frames": ((b"stsz", 4, ">I", 0x7FFFFFFF),),
    "huge-frame": ((b"stsz", 12, ">I", 0xFFFFFFFF),),
    "countless-times": ((b"stts", 4, ">I", 0xFFFFFFFF), (b"stts", 8, ">I", 0xFFFFFFFF)),
    "countless-chunks": ((b"stco", 4, ">I", 0xFFFFFFFF),),
    "chunks-elsewhere": ((b"stco", 8, ">I", 0xFFFFFFF0),),
    "countless-descriptions": ((b"stsd", 4, ">I", 0xFFFFFFFF),),
    "chunks-of-chunks": ((b"stsc", 4, ">I", 0xFFFFFFFF), (b"stsc", 12, ">I", 0xFFFFFFFF)),
    "unknown-codec": ((b"stsd", 12, ">4s", b"what"),),
    "other-codec": ((b"stsd", 12, ">4s", b"mp4v"),),
}


def write_broken_videos(
    folder: pathlib.Path, scratch: pathlib.Path, seed: int = 0
) -> tuple[set[str], set[str]]:
    """Writes sound videos and broken ones of each; returns the names of both."""
    sound, broken = set(), set()
    for name, options in ENCODINGS.items():
        path = scratch / name
        write_video(path, noise(5), options={"fflags": "+bitexact", **options})
        data = path.read_bytes()
        (folder / f"sound.{name}").write_bytes(data)
        sound.add(f"sound.{name}")
        for change, times in _CHANGES.items():
            for index in range(times):
                changed = f"{change.__name__[1:]}-{index}.{name}"
                chance = random.Random(f"{seed}/{changed}")
                part = chance.choice([p for p in parts_of(data) if p.end - p.body > 1])
                (folder / changed).write_bytes(change(data, chance, part))
                broken.add(changed)
    data = (scratch / "h264.mp4").read_bytes()
    for field, patches in _FIELDS.items():
        changed = data
        for box, at, form, *values in patches:
            (part,) = (part for part in parts_of(data) if part.name == box)
            changed = _put(changed, part.body + at, struct.pack(form, *values))
        (folder / f"{field}.mp4").write_bytes(changed)
        broken.add(f"{field}.mp4")
    return sound, broken
