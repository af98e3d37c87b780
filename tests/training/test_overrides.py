"""The three forms of --params_override, compared with the Model Garden's own reading of them."""

import re

import pytest
import yaml
from official.modeling.hyperparams import params_dict

from movinet import InputError
from movinet.training import overrides

PAIRS = [
    "a=1",
    "a.b.c=1,a.b.d=2.5,e=word",
    "a=1, b = 2",
    "a=[1,2,3],b=[x, y]",
    "a='quoted, with a comma',b=\"and another\"",
    "task.init_checkpoint='gs://bucket/ckpt-1',b=true",
    "a=,b=1",
    "a=1,",
    "a=x=y",
    "a=日本,b='é, è'",
]


@pytest.mark.parametrize("text", PAIRS)
def test_pairs_are_read_as_officially(text):
    official = yaml.safe_load(params_dict.nested_csv_str_to_json_str(text))
    assert overrides.parse(text).values == official


def test_mapping_and_file(tmp_path):
    assert overrides.parse("{a: {b: 1e3}}").values == {"a": {"b": 1000.0}}
    assert overrides.parse("a:\n  b: 2").values == {"a": {"b": 2}}
    (tmp_path / "over.yaml").write_text("c: 3")
    settings = overrides.parse(str(tmp_path / "over.yaml"))
    assert settings.values == {"c": 3} and settings.source.endswith("over.yaml")


def test_values_may_be_nested():
    assert overrides.parse("a={b: [1, {c: 2}], d: 'x, y'},e=don't").values == {
        "a": {"b": [1, {"c": 2}], "d": "x, y"},
        "e": "don't",
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("\na.b=1,\na.c=2,\n", {"a": {"b": 1, "c": 2}}),
        ("a='it''s, one',b=2", {"a": "it's, one", "b": 2}),
        (r'a="x\", y",b="\\",c=3', {"a": 'x", y', "b": "\\", "c": 3}),
        (
            "a={b: {c: [{d: 1}, {}]}, e: '}'},f=[]",
            {"a": {"b": {"c": [{"d": 1}, {}]}, "e": "}"}, "f": []},
        ),
        ("a=[[1, 2], ['x]']],b={}", {"a": [[1, 2], ["x]"]], "b": {}}),
        ("a=[1,\n 2],b=3", {"a": [1, 2], "b": 3}),
        ("a={b: 1},a.c=2", {"a": {"b": 1, "c": 2}}),
        (
            "a=grpc://host:5000,b=s3://x/y#z,c=C:\\d",
            {"a": "grpc://host:5000", "b": "s3://x/y#z", "c": "C:\\d"},
        ),
        (
            "a=no,b=1:30,c=1e3,d=~,e='1',f=-.5",
            {"a": "no", "b": "1:30", "c": 1000.0, "d": None, "e": "1", "f": -0.5},
        ),
        ("a=x=y,b==", {"a": "x=y", "b": "="}),
        ("a = '#1' , b = /d/[0-9]*.tfrecord", {"a": "#1", "b": "/d/[0-9]*.tfrecord"}),
    ],
)
def test_values_of_every_kind(text, values):
    assert overrides.parse(text).values == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nofile.yaml", "nor a file"),
        ("a=1,2", "name=value"),
        ("a=[1,2", "']' is missing"),
        ("a=1,a=2", "set twice"),
        ("a=1,a.b=2", "both"),
        ("a.b=2,a=1", "set twice"),
        ("a=!!python/name:os.system", "not plain data"),
        ("x[0]=1", "nor a file"),
        (" ", "nor a file"),
        (",a=1", "nor a file"),
        ("a..b=1", "nor a file"),
        ("a\udc80=1", "nor a file"),
        ("a=1,,b=2", "'' is not of the form name=value"),
        ("a='x,b=1", '"\'" is missing'),
        ('a="x,b=1', "'\"' is missing"),
        ("a={b: [1}", "']' is missing"),
        ("a=*.tfrecord", "begins with '*'"),
        ("a=&x", "begins with '&'"),
        ("a=#1", "begins with '#'"),
        ("a=x #1,b=2", "would be a comment"),
        ("a=1\nb=2", "a holds a line break"),
        ("a=x: &b [*b]", "nested"),
        ("a=\udc80", "U+DC80 is not YAML"),
        ("a=\x1b[2J]", "U+001B is not YAML"),
        ("a=@x", "cannot start any token"),
        ("a=[1, {b: 2, b: 3}]", "set twice"),
    ],
)
def test_refused(text, says):
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        overrides.parse(text)
    assert str(refused.value).isprintable()
