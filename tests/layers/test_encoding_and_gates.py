import numpy as np
import pytest
import tensorflow as tf

from movinet.architectures import squeeze_excitation_filters
from movinet.layers import activations
from movinet.layers.config import LayerConfig
from movinet.layers.positional_encoding import PositionalEncoding, PositionalEncodingSpec


def test_positional_encoding_equals_its_formula_and_continues():
    layer = PositionalEncoding(PositionalEncodingSpec(6, "state"), LayerConfig(), "encoding")
    layer.trainable_variables[0].assign(0.5)
    x = np.zeros([1, 5, 6], np.float32)
    _, states = layer(tf.constant(x[:, :2]), {})
    second, states = layer(tf.constant(x[:, 2:]), states)
    position = np.arange(2, 5)[:, None]
    angles = position / 10_000 ** (2 * (np.arange(6) // 2) / 6)
    expected = 0.5 * np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1)
    np.testing.assert_allclose(second[0], expected, rtol=1e-5, atol=1e-6)
    assert states["state_pos_enc_frame_count"].numpy().tolist() == [5]


@pytest.mark.parametrize(
    ("filters", "se_type", "expected"),
    [(24, "3d", 8), (80, "3d", 24), (80, "2plus3d", 40), (184, "3d", 48), (280, "2plus3d", 144)],
)
def test_hidden_filters_of_published_layers(filters, se_type, expected):
    assert squeeze_excitation_filters(filters, se_type) == expected


def test_activations_equal_their_formulas():
    x = np.linspace(-5, 5, 41).astype(np.float32)
    sigmoid = 1 / (1 + np.exp(-x))
    expected = {
        "swish": x * sigmoid,
        "simple_swish": x * sigmoid,
        "hard_swish": x * np.clip(x + 3, 0, 6) / 6,
        "hard_sigmoid": np.clip(x + 3, 0, 6) * 0.16667,
        "sigmoid": sigmoid,
        "linear": x,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(activations.get(name)(x), values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("field", ["conv_type", "se_type", "activation", "average_pooling_type"])
def test_unknown_choices_list_the_valid_ones(field):
    with pytest.raises(ValueError, match=f"{field}.*choose one of .*(3d|swish)"):
        LayerConfig(**{field: "4d"})
