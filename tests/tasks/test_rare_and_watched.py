"""The task `boolean` with rare, untrained and watched features."""

import jax
import numpy as np
import pytest

from primacy.rng import streams
from primacy.study.describe import WATCHED, features
from primacy.tasks.boolean import Boolean

N = 4000
PAIR = {"features": ("linear", "parity2"), "units_per_feature": 6}


def built(task, split="train"):
    batch = task.build(task.draw(split, streams(0, "data"), N))
    return jax.tree.map(np.asarray, batch)


def test_a_rare_label_counts_in_its_share_of_the_training_examples_alone():
    """Oracle: the binomial law (5 SD); the examples themselves are those without a prevalence."""
    plain, rare = built(Boolean(**PAIR)), built(Boolean(**PAIR, prevalence={"parity2": 0.1}))
    assert (plain.weights is None, rare.weights.shape) == (True, (N, 2))
    assert rare.weights[:, 0].all()
    assert abs(rare.weights[:, 1].mean() - 0.1) < 5 * np.sqrt(0.1 * 0.9 / N)
    assert np.array_equal(plain.inputs, rare.inputs)
    assert np.array_equal(plain.targets, rare.targets)
    assert built(Boolean(**PAIR, prevalence={"parity2": 0.1}), "test").weights.all()


def test_what_is_there_at_a_tenth_is_there_at_half():
    tenth, half = (built(Boolean(**PAIR, prevalence={"parity2": p})).weights for p in (0.1, 0.5))
    assert (tenth <= half).all()
    assert tenth.sum() < half.sum()


def test_a_rare_block_is_empty_elsewhere_and_its_label_is_that_of_an_empty_block():
    """Oracle: the gates by hand; `not a` is 1 of an empty block."""
    task = Boolean(
        features=("linear", "not a"),
        units_per_feature=6,
        balance="none",
        prevalence={"linear": 0.3, "not a": 0.3},
        prevalence_of="block",
    )
    batch = built(task)
    empty = ~batch.inputs[:, 6:].any(axis=1)
    assert 0.6 < empty.mean() < 0.8
    assert batch.weights is None
    assert np.array_equal(batch.targets[:, 1], 1 - batch.inputs[:, 6])
    assert np.array_equal(batch.targets[:, 0], batch.inputs[:, 0])
    full = built(task, "test")
    assert np.array_equal(
        full.inputs,
        built(Boolean(**PAIR | {"features": ("linear", "not a")}, balance="none"), "test").inputs,
    )


def test_watched_and_untrained_features_are_measured_and_are_no_targets():
    """Oracle: the expressions in Python, on the units of their block."""
    task = Boolean(
        **PAIR, trained=1, watched=("parity2: a xor d", "parity2: not c", "linear: a and e")
    )
    batch, full = built(task), built(Boolean(**PAIR))
    bits = batch.inputs.astype(bool)
    by_hand = [bits[:, 6] ^ bits[:, 9], ~bits[:, 8], bits[:, 0] & bits[:, 4]]
    assert np.array_equal(batch.features[:, 2:], np.stack(by_hand, 1).astype(np.float32))
    assert np.array_equal(batch.features[:, :2], full.features)
    assert np.array_equal(batch.targets, full.targets[:, :1])
    assert np.array_equal(batch.inputs, full.inputs)
    assert [f.target for f in task.declared] == [0, None, None, None, None]
    assert [f.columns for f in task.declared[2:]] == [(6, 9), (8,), (0, 4)]
    records = features(task)
    assert records[0].criterion is not None
    assert [r.reason for r in records[1:]] == [WATCHED] * 4


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"trained": 3}, "trained = 3: there are 2 features"),
        ({"watched": ("parity: a",)}, 'Did you mean "parity2"'),
        ({"watched": ("a xor b",)}, "names no block"),
        ({"watched": ("parity2: a xor g",)}, "they are a to f"),
        ({"watched": ("parity2: a or not a",)}, "must take both values"),
        ({"watched": ("parity2: a", "parity2: a")}, "stands twice"),
        ({"prevalence": {"parity": 0.5}}, 'Did you mean "parity2"'),
    ],
)
def test_what_cannot_be_is_refused_with_its_cure(fields, part):
    with pytest.raises(ValueError, match=part):
        Boolean(**PAIR, **fields)
