"""Files that are called videos but hold none: scripts that name other files and addresses,
archives, pages, programs; and a bait that tells whether somebody followed them.
"""

import io
import os
import pathlib
import socket
import tarfile
import threading
import zipfile

import numpy as np
from PIL import Image
from video_files import noise, write_tone, write_video


class Bait:
    """A pipe and a port of this machine that no reader of a video may open."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.pipe = folder / "bait.ts"
        self._opened = threading.Event()

    def __enter__(self):
        os.mkfifo(self.pipe)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}/video.ts"
        self._thread = threading.Thread(target=self._wait_for_a_reader, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.close(os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK))
        self._thread.join()
        self._server.close()

    def _wait_for_a_reader(self) -> None:
        with open(self.pipe, "wb"):
            self._opened.set()

    def taken(self) -> list[str]:
        """What was opened: the pipe, the port."""
        found = ["pipe"] if self._opened.is_set() else []
        try:
            self._server.accept()[0].close()
        except BlockingIOError:
            return found
        return [*found, "port"]


def scripts(target: str) -> dict[str, str]:
    """What FFmpeg, asked without care, would follow to another file or address."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "dash": (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
            f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
            "</AdaptationSet></Period></MPD>"
        ),
        "imf": f'<?xml version="1.0"?><AssetMap><Path>{target}</Path></AssetMap>',
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\na=control:{target}\n",
        "svg": (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            f'<image xlink:href="{target}" width="9" height="9"/></svg>'
        ),
        "m3u": f"{target}\n",
        "vapoursynth": f"import vapoursynth\nvapoursynth.core.bs.Source('{target}').set_output()",
        "avisynth": f'AviSource("{target}")\n',
        "rtsp": f"RTSPtext\nRTSP://{target}\n",
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    }


def write_disguised_files(folder: pathlib.Path, bait: Bait, scratch: pathlib.Path) -> set[str]:
    """Writes files called like videos that hold none; returns their names."""
    contents = {"empty": b"", "one-byte": b"\0", "zeros": bytes(5000), "text": b"no video\n" * 99}
    for kind, target in (("file", str(bait.pipe)), ("address", bait.address)):
        for script, text in scripts(target).items():
            contents[f"{script}-of-{kind}"] = text.encode()
    contents["program"] = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0" + bytes(2000)
    contents["windows-program"] = b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"
    contents["shell-script"] = f"#!/bin/sh\ncat '{bait.pipe}'\n".encode()
    contents["page"] = f'<html><video src="{bait.address}"></video></html>'.encode()
    contents["pdf"] = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    contents["sound"] = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0" + bytes(16)
    contents["linked-movie"] = _movie_elsewhere(bait, scratch)
    contents["zip"] = _zip(bait)
    contents["tar"] = _tar(bait)
    for form in ("JPEG", "PNG", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(noise(1)[0]).save(buffer, form)
        contents[form.lower()] = buffer.getvalue()
    for name, data in contents.items():
        (folder / f"{name}.mp4").write_bytes(data)
    write_tone(folder / "tone.mp4")
    write_tone(folder / "tone.mkv")
    with open(folder / "sparse.mp4", "wb") as file:
        file.truncate(1 << 40)
    # Readable, but no JPEG is as wide.
    write_video(folder / "wide.gif.gif", np.zeros((1, 2, 65535, 3), np.uint8))
    others = {"tone.mp4", "tone.mkv", "sparse.mp4", "wide.gif.gif"}
    return {f"{name}.mp4" for name in contents} | others


def _movie_elsewhere(bait: Bait, scratch: pathlib.Path) -> bytes:
    """An MP4 that says its pictures lie in another file (ISO 14496-12, 8.7.2)."""
    data = write_video(scratch / "linked.h264.mp4", noise(3, 32, 48)).read_bytes()
    at = data.index(b"url \0\0\0\1") - 4
    location = bytes(4) + f"file://{bait.pipe}".encode() + b"\0"
    entry = (8 + len(location)).to_bytes(4, "big") + b"url " + location
    grown = len(entry) - 12
    changed = bytearray(data[:at] + entry + data[at + 12 :])
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        size_at = changed.index(box) - 4
        size = int.from_bytes(changed[size_at : size_at + 4], "big") + grown
        changed[size_at : size_at + 4] = size.to_bytes(4, "big")
    return bytes(changed)


def _zip(bait: Bait) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside.mp4", bytes(100_000))
        archive.writestr(str(bait.pipe), b"x")
    return buffer.getvalue()


def _tar(bait: Bait) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("video.mp4")
        link.type, link.linkname = tarfile.SYMTYPE, str(bait.pipe)
        archive.addfile(link)
    return buffer.getvalue()
