"""Plain YAML: what is read, what is refused, and how soon."""

import os
import time

import pytest

from movinet import InputError, yaml_files


def test_numbers_are_read_as_people_write_them():
    text = "{a: 1.5e3, b: 1e-3, c: 1E5, d: -2, e: .5, f: 3., g: 1.0e-05, h: 007, i: +4, j: .inf}"
    values = yaml_files.parse(text, "t")
    assert list(values.values()) == [1500.0, 1e-3, 1e5, -2, 0.5, 3.0, 1e-5, 7, 4, float("inf")]
    assert [type(values[name]) for name in "acdh"] == [float, float, int, int]


def test_words_that_only_look_like_something_else_stay_words():
    text = "{a: no, b: off, c: 1:30, d: 2024-01-01, e: '1e3', f: 1_000, g: true, h: ~, i: e5}"
    values = list(yaml_files.parse(text, "t").values())
    assert values == ["no", "off", "1:30", "2024-01-01", "1e3", "1_000", True, None, "e5"]


def test_python_tuple_is_a_list():
    text = "shape: !!python/tuple\n- 50\n- 172\n"
    assert yaml_files.parse_settings(text, "t").values == {"shape": [50, 172]}


def test_lines_are_kept():
    settings = yaml_files.parse_settings("a:\n  b: 1\n  c:\n    d: 2\n", "file.yaml")
    assert settings.place(("a", "c", "d")) == "file.yaml, line 4: a.c.d"


def test_merge_keys_and_aliases():
    text = "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\n"
    assert yaml_files.parse(text, "t")["more"] == {"x": 1, "y": 3}
    # The first of several wins, what is written beside it always does, and keeps its own line.
    text = "a: &a {x: 1}\nb: &b {x: 2, z: 2}\nc:\n  x: 3\n  <<: [*b, *a]\nd: {<<: [*b, *a]}\n"
    settings = yaml_files.parse_settings(text, "t")
    assert settings.values["c"] == {"x": 3, "z": 2} and settings.values["d"] == {"x": 2, "z": 2}
    assert settings.lines[("c", "x")] == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: !!python/object/apply:os.system ['touch PWNED']", "not plain data"),
        ("a: !!python/name:os.system", "not plain data"),
        ("a: !!python/object/new:os.PathLike {}", "not plain data"),
        ("a: !!python/module:os", "not plain data"),
        ("a: !!binary aGVsbG8=", "not plain data"),
        ("a: !!set {x, y}", "not plain data"),
        ("a: !mine 3", "not plain data"),
        ("a: 1\nb: 2\na: 3", "line 3: a is set twice"),
        ("x: {a: 1, a: 2}", "x.a is set twice"),
        ("1: 2", "not a name"),
        ("[a]: 2", "not a name"),
        ("'': 2", "not a name"),
        ("{a: 1}: 2", "not a name"),
        ("a: [1, 2", "line 1"),
        ("a:\n\t- 1", "line 2"),
        ("a: b\n\0", r"line 2: the character U\+0000 is not YAML"),
        ("a: \udc80", r"U\+DC80 is not YAML"),
        ("a: \x1b[2J", r"U\+001B is not YAML"),
        ('a: "\\e[2J"', "control character"),
        ('a: "\\ud800"', "control character"),
        ('a: "\\UFFFFFFFF"', "names a character that is none"),
        ('a: "\\U00110000"', "names a character that is none"),
        ('"a\\e[2J": 1', r"the key 'a\\x1b\[2J' is not a name"),
        (f"{'a' * 101}: 1", "is not a name"),
        ("a: |\n  b\n", "line break"),
        ("a: !!int x", "not plain data"),
        ("a: !!float x", "not plain data"),
        ("a: !!bool x", "not plain data"),
        ("a: !!null x", "not plain data"),
        ("a: " + "!" * 5000, "not plain data"),
        ("a: *b", "undefined alias"),
        ("a: &a [*a]", "nested"),
        ("a: &a {<<: *a}", "nested"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("", "is empty"),
        ("# only a comment", "is empty"),
        ("- 1", "does not hold a mapping"),
        ("a: {<<: 3}", "merge"),
        ("a: " + "9" * 5000, "not plain data"),
        ("a: " + "[" * 3000, "nested"),
        ("a: " + "{b: " * 60 + "1" + "}" * 60, "levels"),
    ],
)
def test_refused_in_one_sentence(text, says):
    with pytest.raises(InputError, match=says) as refused:
        yaml_files.parse_settings(text, "file.yaml")
    sentence = str(refused.value)
    assert sentence.startswith("file.yaml") and sentence.isprintable() and len(sentence) < 300


def bomb(lines, first, line):
    """A document of `lines` lines, each of which repeats the one before."""
    repeated = (f"a{n}: &a{n} " + line.replace("*", f"*a{n - 1}") for n in range(1, lines))
    return f"a0: &a0 {first}\n" + "\n".join(repeated)


LARGEST = yaml_files.MAX_BYTES
BOMBS = {
    "nine of nine": bomb(12, "[x, x, x]", f"[{', '.join('*' * 9)}]"),
    "many lines": bomb(3000, "x", "[*, *]"),
    "merged": bomb(60, "{x: 1}", f"{{<<: [{', '.join('*' * 9)}]}}"),
    "merged into each other": bomb(12, "{x: 1}", "{<<: *, b: *, c: *, d: *, e: *, f: *}"),
    "a long word": f"a: &a {'x' * (LARGEST // 2)}\nb: [{'*a,' * 9000}]",
    "deeper and deeper": bomb(100, "{x: 1}", "{b: *}"),
    "brackets": "[" * LARGEST,
    "dashes": "- " * (LARGEST // 2),
    "numbers": f"a: [{'1,' * (LARGEST // 2 - 10)}]",
    "names": "\n".join(f"k{n}: {n}" for n in range(10_000)),
    "a long file": "a: 1\n" * (LARGEST // 5 + 1),
}


def test_bombs_are_refused_at_once():
    for name, text in BOMBS.items():
        start = time.process_time()
        with pytest.raises(InputError, match=r"holds more than|nested more than|larger than"):
            yaml_files.parse(text, "bomb.yaml")
        assert time.process_time() - start < 1.0, name
    # What is just within the limits is read as soon.
    names, merges = (", ".join(f"k{n}: 1" for n in range(3000)), ", ".join(["*b"] * 3000))
    wide = f"a: &a {{{names}}}\nb: &b {{}}\nc: {{<<: [*a, {merges}]}}"
    start = time.process_time()
    assert len(yaml_files.parse(wide, "wide.yaml")["c"]) == 3000
    assert time.process_time() - start < 1.0


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load(tmp_path / "missing.yaml")
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load(tmp_path)
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load("a\0b")
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load("a" * 5000)
    os.mkfifo(tmp_path / "pipe.yaml")
    for special in (tmp_path / "pipe.yaml", "/dev/zero"):
        with pytest.raises(InputError, match="not an ordinary file"):
            yaml_files.load(special)
    with open(tmp_path / "big.yaml", "wb") as file:
        file.write(b"a: 1\n")
        file.truncate(100 << 20)
    with pytest.raises(InputError, match="larger than 128 KiB"):
        yaml_files.load(tmp_path / "big.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        yaml_files.load(tmp_path / "latin.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml_files.load(tmp_path / "bom.yaml").values == {"a": 1}


def test_what_is_saved_is_read_back(tmp_path):
    values = {
        "words": ["no", "off", "1e3", "1:30", "", "~", "null", "a: b", "#x", "<<", "0x10", "é"],
        "numbers": [1, -2, 1e-05, 1.5e300, float("inf"), 0.1],
        "deep": {"a": {"b": {"c": None, "d": True, "e": []}}},
        "tuple": (1, 2),
    }
    yaml_files.save(tmp_path / "x.yaml", values)
    assert yaml_files.load(tmp_path / "x.yaml").values == {**values, "tuple": [1, 2]}
