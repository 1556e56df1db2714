"""Names of layers. Oracle: the rule, by hand."""

import pytest

from primacy.networks.frameworks import layers
from primacy.networks.frameworks.network import Layer, LayerError, kind_of

NAMES = ["blocks.0.mlp", "blocks.0.mlp.fc", "blocks.1.mlp", "head.input", "tied", "tied:2"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("blocks.*.mlp", ["blocks.0.mlp", "blocks.1.mlp"]),
        ("blocks.**", ["blocks.0.mlp", "blocks.0.mlp.fc", "blocks.1.mlp"]),
        ("blocks.?.mlp", ["blocks.0.mlp", "blocks.1.mlp"]),
        ("tied", ["tied"]),
        ("tied:2", ["tied:2"]),
        ("tied:*", ["tied", "tied:2"]),
        ("*.input", ["head.input"]),
    ],
)
def test_patterns(pattern, found):
    assert layers.matching(pattern, NAMES) == found


@pytest.mark.parametrize("pattern", ["blocks.[01].mlp", "__import__('os')", "(a+)+$", "blocks"])
def test_a_pattern_is_text_and_nothing_else(pattern):
    with pytest.raises(LayerError, match="no layer matches"):
        layers.matching(pattern, NAMES)


def test_what_is_wrong_is_named():
    with pytest.raises(LayerError, match=r'Did you mean "head\.input"'):
        layers.matching("heed.input", NAMES)
    with pytest.raises(LayerError, match="There are: flat, mean, last, first"):
        layers.asked({"head": "max"})
    with pytest.raises(LayerError, match="not the name of a layer"):
        layers.asked(["x" * 1000])


def test_thinned_keeps_both_ends():
    names = [str(i) for i in range(100)]
    kept = layers.thinned(names)
    assert len(kept) == layers.MAX_LAYERS and kept[0] == "0" and kept[-1] == "99"


def test_counts_and_kinds_read_as_english():
    one = Layer("head.input", (8,), "flat", cut=True)
    assert layers.lines([one], 4, 57).split("\n")[0] == "1 layer of 4 modules, 57 parameters"
    assert layers.lines([], 1, 1).split("\n")[0] == "no layers of 1 module, 1 parameter"
    assert [kind_of(value) for value in (3, None, {}, "x")] == ["an int", "None", "a dict", "a str"]
