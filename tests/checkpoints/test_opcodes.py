"""Pickles are read for what they say; nothing that they ask for is run."""

import collections
import os
import pickle
import struct

import pytest

from movinet import InputError
from movinet.checkpoints import opcodes

PLAIN = {
    "nothing": None,
    "flags": [True, False],
    "numbers": (0, 255, 65_535, 1 << 31, -5, 1 << 40, 1.5),
    "text": "wörter" * 100,
    "bytes": b"\0\xff" * 200,
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "nested": [{"a": [{1: 2.0}], "b": {}}, []],
}
NAMES = {
    "collections.OrderedDict": lambda: {},
    "_codecs.encode": lambda text, _: text.encode("latin1"),
}


def read(data, names=NAMES, **settings):
    return opcodes.read(data, names, "the file", **settings)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_are_what_pickle_wrote(protocol):
    assert read(pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_there_twice_is_one(protocol):
    value = ["long enough to be remembered"]
    value.append(value)
    found = read(pickle.dumps([value, value], protocol))
    assert found[0] is found[1] and found[0][1] is found[0]


@pytest.mark.parametrize("protocol", [2, 4])
def test_attributes_of_a_dict_are_left_out(protocol):
    value = collections.OrderedDict(a=1)
    value._metadata = {"": {"version": 1}}
    found = read(pickle.dumps(value, protocol))
    assert found == {"a": 1} and type(found) is dict


class Evil:
    """Asks for a call when it is unpickled."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def attacks(command):
    """Programs that would run a command, by what they use: (pickle, what the refusal names)."""
    argument, remembered = text(command), text("os") + b"q\1" + text("system") + b"q\2"
    stack_global = b"h\1h\2\x93"
    return {
        "reduce": (pickle.dumps(Evil(os.system, command), 2), "posix.system"),
        "stack_global": (pickle.dumps(Evil(os.system, command), 4), "posix.system"),
        "eval": (pickle.dumps(Evil(eval, f"__import__('os').system({command!r})"), 2), "eval"),
        "remembered name": (
            b"\x80\4" + remembered + b"0" + b"0" + stack_global + b"(" + argument + b"tR.",
            "os.system",
        ),
        "instance": (b"(" + argument + b"ios\nsystem\n.", "INST"),
        "object": (b"(cos\nsystem\n" + argument + b"o.", "os.system"),
        "new object": (b"\x80\2cos\nsystem\n(" + argument + b"t\x81.", "os.system"),
        "new object of what is known": (
            b"\x80\2ccollections\nOrderedDict\n(" + argument + b"t\x81.",
            "NEWOBJ",
        ),
        "build": (
            b"\x80\2ccollections\nOrderedDict\n)R}" + text("__setstate__") + b"cos\nsystem\nsb.",
            "os.system",
        ),
        "attribute": (b"\x80\4" + text("builtins") + text("dict.fromkeys") + b"\x93.", "fromkeys"),
        "extension": (b"\x80\2\x82\1.", "EXT1"),
        "persistent text": (b"Pos.system\n.", "PERSID"),
        "of what was built": (b"\x80\2](" + argument + b"tR.", "no function"),
        "of a text": (text("os.system") + b"(" + argument + b"tR.", "no function"),
        "reference": (argument + b"Q.", "outside"),
    }


@pytest.mark.parametrize("kind", attacks(""))
def test_nothing_is_run(kind, tmp_path):
    marker = tmp_path / "run"
    data, words = attacks(f"touch {marker}")[kind]
    with pytest.raises(InputError, match=words):
        read(data)
    assert not marker.exists()


def test_the_attack_would_work(tmp_path):
    """Else the test above could not fail: this is what the machine must not do."""
    marker = tmp_path / "run"
    function, arguments = Evil(os.system, f"touch {marker}").__reduce__()
    read(b"\x80\2cos\nsystem\n(" + text(arguments[0]) + b"tR.", names={"os.system": function})
    assert marker.exists()


BROKEN = {
    "empty": b"",
    "no pickle": b"hello",
    "text": b"a: 1\n",
    "no end": b"\x80\2]",
    "nothing on the stack": b"\x80\2.",
    "two values": b"\x80\2]].",
    "open mark": b"\x80\2(].",
    "no mark": b"\x80\2]t.",
    "an empty stack": b"\x80\2a.",
    "too short a stack": b"\x80\2]\x87.",
    "unknown memory": b"\x80\2h\7.",
    "append to a number": b"K\1K\1a.",
    "items of a list": b"](K\1K\1u.",
    "half an item": b"}(K\1u.",
    "a list as key": b"}]K\1s.",
    "a deep key": b"})" + b"\x85" * 100_000 + b"K\1s.",
    "a huge number": b"\x8b" + struct.pack("<i", 2_000) + b"\x01" * 2_000 + b".",
    "a state for a number": b"K\1K\1b.",
    "a longer text than there is": b"X\xff\xff\xff\x7fab.",
    "a longer text than memory": b"\x8d" + b"\xff" * 8 + b"ab.",
    "a name of bytes": b"C\2osC\2os\x93.",
    "wrong arguments": b"ccollections\nOrderedDict\n(K\1tR.",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_refused(kind):
    with pytest.raises(InputError, match="the file"):
        read(BROKEN[kind])


def test_every_beginning_of_a_pickle_is_refused():
    data = pickle.dumps(PLAIN, 2)
    for length in range(0, len(data), len(data) // 50):
        with pytest.raises(InputError, match="is damaged or cut off"):
            read(data[:length])


def test_work_is_bounded(monkeypatch):
    deep = b"]" * 200_000 + b"a" * 199_999 + b"."
    assert type(read(deep)) is list
    monkeypatch.setattr(opcodes, "MOST_OPCODES", 1_000)
    with pytest.raises(InputError, match="more than 1,000 instructions"):
        read(b"]" + b"0]" * 1_000 + b".")
