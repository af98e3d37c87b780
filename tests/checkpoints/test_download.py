"""Downloads from a server of this machine that breaks off, knows ranges or does not, and lies."""

import hashlib
import http.server
import threading

import numpy as np
import pytest

from movinet import InputError
from movinet.checkpoints import download

DATA = np.random.default_rng(0).bytes(300_000)
SUM = hashlib.sha256(DATA).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the attributes of its server say."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range", ""))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", server.location)
            self.end_headers()
            return
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted and server.ranges and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start > len(server.data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/*")
        self.send_header("Content-Length", str(server.length or len(server.data) - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(server.data[start : server.breaks or None])

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.data, found.tag, found.ranges = DATA, '"one"', True
        found.breaks, found.length, found.asked, found.location = 0, 0, [], ""
        found.url = f"http://127.0.0.1:{found.server_address[1]}/weights.tar.gz"
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_its_sum(server, tmp_path):
    said = []
    path = download.fetch(server.url, tmp_path / "new", SUM.upper(), say=said.append)
    assert path == tmp_path / "new" / "weights.tar.gz" and path.read_bytes() == DATA
    assert names(path.parent) == ["weights.tar.gz"] and SUM in said[0]
    assert download.fetch(server.url, tmp_path / "new") == path and server.asked == [""]
    with pytest.raises(InputError, match="it is not what was meant"):
        download.fetch(server.url, tmp_path / "new", "0" * 64)
    assert path.exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_it_goes_on_where_it_broke_off(server, tmp_path, ranges):
    server.ranges, server.breaks = ranges, 200_000
    with pytest.raises(InputError, match="ended after 200,000 of 300,000 bytes"):
        download.fetch(server.url, tmp_path)
    assert (tmp_path / "weights.tar.gz.part").read_bytes() == DATA[:200_000]
    server.breaks = 0
    path = download.fetch(server.url, tmp_path, SUM)
    assert path.read_bytes() == DATA and names(tmp_path) == ["weights.tar.gz"]
    assert server.asked == ["", "bytes=200000-"]


@pytest.mark.parametrize("tag", ['"two"', "", 'W/"one"'])
def test_another_file_is_not_put_behind_the_first(server, tmp_path, tag):
    server.breaks, server.tag = 200_000, tag if tag != '"two"' else '"one"'
    with pytest.raises(InputError, match="ended after"):
        download.fetch(server.url, tmp_path)
    server.breaks, server.tag, server.data = 0, tag, DATA[::-1]
    assert download.fetch(server.url, tmp_path).read_bytes() == DATA[::-1]


def test_what_is_longer_than_the_file_begins_anew(server, tmp_path):
    part = tmp_path / "weights.tar.gz.part"
    part.write_bytes(DATA + b"more")
    (tmp_path / "weights.tar.gz.part.tag").write_text('"one"')
    assert download.fetch(server.url, tmp_path, SUM).read_bytes() == DATA


def test_another_sum(server, tmp_path):
    with pytest.raises(InputError, match=f"has the SHA-256 {SUM} instead of 0000"):
        download.fetch(server.url, tmp_path, "0" * 64)
    assert "weights.tar.gz.part" not in names(tmp_path)


def test_sizes(server, tmp_path, monkeypatch):
    server.length = 3 << 30
    with pytest.raises(InputError, match="larger than 2 GiB"):
        download.fetch(server.url, tmp_path)
    server.length = 0
    monkeypatch.setattr(download, "_MOST_BYTES", 100_000)
    with pytest.raises(InputError, match="larger than"):
        download.fetch(server.url, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "file:///etc/passwd",
        "ftp://localhost/x",
        "x",
        "https://",
        "http://[",
    ],
)
def test_addresses_that_are_refused(server, tmp_path, url):
    with pytest.raises(InputError, match=r"must begin with https|is not an address"):
        download.fetch(url, tmp_path)
    server.location = url
    if "://" in url and url != "https://":
        with pytest.raises(InputError):
            download.fetch(server.url.replace("weights", "moved"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_does_not_answer(server, tmp_path):
    with pytest.raises(InputError, match="answers 404"):
        download.fetch(server.url.replace("weights", "missing"), tmp_path)
    with pytest.raises(InputError, match="cannot be downloaded"):
        download.fetch("http://127.0.0.1:9/x", tmp_path)
    with pytest.raises(InputError, match="give one"):
        download.fetch(server.url.replace("/weights.tar.gz", "/"), tmp_path)
    with pytest.raises(InputError, match="give one"):
        download.fetch(server.url, tmp_path, name="../x")


def test_public_addresses():
    assert download.address("a0_stream") == (
        "https://www.kaggle.com/api/v1/models/google/movinet/tensorFlow2/"
        "a0-stream-kinetics-600-classification/3/download"
    )
    assert download.address("a5_base", 1, hub=True) == (
        "https://tfhub.dev/tensorflow/movinet/a5/base/kinetics-600/classification/1"
        "?tf-hub-format=compressed"
    )
    assert download.archive_name("a0_stream") == "movinet_a0_stream_v3.tar.gz"
    for preset, version in (("t0_base", 3), ("a0", 3), ("a0_base", 4)):
        with pytest.raises(InputError, match="was published"):
            download.address(preset, version)
