"""Every registered measure keeps these promises; a new one is tested as soon as it is there."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures import cards
from primacy.registry import OFFERED, measure, measures
from primacy.training.answers import ASKED
from tests.support.asked import answer

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}
"""Summing float32 in another order, or in another program, changes this much at most."""

D, K, T, P = 12, 3, 2, 5
ALL = sorted(measures.load())


def layer(weights, inputs):
    return jnp.tanh(inputs @ weights["hidden"])


def onward(weights, reps):
    return reps @ weights["output"]


def forward(weights, inputs):
    return onward(weights, layer(weights, inputs))


@functools.cache
def world(seed=0, n=300, m=256):
    """A small random network, 0/1 data with three features, and all that a measure may ask for."""
    rng = np.random.default_rng(seed)
    sizes = {"hidden": (D, 16), "output": (16, T)}
    weights = {k: jnp.asarray(rng.normal(size=s) / 2, jnp.float32) for k, s in sizes.items()}
    arrays = {}
    for prefix, size in (("", n), ("fit_", m)):
        inputs = jnp.asarray(rng.integers(0, 2, (size, D)), jnp.float32)
        arrays |= {
            prefix + "inputs": inputs,
            prefix + "features": inputs[:, jnp.array([0, 4, 8])],
            prefix + "targets": inputs[:, jnp.array([0, 4])],
            prefix + "outputs": forward(weights, inputs),
            prefix + "reps": layer(weights, inputs),
        }
    columns = np.zeros((P, D), bool)
    for p, site in enumerate(([0], [4, 5], [8], [1], [2, 3])):
        columns[p, site] = True
    donors = jnp.asarray(rng.permutation(n))
    return weights, arrays | {"columns": jnp.asarray(columns), "donors": donors}


def answered(go, arrays):
    """What the network is asked once, for all measures."""
    known = arrays | {"forward": go}
    return {ask: answer(ask, known) for ask in ASKED}


def value(name, weights, arrays):
    """One measure of one network, given what it asks for."""
    given = (
        arrays
        | answered(functools.partial(forward, weights), arrays)
        | {
            "forward": functools.partial(forward, weights),
            "loss": lambda outputs, targets: (outputs - targets) ** 2,
            "onward": functools.partial(onward, weights),
            "own_targets": jnp.array([0, 1, -1]),
            "heads": (1,) * T,
            "codes": (1,) * K,
        }
    )
    assert set(given) == set(OFFERED)
    return measures[name].function(**{ask: given[ask] for ask in measures[name].asks})


def everything(weights, arrays):
    return {name: value(name, weights, arrays) for name in ALL}


compiled = jax.jit(everything)
"""All measures in one program, as the engine runs them."""


@functools.cache
def found_in(seed=0):
    """What the program finds in a world: computed once, for every test of every measure."""
    return compiled(*world(seed))


def shuffled(arrays, seed=1):
    """The same examples in another order; each keeps its donor."""
    rng = np.random.default_rng(seed)
    changed = dict(arrays)
    for prefix in ("", "fit_"):
        order = rng.permutation(len(arrays[prefix + "inputs"]))
        for name in ("inputs", "features", "targets", "outputs", "reps"):
            changed[prefix + name] = jnp.asarray(np.asarray(arrays[prefix + name])[order])
        if not prefix:
            donors = np.asarray(arrays["donors"])
            changed["donors"] = jnp.asarray(np.argsort(order)[donors[order]])
    return changed


@pytest.mark.parametrize("name", ALL)
def test_compiled_is_eager(name):
    np.testing.assert_allclose(found_in()[name], value(name, *world()), **TOLERANCE)


@functools.cache
def found_in_another_order():
    weights, arrays = world()
    return compiled(weights, shuffled(arrays))


@pytest.mark.parametrize("name", ALL)
def test_order_of_examples_does_not_matter(name):
    np.testing.assert_allclose(found_in_another_order()[name], found_in()[name], **TOLERANCE)


@functools.cache
def side_by_side(seeds=3):
    lanes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(world, range(seeds)))
    return jax.jit(jax.vmap(everything))(*lanes)


@pytest.mark.parametrize("name", ALL)
def test_side_by_side_is_one_by_one(name):
    for seed, together in enumerate(side_by_side()[name]):
        np.testing.assert_allclose(together, found_in(seed)[name], **TOLERANCE)


@pytest.mark.parametrize("name", ALL)
def test_shape_is_as_declared(name):
    sizes = {"feature": K, "site": P, "target": T}
    found = found_in()[name]
    assert found.shape == tuple(sizes[axis] for axis in measures[name].axes)
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("name", ALL)
def test_values_keep_the_range_of_the_card(name):
    card = measures[name]
    found = np.asarray(found_in()[name])
    found = found[~np.isnan(found)]
    assert found.size
    assert card.low is None or (found >= card.low - 1e-6).all()
    assert card.high is None or (found <= card.high + 1e-6).all()


@functools.cache
def found_in_a_diverged_network():
    weights, arrays = world()
    broken = {a: jnp.full_like(arrays[a], np.nan) for a in ("outputs", "reps", "fit_reps")}
    nothing = jax.tree.map(lambda leaf: jnp.full_like(leaf, np.nan), weights)
    return compiled(nothing, arrays | broken)


@pytest.mark.parametrize("name", ALL)
def test_a_diverged_network_has_no_number(name):
    assert not np.isfinite(found_in_a_diverged_network()[name]).any()


@pytest.mark.parametrize("name", ALL)
def test_card_is_complete(name):
    card = measures[name]
    for field in ("unit", "direction", "formula", "invariance", "misleads"):
        assert getattr(card, field).strip(), field
    assert card.low is None or card.high is None or card.low < card.high
    assert set(card.axes) <= {"feature", "site", "target"}
    assert card.splits in (("test",), ("train", "test"))
    assert card.losses
    text = card.function.__doc__
    assert text.splitlines()[0].endswith(".")
    assert "Null:" in text, "the docstring says what null means"


def test_an_argument_nobody_offers_is_refused_with_the_legal_names():
    card = {
        "axes": (), "unit": "u", "direction": "d", "range": (None, None), "chance": None,
        "formula": "f", "invariance": "i", "misleads": "m", "reference": "r",
    }  # fmt: skip

    def typo(fit_rep):
        return fit_rep.sum()

    with pytest.raises(ValueError) as error:
        measure(**card)(typo)
    message = str(error.value)
    assert message.startswith("measure 'typo' asks for fit_rep. Did you mean \"fit_reps\"?")
    assert message.endswith("It may ask for: " + ", ".join(OFFERED))
    assert "typo" not in measures.keys()  # noqa: SIM118 (Registry raises on a missing name)


def test_the_page_of_measures_is_current():
    page = Path(__file__).parents[2] / "docs" / "measures.md"
    assert page.read_text(encoding="utf-8") == cards(), (
        "docs/measures.md is out of date; write it again with "
        'python -c "from primacy.measures import cards; print(cards(), end=str())" '
        "> docs/measures.md"
    )
