"""The three forms of --params_override, compared with the Model Garden's own reading of them."""

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
    ],
)
def test_refused(text, says):
    with pytest.raises(InputError, match=says.replace("[", r"\[")):
        overrides.parse(text)
