"""Whether a file is as long as its container says: what decoders forgive silently."""

import pathlib

_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"
_GIF_TRAILER = b";"


def ends_early(path: pathlib.Path) -> bool:
    """Returns whether a Matroska, WebM or GIF file lacks its end.

    Their demuxers take a cut file for a shorter one. The other containers need no such look: they
    state a number of frames or fail to decode. False for these, and where no length is stated.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(4096)
        file.seek(max(0, size - 64))
        tail = file.read()
    if head.startswith(b"GIF8"):
        # Section 27 of the GIF89a specification; some writers pad the file with zeros.
        return not tail.rstrip(b"\0").endswith(_GIF_TRAILER)
    if head.startswith(_EBML_HEADER):
        return (_segment_end(head) or 0) > size
    return False


def _segment_end(head: bytes) -> int | None:
    """Returns the stated end of the segment of a Matroska file (RFC 8794, section 4)."""
    length, start = _element_size(head, len(_EBML_HEADER))
    if length is None:
        return None
    segment = start + length
    if head[segment : segment + 4] != _MATROSKA_SEGMENT:
        return None
    length, start = _element_size(head, segment + 4)
    return None if length is None else start + length


def _element_size(data: bytes, offset: int) -> tuple[int | None, int]:
    """Reads a variable-length size; returns (bytes or None if unknown, offset behind it)."""
    first = data[offset] if offset < len(data) else 0
    octets = 9 - first.bit_length()  # Leading zeros tell the number of octets.
    if octets > 8 or offset + octets > len(data):
        return None, offset
    bits = 7 * octets
    value = int.from_bytes(data[offset : offset + octets], "big") & ((1 << bits) - 1)
    return (None if value == (1 << bits) - 1 else value), offset + octets
