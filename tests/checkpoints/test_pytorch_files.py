"""Archives of torch.save and .safetensors: what is damaged or hostile is refused, and not run."""

import json
import os
import pathlib
import pickle
import stat
import struct
import zipfile

import numpy as np
import pytest
import pytorch_golden
from test_opcodes import Evil

from movinet import InputError
from movinet.checkpoints import pytorch_archive, pytorch_files

GOLDEN = pytorch_golden.GOLDEN / "pytorch_base_3d.pt"
OLD = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def sizes(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key="0", count=6, offset=0, shape=(2, 3), strides=(3, 1), kind="FloatStorage"):
    """The pickle of a tensor, by hand."""
    storage = text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    storage = b"(" + storage + number(count) + b"tQ"
    called = storage + number(offset) + sizes(shape) + sizes(strides) + b"\x89}t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + called + b"R"


def state_dict(**tensors):
    return b"}(" + b"".join(text(name) + value for name, value in tensors.items()) + b"u"


NUMBERS = np.arange(6, dtype="<f4")


def archive(path, described, entries=None, **settings):
    """An archive as torch.save writes it, of a pickle without its head and its end."""
    entries = {"data/0": NUMBERS.tobytes(), **(entries or {})}
    with zipfile.ZipFile(path, "w", **settings) as file:
        file.writestr("x/data.pkl", b"\x80\2" + described + b".")
        for name, content in entries.items():
            file.writestr(f"x/{name}", content)
        file.writestr("x/version", "3\n")
    return path


def test_tensors_are_views_of_their_storage(tmp_path):
    described = state_dict(
        whole=tensor(),
        turned=tensor(shape=(3, 2), strides=(1, 3)),
        part=tensor(offset=2, shape=(2,), strides=(2,)),
        single=tensor(offset=5, shape=(), strides=()),
        none=tensor(shape=(0, 3), strides=(3, 1)),
    )
    found = pytorch_files.read(archive(tmp_path / "a.pt", described))
    whole = NUMBERS.reshape(2, 3)
    np.testing.assert_array_equal(found["whole"], whole)
    np.testing.assert_array_equal(found["turned"], whole.T)
    np.testing.assert_array_equal(found["part"], [2, 4])
    assert found["single"] == 5 and found["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("DoubleStorage", "f8"), ("HalfStorage", "f2"), ("LongStorage", "i8")]
)
@pytest.mark.parametrize("order", ["little", "big"])
def test_kinds_and_orders_of_numbers(kind, dtype, order, tmp_path):
    content = NUMBERS.astype({"little": "<", "big": ">"}[order] + dtype).tobytes()
    entries = {"data/0": content, "byteorder": order}
    path = archive(tmp_path / "a.pt", state_dict(w=tensor(kind=kind)), entries)
    np.testing.assert_array_equal(pytorch_files.read(path)["w"], NUMBERS.reshape(2, 3))


def test_brain_floats_are_read(tmp_path):
    halves = (NUMBERS.view("<u4") >> 16).astype("<u2").tobytes()
    described = state_dict(w=tensor(kind="BFloat16Storage"))
    path = archive(tmp_path / "a.pt", described, {"data/0": halves})
    found = pytorch_files.read(path)["w"]
    np.testing.assert_array_equal(found, NUMBERS.reshape(2, 3))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + halves)
    np.testing.assert_array_equal(pytorch_files.read(path)["w"], found)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_state_dict_among_other_things_is_found(key, tmp_path):
    inner = state_dict(w=tensor())
    described = state_dict(epoch=number(3), best=tensor(shape=(), strides=()), **{key: inner})
    assert pytorch_files.read(archive(tmp_path / "a.pt", described)).keys() == {"w"}


def test_files_are_known_by_what_they_hold(tmp_path):
    plain = tmp_path / "statedict_v3"
    plain.write_bytes(GOLDEN.read_bytes())
    assert pytorch_files.recognises(plain)
    for name, content in {"a": b"", "b": b"PK\3\4", "c.zip": b"PK\5\6" + bytes(18)}.items():
        (tmp_path / name).write_bytes(content)
        assert not pytorch_files.recognises(tmp_path / name)
    assert not pytorch_files.recognises(tmp_path)
    assert not pytorch_files.recognises(tmp_path / "missing.pt")


SCALE = {
    "a larger shape": tensor(shape=(3, 3)),
    "further steps": tensor(strides=(4, 1)),
    "a later start": tensor(offset=1),
    "one number for many": tensor(count=6, shape=(1 << 40,), strides=(0,)),
    "steps back": tensor(offset=5, strides=(-3, -1)),
    "a start before": tensor(offset=-1),
    "a size below nothing": tensor(shape=(-2, -3)),
    "fewer steps than axes": tensor(strides=(1,)),
    "many axes": tensor(shape=(1,) * 9, strides=(1,) * 9),
    "more than memory": tensor(count=1 << 61, shape=(1 << 60,), strides=(1,)),
    "a storage that is longer": tensor(count=7),
    "a storage that is shorter": tensor(count=5, shape=(5,), strides=(1,)),
    "a storage of other numbers": tensor(kind="DoubleStorage"),
    "a storage that is not there": tensor(key="7"),
    "a storage elsewhere": tensor(key="../../secret"),
    "nothing, endlessly": tensor(shape=(0, 1 << 62, 1 << 62), strides=(1 << 62,) * 3),
    "no tensor": text("w"),
}


@pytest.mark.parametrize("kind", SCALE)
def test_tensors_stay_in_their_storage(kind, tmp_path):
    path = archive(tmp_path / "a.pt", state_dict(w=SCALE[kind]))
    with pytest.raises(InputError, match=r"a\.pt"):
        pytorch_files.read(path)


def rename(name):
    return lambda path: archive(path, state_dict(w=tensor()), {name: b"x"})


def compress(method):
    return lambda path: archive(
        path, state_dict(w=tensor()), {"data/1": bytes(1 << 24)}, compression=method
    )


def link(path):
    entry = zipfile.ZipInfo("x/data/0")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", b"\x80\2" + state_dict(w=tensor()) + b".")
        file.writestr(entry, "/etc/passwd")


def twice(path):
    with zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("x/data.pkl", b"\x80\2" + state_dict(w=tensor()) + b".")


def overlap(path):
    """Many entries of the directory that mean one."""
    archive(path, state_dict(w=tensor()))
    data = path.read_bytes()
    directory, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = data[directory : data.index(b"PK\1\2", directory + 4)]
    copies = b"".join(entry.replace(b"x/data.pkl", b"x/a%08d" % i) for i in range(100))
    tail = bytearray(data[end:])
    count = struct.unpack_from("<H", tail, 8)[0] + 100
    struct.pack_into("<HHI", tail, 8, count, count, end - directory + len(copies))
    path.write_bytes(data[:directory] + copies + data[directory:end] + tail)


def crowd(path):
    path.write_bytes(b"PK\3\4" + b"PK\1\2" * 30_000)


HOSTILE = {
    "a name outside": rename("../../outside"),
    "a name from the root": rename("/etc/passwd"),
    "a bomb": compress(zipfile.ZIP_DEFLATED),
    "another bomb": compress(zipfile.ZIP_BZIP2),
    "a link": link,
    "the same name twice": twice,
    "entries in one place": overlap,
    "a crowd of entries": crowd,
    "a program": rename("code/__torch__.py"),
    "no description": lambda path: (
        zipfile.ZipFile(path, "w").close() or path.write_bytes(b"PK\3\4" + path.read_bytes())
    ),
    "the old format": lambda path: path.write_bytes(OLD),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"w": 1})),
    "nothing": lambda path: path.write_bytes(b""),
    "no state dict": lambda path: archive(path, text("hello")),
    "an empty state dict": lambda path: archive(path, b"}"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_archives_are_refused(kind, tmp_path):
    path = tmp_path / "a.pt"
    HOSTILE[kind](path)
    with pytest.raises(InputError, match=r"a\.pt"):
        pytorch_files.read(path)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_run(tmp_path):
    marker = tmp_path / "run"
    evil = pickle.dumps({"w": Evil(os.system, f"touch {marker}")}, 2)
    path = archive(tmp_path / "a.pt", evil[2:-1])
    with pytest.raises(InputError, match=r"asks for posix\.system, .* nothing was run"):
        pytorch_files.read(path)
    assert not marker.exists()


def test_files_that_end_early_are_refused(tmp_path):
    path, data = tmp_path / "a.pt", GOLDEN.read_bytes()
    other = tmp_path / "a.safetensors"
    pytorch_files.write(other, {"w": NUMBERS.reshape(2, 3), "v": NUMBERS})
    for whole, cut in ((data, path), (other.read_bytes(), other)):
        for tenth in range(10):
            cut.write_bytes(whole[: len(whole) * tenth // 10])
            with pytest.raises(InputError, match=r"a\."):
                pytorch_files.read(cut)


def test_a_changed_number_is_found(tmp_path):
    path, data = tmp_path / "a.pt", bytearray(GOLDEN.read_bytes())
    with zipfile.ZipFile(GOLDEN) as file:
        header = next(e for e in file.infolist() if e.filename.endswith("/data/3")).header_offset
    data[header + 30 + sum(struct.unpack_from("<HH", data, header + 26))] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        pytorch_files.read(path)


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b'{"w":{"dtype":"F32","shape":[99],"data_offsets":[0,396]}}',
        b'{"w":{"dtype":"F32","shape":[6],"data_offsets":[4,28]}}',
        b'{"w":{"dtype":"F4","shape":[6],"data_offsets":[0,3]}}',
        b'{"w":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,24]}}',
    ],
)
def test_broken_safetensors_are_refused(header, tmp_path):
    path = tmp_path / "a.safetensors"
    for length in (len(header), 99_000_000, (1 << 64) - 1):
        path.write_bytes(struct.pack("<Q", length) + header + NUMBERS.tobytes())
        with pytest.raises(InputError, match=r"a\.safetensors"):
            pytorch_files.read(path)


def test_writing_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="ends in"):
        pytorch_files.write(tmp_path / "a.bin", {"w": NUMBERS})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        pytorch_files.write(tmp_path / "file" / "a.pt", {"w": NUMBERS})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_large_files_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(pytorch_files, "MOST_BYTES", 100)
    monkeypatch.setattr(pathlib.Path, "read_bytes", None)
    monkeypatch.setattr(pytorch_archive, "read", None)
    (tmp_path / "a.pt").touch()
    os.truncate(tmp_path / "a.pt", 101)
    with pytest.raises(InputError, match="larger than"):
        pytorch_files.read(tmp_path / "a.pt")
