"""One target and several domains: how often each predicts it, and what test examples hold."""

import jax
import numpy as np
import pytest

from primacy.rng import streams
from primacy.tasks.shared import Shared

N = 4000
DOMAINS = ("linear1", "parity2")


def built(split="train", **shares):
    task = Shared(units_per_domain=5, predictivity=shares)
    return jax.tree.map(np.asarray, task.build(task.draw(split, streams(0, "data"), N)))


def test_each_domain_equals_the_target_with_its_own_predictivity():
    """Oracle: the binomial law (5 SD); features by hand from the units of their domain."""
    batch = built(linear1=0.6, parity2=0.9)
    bits = batch.inputs.astype(int)
    assert np.array_equal(batch.features[:, 0], bits[:, 0])
    assert np.array_equal(batch.features[:, 1], bits[:, 5] ^ bits[:, 6])
    for i, share in enumerate((0.6, 0.9)):
        equal = (batch.features[:, i] == batch.targets[:, 0]).mean()
        assert abs(equal - share) < 5 * np.sqrt(share * (1 - share) / N)
    assert abs(bits.mean() - 0.5) < 0.02


@pytest.mark.parametrize("split", ["fit", "test"])
def test_test_examples_hold_features_that_say_nothing(split):
    """Oracle: independent fair coins: every correlation is within 5 SD of 0."""
    batch = built(split, linear1=1.0, parity2=0.9)
    columns = np.column_stack([batch.features, batch.targets])
    off = np.corrcoef(columns.T)[np.triu_indices(3, 1)]
    assert np.abs(off).max() < 5 / np.sqrt(N)


def test_what_equals_the_target_at_less_does_at_more():
    low, high = built(linear1=0.6), built(linear1=0.8)
    same = [(b.features[:, 0] == b.targets[:, 0]) for b in (low, high)]
    assert (same[0] <= same[1]).all()
    assert np.array_equal(low.targets, high.targets)
    assert np.array_equal(low.features[:, 1], high.features[:, 1])


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"domains": ("linear1",)}, "two domains"),
        ({"domains": ("linear1", "linear1")}, "stands twice"),
        ({"predictivity": {"linear": 0.8}}, 'Did you mean "linear1"'),
        ({"domains": ("linear1", "parity6"), "units_per_domain": 5}, "takes 6 units"),
    ],
)
def test_what_cannot_be_is_refused_with_its_cure(fields, part):
    with pytest.raises(ValueError, match=part):
        Shared(**fields)
