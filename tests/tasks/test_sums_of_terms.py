"""Staircase, spurious, circle, sines and tokens: what their numbers must be, by hand."""

import numpy as np
import pytest

from primacy.rng import streams
from primacy.tasks.boolean import Boolean
from primacy.tasks.circle import Circle
from primacy.tasks.sines import Sines
from primacy.tasks.spurious import Spurious
from primacy.tasks.staircase import Staircase
from primacy.tasks.tokens import Tokens


def built(task, split="train", n=400, seed=0):
    batch = task.build(task.draw(split, streams(seed, "data"), n))
    return tuple(np.asarray(a, float) for a in (batch.inputs, batch.features, batch.targets))


def test_a_staircase_is_the_sum_of_its_products():
    """Oracle: the products, taken by hand."""
    x, terms, y = built(Staircase(bits=6, degrees=(1, 3)))
    assert set(np.unique(x)) == {-1.0, 1.0}
    np.testing.assert_array_equal(terms, np.stack([x[:, 0], x[:, 0] * x[:, 1] * x[:, 2]], 1))
    np.testing.assert_array_equal(y[:, 0], terms.sum(1))
    names = [(f.name, f.facts["leap"]) for f in Staircase(degrees=(1, 3)).declared]
    assert names == [("x1", 2), ("x1x2x3", 2)]


@pytest.mark.parametrize("signs", [1, 2])
def test_the_spurious_parity_is_the_label_as_often_as_stated_in_training_alone(signs):
    """Oracle: the parities of the inputs; three standard errors of a share of 20,000."""
    task = Spurious(spurious=signs, predictivity=0.9)
    for split, share in (("train", 0.9), ("stream", 0.9), ("fit", 0.5), ("test", 0.5)):
        x, features, y = built(task, split, 20_000)
        label, spurious = x[:, :3].prod(1), x[:, 3 : 3 + signs].prod(1)
        np.testing.assert_array_equal(y[:, 0], label > 0)
        np.testing.assert_array_equal(features, np.stack([label > 0, spurious > 0], 1))
        assert (label == spurious).mean() == pytest.approx(share, abs=0.0107)
        assert np.abs(x[:, : 3 + signs].mean(0)).max() < 0.025


def test_a_circle_is_points_and_a_wave():
    x, _, y = built(Circle(frequency=3.0), n=64)
    angle = np.arctan2(x[:, 1], x[:, 0])
    np.testing.assert_allclose(np.hypot(*x.T), 1, atol=1e-6)
    np.testing.assert_allclose(y[:, 0], np.cos(3 * angle), atol=2e-6)
    np.testing.assert_allclose(np.diff(np.sort(angle)), 2 * np.pi / 64, atol=1e-5)


def test_sines_are_the_waves_of_their_phases_with_their_amplitudes():
    """Oracle: a Fourier sum over evenly spaced points: the amplitude of each frequency."""
    task = Sines(frequencies=(2, 5), amplitudes=(1.0, 3.0))
    x, waves, y = built(task, n=200)
    np.testing.assert_allclose(y[:, 0], waves @ [1.0, 3.0], atol=1e-5)
    for k, amplitude in ((2, 1), (5, 3), (4, 0)):
        turned = np.exp(-2j * np.pi * k * x[:, 0])
        assert abs((y[:, 0] * turned).mean()) * 2 == pytest.approx(amplitude, abs=1e-4)
    assert [f.full for f in task.declared] == [1.0, 3.0]


def test_phases_are_those_of_the_seed_in_every_split():
    """Oracle: the complex amplitude of a wave over evenly spaced points turns with its phase."""
    turns = []
    for split, seed in (("train", 0), ("test", 0), ("train", 1)):
        x, _, y = built(Sines(frequencies=(2, 5)), split, n=200, seed=seed)
        turns.append((y[:, 0] * np.exp(-2j * np.pi * 5 * x[:, 0])).mean())
    assert turns[0] == pytest.approx(turns[1], abs=1e-4)
    assert abs(turns[0] - turns[2]) > 0.01


def test_tokens_are_blocks_and_the_labels_of_all_features_but_the_last():
    """Oracle: `boolean` of the same truth tables, evaluated on the blocks that were drawn."""
    features = ("linear1", "parity3", "xor_and_or")
    task = Tokens(features=features, units_per_feature=5)
    x, labels, y = built(task)
    assert x.shape == (400, 3 * 5 + 2, 1)
    blocks = x[:, :15, 0].reshape(400, 3, 5)
    np.testing.assert_array_equal(x[:, 15:, 0], labels[:, :2])
    np.testing.assert_array_equal(labels, y)
    for i, text in enumerate(features):
        known = Boolean(features=(text,), units_per_feature=5).declared[0]
        assert task.declared[i].columns == tuple(i * 5 + c for c in known.columns)
    a, b, c, d = (blocks[:, 2, j] > 0 for j in range(4))
    np.testing.assert_array_equal(labels[:, 0], blocks[:, 0, 0])
    np.testing.assert_array_equal(labels[:, 1], blocks[:, 1, :3].sum(1) % 2)
    np.testing.assert_array_equal(labels[:, 2], (a & b) ^ (c | d))


def test_reversed_tokens_are_the_same_examples_with_their_blocks_in_reverse():
    plain, turned = (Tokens(features=("linear1", "parity2"), reversed=r) for r in (False, True))
    (x, _, y), (z, _, w) = built(plain), built(turned)
    np.testing.assert_array_equal(y, w)
    np.testing.assert_array_equal(x[:, :4], z[:, 4:8])
    np.testing.assert_array_equal(x[:, 4:8], z[:, :4])
    np.testing.assert_array_equal(x[:, 8:], z[:, 8:])
    for one, other in zip(plain.declared, turned.declared, strict=True):
        np.testing.assert_array_equal(x[:, one.columns], z[:, other.columns])
    assert turned.input_names[:5] == (*(f"parity2 unit {i}" for i in range(4)), "linear1 unit 0")


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: Staircase(bits=2), "degrees: 3 inputs, but bits = 2"),
        (lambda: Staircase(degrees=(2, 2)), "twice"),
        (
            lambda: Staircase(bits=2, degrees=(1, 3, 3)),
            "^degrees: 3 inputs, but bits = 2; degrees: a term is there twice$",
        ),
        (lambda: Spurious(bits=3), "more than bits = 3"),
        (lambda: Sines(amplitudes=(1.0,)), "1 for 6 frequencies"),
        (lambda: Tokens(features=("parity9",)), "takes 9 units, but units_per_feature is 4"),
        (lambda: Tokens(features=("pariti3",)), 'features\\[0\\] = "pariti3".*parity3'),
    ],
)
def test_what_makes_no_task_is_refused_with_the_reason(make, part):
    with pytest.raises(ValueError, match=part):
        make()
