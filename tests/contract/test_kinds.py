"""Which measures have a value for which targets and features: what docs/measures.md says is so."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures.kinds import FEATURES, TARGETS, WITHOUT, features_of, targets_of
from primacy.registry import measures
from primacy.training.answers import Answers, Facts, Seen, measured
from primacy.training.evaluate import slopes_of, swapped

N, D, H = 96, 8, 8
SITES = ([0], [1], [2, 3, 4], [5, 6], [7])
"""The columns of a bit, a number, a class of three, a group, and another bit."""
ALL = sorted(measures.load())

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Whether a number is there does not depend on how fast it is computed."""


def examples(seed):
    rng = np.random.default_rng(seed)
    bit, number, level = rng.integers(0, 2, N), rng.normal(size=N), rng.integers(0, 3, N)
    other = rng.integers(0, 2, N)
    # The class goes with the bit, so that each of the two can stand for the other in a conflict.
    level = np.where(rng.random(N) < 0.5, 2 * bit, level)
    columns = (level[:, None] == np.arange(3)).T
    inputs = np.stack([bit, number, *columns, *rng.normal(size=(2, N)), other])
    features = np.stack([bit, number, level, np.full(N, np.nan), other])
    targets = {"0/1": bit, "number": number + bit, "class": level}
    return inputs.T.astype(np.float32), features.T.astype(np.float32), targets


@functools.cache
def found(kind):
    """Every measure of a network that answers from all features."""
    loss = TARGETS[kind]
    width = 3 if kind == "class" else 1
    rng = np.random.default_rng(5)
    # The first bit decides most, so that there is a dose at which half of the answers flip.
    weight = np.array([3, *[0.4] * (D - 1)])[:, None]
    into = jnp.asarray(weight * rng.normal(size=(D, H)), jnp.float32)
    out = jnp.asarray(rng.normal(size=(H, width)), jnp.float32)
    columns = jnp.asarray([[c in site for c in range(D)] for site in SITES])
    donors = jnp.asarray(rng.permutation(N))

    def onward(reps):
        return 3 * reps @ out

    def hidden(inputs):
        return jnp.tanh(inputs @ into - into[:1] / 2)

    def forward(inputs):
        return onward(hidden(inputs))

    def seen(seed, split):
        inputs, features, targets = examples(seed)
        x = jnp.asarray(inputs)
        target = jnp.asarray(targets[kind].astype(np.float32))[:, None]
        more = {}
        if split == "test":
            more = {
                name: swapped(forward, x, columns, donors, name == "swapped_rest")
                for name in ("swapped", "swapped_rest")
            }
            more["slopes"] = slopes_of(forward, x)
        layers = {"hidden": hidden(x)}
        return Seen(x, jnp.asarray(features), target, forward(x), layers, **more)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def run():
        return measured(
            tuple(measures[name] for name in ALL if loss in measures[name].losses),
            Answers(seen(0, "fit"), seen(1, "test"), None, forward, {"hidden": onward}),
            columns=columns,
            donors=donors,
            loss=loss,
            facts=Facts((0, 0, 0, -1, -1), heads=(width,), codes=(1, 1, 3, 1, 1)),
            layers=("hidden",),
        )

    return {name.split("/")[0]: np.asarray(value) for name, value in run().items()}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_measure_has_a_value_where_the_table_says_so(kind):
    values, wrong = found(kind), []
    for name in ALL:
        card = measures[name]
        told = targets_of(card)[kind]
        value = values.get(name)
        if told is not None:
            if value is not None and np.isfinite(value).any():
                wrong.append(f"{name} has a value, and is said to have none: {told}")
            continue
        assert value is not None, name
        value = value[0] if card.by_layer else value
        features = features_of(card)
        if features is None:
            if not np.isfinite(value).any():
                wrong.append(f"{name}: no value")
            continue
        for k, feature in enumerate(FEATURES):
            has = bool(np.isfinite(value[k]).any())
            if has != (features[feature] is None):
                wrong.append(f"{name}, {feature}: {'a value' if has else 'none'}")
    assert not wrong, "\n".join(wrong)


def test_reasons_are_of_measures_that_there_are():
    assert set(WITHOUT) <= set(ALL)
