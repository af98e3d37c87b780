"""Plain YAML: what is read, what is refused, and how soon."""

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
        ("a: [1, 2", "line 1"),
        ("a:\n\t- 1", "line 2"),
        ("a: \0", "not YAML"),
        ("a: *b", "undefined alias"),
        ("a: &a [*a]", "more than"),
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
    assert str(refused.value).startswith("file.yaml") and "\n" not in str(refused.value)


def test_alias_bomb_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    start = time.monotonic()
    with pytest.raises(InputError, match="expands to more"):
        yaml_files.parse("\n".join(lines), "bomb.yaml")
    assert time.monotonic() - start < 1.0


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load(tmp_path / "missing.yaml")
    with pytest.raises(InputError, match="Cannot read"):
        yaml_files.load(tmp_path)
    (tmp_path / "big.yaml").write_bytes(b"a: 1\n" * 300_000)
    with pytest.raises(InputError, match="larger than 1 MiB"):
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
