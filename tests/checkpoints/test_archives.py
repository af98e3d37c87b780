"""Archives of weights: what is in them comes out, and nothing leaves the temporary folder."""

import contextlib
import gzip
import io
import pathlib
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from movinet import InputError
from movinet.checkpoints import archives

DATA = np.random.default_rng(0).bytes(100_000)
CONTENT = {"a/checkpoint": b"x", "a/ckpt-1.index": b"i", "a/ckpt-1.data-00000-of-00001": DATA}


def entry(name, data=b"", **fields):
    header = tarfile.TarInfo(name)
    header.size = len(data)
    for field, value in fields.items():
        setattr(header, field, value)
    return header, data


def tar(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for header, data in entries:
            archive.addfile(header, io.BytesIO(data))
    return path


def zipped(path, entries, kind=stat.S_IFREG):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = (kind | 0o644) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def refused(path):
    """What is said of an archive, of which nothing may stay."""
    seen = []
    with pytest.raises(InputError) as refusal, archives.opened(path) as folder:
        seen.append(folder)
    assert not seen and "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder of temporary ones, empty in the end: whatever happened, nothing stays."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())
    assert {path.name for path in tmp_path.iterdir()} <= {"temporary", "written"}


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "written"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["movinet_a0.tar.gz", "w.tgz", "w.tar", "w.zip"])
def test_all_of_an_archive(written, name):
    path = written / name
    if path.suffix == ".zip":
        zipped(path, CONTENT)
    else:
        modes = {"w.tar": "w"}
        tar(path, [entry(*item) for item in CONTENT.items()], modes.get(name, "w:gz"))
    assert archives.recognises(path) and not archives.recognises(written)
    with archives.opened(path) as folder:
        assert folder.name == name.split(".")[0]
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert found == CONTENT
        assert archives.find(folder) == folder / "a"


@pytest.mark.parametrize(
    "header",
    [
        entry("../out", b"x"),
        entry("a/../../out", b"x"),
        entry("/tmp/out", b"x"),
        entry("a\\..\\out", b"x"),
        entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("hard", type=tarfile.LNKTYPE, linkname="checkpoint"),
        entry("pipe", type=tarfile.FIFOTYPE),
        entry("disk", type=tarfile.BLKTYPE, devmajor=8),
        entry("screen", type=tarfile.CHRTYPE, devmajor=5),
    ],
    ids=lambda pair: pair[0].name,
)
def test_what_may_not_be_in_a_tar(written, header):
    words = refused(tar(written / "w.tar.gz", [entry("checkpoint", b"x"), header]))
    assert repr(header[0].name) in words.replace("\\\\\\\\", "\\\\")


def test_what_may_not_be_in_a_zip(written):
    assert "outside" in refused(zipped(written / "w.zip", {"../out": b"x"}))
    assert "outside" in refused(zipped(written / "w.zip", {"/out": b"x"}))
    link = zipped(written / "w.zip", {"link": b"/etc/passwd"}, stat.S_IFLNK)
    assert "links and devices" in refused(link)


def test_a_file_does_not_replace_another(written):
    twice = [entry("checkpoint", b"x"), entry("checkpoint", b"y")]
    assert "cannot be unpacked" in refused(tar(written / "w.tar.gz", twice))


@pytest.mark.parametrize("kind", ["tar", "zip", "skipped", "header"])
def test_bombs(written, kind):
    zeros = bytes(40 << 20)
    if kind == "zip":
        path = zipped(written / "w.zip", {"zeros": zeros})
    elif kind == "tar":
        path = tar(written / "w.tgz", [entry("zeros", zeros)])
    elif kind == "skipped":  # Behind the end of the archive.
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w"):
            pass
        path = written / "w.tgz"
        path.write_bytes(gzip.compress(buffer.getvalue() + zeros))
    else:  # A name of many bytes, which the library would hold in memory.
        path = tar(written / "w.tgz", [entry("x", zeros[: 2 << 20], type=tarfile.XHDTYPE)])
        assert "header of 2,097,152 bytes" in refused(path)
        return
    assert "200 times" in refused(path)


def test_many_entries(written):
    many = [entry(f"{index}") for index in range(10_001)]
    assert "10,000 entries" in refused(tar(written / "w.tar", many, "w"))


@pytest.mark.parametrize("name", ["w.tar.gz", "w.tar", "w.zip"])
def test_an_archive_cut_anywhere(written, name):
    path = written / name
    if path.suffix == ".zip":
        zipped(path, CONTENT)
    else:
        tar(path, [entry(*item) for item in CONTENT.items()], "w" if name == "w.tar" else "w:gz")
    whole = path.read_bytes()
    # What is behind the end mark of a tar, some blocks of zeros, is not missed.
    end = len(whole) - (whole.endswith(bytes(512)) and len(whole) - len(whole.rstrip(b"\0")))
    for length in [*range(0, end, 9973), 512, 700, end - 1]:
        path.write_bytes(whole[:length])
        assert "is damaged" in refused(path), length


def test_bytes_changed(written):
    path = tar(written / "w.tar.gz", [entry(*item) for item in CONTENT.items()])
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 255
    path.write_bytes(whole)
    assert "is damaged" in refused(path)
    path.write_bytes(b"no archive")
    assert "is damaged" in refused(path)


def test_the_folder_goes_when_its_reader_fails(written, temporary):
    path = tar(written / "w.tar", [entry("checkpoint", b"x")], "w")
    with contextlib.suppress(KeyError), archives.opened(path) as folder:
        assert folder.parent.parent == temporary
        raise KeyError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["movinet/saved_model.pb", "movinet/variables/variables.index"], "movinet"),
        (["checkpoint", "ckpt-1.index", "ckpt-2.index"], "."),
        (["x/ckpt-1.index", "x/ckpt-1.data-00000-of-00001"], "x/ckpt-1"),
        (["readme.md", "1.tflite"], "1.tflite"),
        (["weights/modelA0_statedict_v3"], "weights/modelA0_statedict_v3"),
    ],
)
def test_the_one_thing_that_holds_weights(written, names, expected):
    make(written, names)
    assert archives.find(written) == written / expected


def test_nothing_or_several(written):
    make(written, ["readme.md"])
    with pytest.raises(InputError, match=r"no weights that are known, but readme\.md"):
        archives.find(written)
    make(written, ["a/ckpt-1.index", "b/saved_model.pb"])
    with pytest.raises(InputError, match="several models: b, a/ckpt-1"):
        archives.find(written)


def make(folder: pathlib.Path, names) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
