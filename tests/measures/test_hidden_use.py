"""Use of a hidden layer: interchange, erasure and steering of planted layers with closed forms."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import special_ortho_group

from primacy.measures.directions import DRAWS, of_chance
from primacy.measures.erasure import (
    erasure_accuracy,
    erasure_accuracy_null,
    erasure_loss,
    erasure_loss_null,
)
from primacy.measures.interchange import (
    interchange_accuracy,
    interchange_accuracy_null,
    subspace_reliance,
    subspace_reliance_null,
)
from primacy.measures.steering import (
    DOSES,
    dose_curve,
    steering_dose,
    steering_side_effect,
    steering_side_effect_null,
)
from primacy.models.linear import Linear
from primacy.registry import measures
from primacy.rng import streams
from primacy.study.describe import describe, sites
from primacy.study.spec import Condition
from primacy.training.answers import facts_of
from primacy.training.block import started
from primacy.training.evaluate import evaluate_condition
from primacy.training.lane import Ending, Lane
from primacy.training.losses import sigmoid_cross_entropy
from primacy.training.rows import Names, table
from tests.support.tiny import condition, study

SIGNS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
PAIRS = np.array(list(itertools.product(range(16), repeat=2)))
BITS = SIGNS[PAIRS[:, 0]]
"""Every row of the factorial once for every donor row: means over examples are exactly the
expectations for independent donors."""
DONORS = jnp.asarray(PAIRS[:, 1] * 16 + PAIRS[:, 0])
OBLIQUE = np.array(
    [[2, 0, 1, 0, 0], [1.5, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0.5, 0, 0, 3]], np.float32
)
"""How the layer moves with each of four features: at an angle, and not equally far."""
FEATURES, REPS = jnp.asarray(BITS), jnp.asarray(BITS @ OBLIQUE + 5)


def squared_error(outputs, targets):
    return (outputs - targets) ** 2


def reader(weights, bias=0.0):
    """An affine map behind the layer, whose output is weights @ features + bias, exactly."""
    back = np.linalg.pinv(OBLIQUE) @ np.asarray(weights, float)
    return jnp.asarray(back, jnp.float32), jnp.asarray(bias - 5 * back.sum(0), jnp.float32)


@functools.cache
def program(measure):
    """One compiled program a measure (and shape), whatever the map behind the layer."""

    def run(arrays, back, bias):
        def onward(reps):
            return reps @ back + bias[None]

        outputs = onward(arrays["reps"])
        given = arrays | {"outputs": outputs, "onward": onward, "loss": squared_error}
        given["targets"] = outputs if arrays["targets"] is None else arrays["targets"]
        asks = ("fit_reps", "fit_features", "reps", "features", "outputs", "onward")
        if measure is not dose_curve:
            asks = measures[measure.__name__].asks
        asks = [ask for ask in asks if ask not in ("codes", "heads")]  # where all are numbers
        return measure(**{name: given[name] for name in asks})

    return jax.jit(run)


def ask(measure, behind, *, reps=REPS, features=FEATURES, targets=None, own=(0, 1, 2, 3)):
    arrays = {
        "fit_reps": reps, "reps": reps, "fit_features": features, "features": features,
        "targets": targets, "donors": DONORS, "own_targets": jnp.asarray(own),
    }  # fmt: skip
    return np.asarray(program(measure)(arrays, *behind))


W = np.array([[3.0, 0], [4.0, 1], [0, 2], [0, 0]])
"""Output 0 uses the first two features, output 1 the second and third, and none the fourth, which
is the one that moves the layer farthest."""


def test_interchange_in_a_layer_is_interchange_of_the_feature():
    """Closed form: the share of w_f^2 Var f, as in the inputs, whatever the directions' angle."""
    found = ask(subspace_reliance, reader(W))
    np.testing.assert_allclose(found, W**2 / (W**2).sum(axis=0), atol=1e-4)


def test_erasing_costs_the_features_part_of_the_target():
    """Closed form: against a target with weights b the squared error rises by (2 w b - w^2) Var."""
    b = np.array([[3.0, 0], [2.0, 0], [0, 2], [5, 0]])
    targets = jnp.asarray(BITS @ b, jnp.float32)
    found = ask(erasure_loss, reader(W), targets=targets)
    np.testing.assert_allclose(found, 2 * W * b - W**2, atol=5e-3)


def test_only_what_decides_the_answer_costs_accuracy():
    """Erased, the feature that decides leaves the sign of the rest: half are right."""
    weights = np.array([[3.0, 0], [1.0, 0], [0, 1], [0, 0]])
    targets = jnp.asarray(BITS @ weights > 0, jnp.float32)
    found = ask(erasure_accuracy, reader(weights, bias=[0.1, 0.1]), targets=targets)
    np.testing.assert_allclose(found, [[0.5, 0], [0, 0], [0, 0.5], [0, 0]], atol=1e-6)
    # With 3 f + g the smaller one never decides, and its erasure never hurts.


def test_exchanged_features_bring_their_targets_with_them():
    """Outputs 0 and 1 come from features 0 and 1; feature 2 is claimed by target 0, wrongly, and
    feature 3 has none. Not used: right by chance, for donors of the same label."""
    weights = np.eye(4)[:, :2]
    onward = reader(weights)
    targets = jnp.asarray(BITS[:, :2] > 0, jnp.float32)
    found = ask(interchange_accuracy, onward, targets=targets, own=(0, 1, 0, -1))
    np.testing.assert_allclose(found[:3], [[1, 1], [1, 1], [0.5, 1]], atol=1e-6)
    assert np.isnan(found[3]).all()
    # A network that answers target 1 with feature 0 fails on both counts.
    swapped = reader(weights[:, ::-1])
    found = ask(interchange_accuracy, swapped, targets=targets, own=(0, 1, 0, -1))
    np.testing.assert_allclose(found[:2], [[0.5, 0.5], [0.5, 0.5]], atol=1e-6)


@pytest.mark.parametrize(
    ("bias", "dose"),
    [(0.0, 0.6), (0.45, 0.3), (-0.45, 0.3), (0.9, 0.1), (2.8, 2.0)],
)
def test_the_dose_that_flips_half(bias, dose):
    """Output f + bias, f = +-1: the class means are 2 apart, so examples of f = 1 flip beyond a
    dose of (1 + bias) / 2, those of f = -1 beyond (1 - bias) / 2; the first of them are half. With
    a bias of 2.8 those of f = -1 never do, and those of f = 1 beyond 1.9."""
    onward = reader(np.eye(4)[:, :1], bias=bias)
    found = ask(steering_dose, onward)
    np.testing.assert_allclose(found[0, 0], dose, rtol=1e-6)
    assert np.isnan(found[1:]).all()  # nobody reads them


def test_out_of_reach_is_null():
    found = ask(steering_dose, reader(np.eye(4)[:, :1], bias=17.0))
    assert np.isnan(found).all()
    side = ask(steering_side_effect, reader(np.eye(4)[:, :1], bias=17.0), own=(0, 0, 0, -1))
    assert np.isnan(side).all()


def test_the_curve_is_a_step_and_the_dose_its_foot():
    """Output 2 f + g - .1: pushed against f by 2 c, it flips where 2 (1 - 2 c) + g - .1 changes
    sign: one quarter each at c = .225 (f = 1, g = -1), .275, .725, .775."""
    onward = reader(np.array([[2.0], [1], [0], [0]]), bias=-0.1)
    curve = ask(dose_curve, onward)
    steps = np.array([0.225, 0.275, 0.725, 0.775])
    wanted = [(steps < c).mean() for c in DOSES]
    np.testing.assert_allclose(curve[:, 0, 0], wanted, atol=1e-6)
    assert ask(steering_dose, onward)[0, 0] == pytest.approx(0.3)
    # g alone: 2 f + g (1 - 2 c) - .1 changes sign beyond c = 1.45 for one sign, 1.55 of the other.
    assert ask(steering_dose, onward)[1, 0] == pytest.approx(1.6)


def test_side_effects_are_counted_at_the_dose_of_the_own_target():
    """Output 1 also reads feature 0, by twice: at .6 its half is gone already. Output 0 does not
    read feature 1. Feature 2 has no target, and feature 3 claims one that it does not move."""
    onward = reader(np.array([[1.0, 2], [0, 0.9], [0, 0], [0, 0]]))
    found = ask(steering_side_effect, onward, own=(0, 1, -1, 0))
    # Target 1 flips where 2 (1 - 2 c) f + .9 g changes sign: at .6 for g = -f, c > .275 (half).
    np.testing.assert_allclose(found[0], [1, 0.5], atol=1e-6)
    # Feature 1 flips target 1 only where .9 (2 c - 1) > 2: c > 1.61, all for which g = f; and for
    # g = -f never (the output grows): half.
    np.testing.assert_allclose(found[1], [0, 0.5], atol=1e-6)
    assert np.isnan(found[2:]).all()


null_directions = jax.jit(of_chance)


def null_by_hand(value):
    """The mean of a value over the null directions, in NumPy."""
    chance = null_directions(REPS, FEATURES)
    reps = np.asarray(REPS, float)
    found = []
    for r in range(DRAWS):
        move, read = np.asarray(chance.move[r], float), np.asarray(chance.read[r], float)
        own = (reps - reps.mean(0)) @ read.T
        found.append([value(reps, own[:, f], move[f], f) for f in range(4)])
    return np.mean(found, axis=0)


def test_null_values_are_means_over_the_null_directions():
    """Oracle: NumPy loops over the draws."""
    back = np.linalg.pinv(OBLIQUE) @ W
    y = (np.asarray(REPS, float) - 5) @ back

    def erased(reps, own, move, f):
        return (((reps - np.outer(own, move) - 5) @ back - y) ** 2).mean(0)

    np.testing.assert_allclose(
        ask(erasure_loss_null, reader(W)), null_by_hand(erased), rtol=1e-3, atol=1e-3
    )

    def interchanged(reps, own, move, f):
        changed = (reps + np.outer(own[np.asarray(DONORS)] - own, move) - 5) @ back
        return ((changed - y) ** 2).mean(0) / (2 * y.var(0))

    np.testing.assert_allclose(
        ask(subspace_reliance_null, reader(W)), null_by_hand(interchanged), rtol=1e-3, atol=1e-4
    )
    weights = np.eye(4)[:, :2]
    own_target = (0, 1, 0, -1)
    labels = BITS[:, :2] > 0
    straight = np.linalg.pinv(OBLIQUE) @ weights
    bias = 0.01  # no output is exactly 0

    def right(reps, own, move, f):
        now = (reps + np.outer(own[np.asarray(DONORS)] - own, move) - 5) @ straight + bias > 0
        wanted = labels.copy()
        wanted[:, own_target[f]] = labels[np.asarray(DONORS), own_target[f]]
        return (now == wanted).mean(0) if own_target[f] >= 0 else [np.nan] * 2

    onward, targets = reader(weights, bias=bias), jnp.asarray(labels, jnp.float32)
    found = ask(interchange_accuracy_null, onward, targets=targets, own=own_target)
    np.testing.assert_allclose(found, null_by_hand(right), atol=1e-6)

    def lost(reps, own, move, f):
        now = (reps - np.outer(own, move) - 5) @ straight + bias > 0
        return 1 - (now == labels).mean(0)

    found = ask(erasure_accuracy_null, onward, targets=targets)
    np.testing.assert_allclose(found, null_by_hand(lost), atol=1e-6)
    dose = [0.6, 0.6, np.nan, np.nan]

    def flipped(reps, own, move, f):
        if f > 1:
            return [np.nan] * 2
        now = (reps - dose[f] * 2 * np.outer(BITS[:, f], move) - 5) @ straight + bias > 0
        return (now != labels).mean(0)

    found = ask(steering_side_effect_null, onward, own=own_target)
    np.testing.assert_allclose(found, null_by_hand(flipped), atol=1e-6)


ALL = (
    subspace_reliance, erasure_loss, erasure_accuracy, interchange_accuracy, steering_dose,
    steering_side_effect,
)  # fmt: skip
NULLS = (
    subspace_reliance_null,
    erasure_loss_null,
    erasure_accuracy_null,
    interchange_accuracy_null,
    steering_side_effect_null,
)


@pytest.mark.parametrize("measure", ALL, ids=lambda m: m.__name__)
def test_a_rotated_layer_gives_the_same(measure):
    turn = jnp.asarray(special_ortho_group.rvs(5, random_state=0), jnp.float32)
    back, bias = reader(np.array([[2.0, 1], [1, 0], [0, 2], [0, 0.35]]), bias=[0.1, 0.2])
    plain = ask(measure, (back, bias), own=(0, 0, 1, 1))
    turned = ask(measure, (turn.T @ back, bias), reps=REPS @ turn, own=(0, 0, 1, 1))
    np.testing.assert_allclose(turned, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("measure", [*ALL, *NULLS], ids=lambda m: m.__name__)
def test_what_cannot_be_measured_is_null(measure):
    features = FEATURES.at[:, 0].set(jnp.nan).at[:, 1].set(1.0)
    found = ask(measure, reader(np.eye(4)[:, :2], bias=[0.1, 0.1]), features=features)
    assert np.isnan(found[:2]).all()
    back, bias = reader(np.eye(4)[:, :2])
    found = ask(measure, (back, bias * jnp.nan))
    assert np.isnan(found).all()


def test_a_feature_of_three_values_cannot_be_steered():
    features = FEATURES.at[0, 0].set(0.5)
    found = ask(steering_dose, reader(np.eye(4)[:, :2], bias=[0.1, 0.1]), features=features)
    assert np.isnan(found[0]).all() and np.isfinite(found[1, 1])


def test_a_feature_that_is_not_there_is_not_missed():
    """The layer holds the first two features; of their XOR it holds nothing linear."""
    signs = FEATURES[:, :2]
    layer = signs @ jnp.asarray(OBLIQUE[:2])
    xor = (signs[:, :1] * signs[:, 1:]) @ jnp.ones((1, 1))

    back = jnp.asarray(np.linalg.pinv(OBLIQUE[:2])[:, :1], jnp.float32)
    for measure in (erasure_loss, erasure_loss_null, subspace_reliance, subspace_reliance_null):
        found = ask(measure, (back, jnp.array([0.1])), reps=layer, features=xor, own=(0,))
        np.testing.assert_array_equal(found, [[0.0]])


def test_the_engine_offers_each_layer_its_rest_of_the_network():
    """Oracle: the measure called by hand on the second layer, with the last affine map behind it.
    A model without hidden layers has no such rows."""
    names = ("erasure_loss", "interchange_accuracy", "steering_dose")
    spec = condition()
    rng = streams(0, "data")
    sets = {split: spec.task.draw(split, rng, 64) for split in ("fit", "test")}
    _, columns = sites(spec.task.declared, 16)
    donors = jnp.asarray(np.random.default_rng(0).permutation(64).astype(np.int32))
    asked = tuple(measures[name] for name in names)

    def run(spec):
        params = started(spec, streams(0, "init")("init"), rng)
        facts = facts_of(spec.task)

        @jax.jit
        def evaluated(params, sets):
            given = (spec, asked, params, sets, jnp.asarray(columns), donors)
            return evaluate_condition(*given, facts=facts)

        return params, evaluated(params, sets)

    params, found = run(spec)
    for name in names:
        assert found[f"{name}/test"].shape == (2, 2, 2)  # layer, feature, target
    fit, test = (spec.task.build(sets[split]) for split in ("fit", "test"))
    seen = {s: spec.model.apply(params, b.inputs) for s, b in (("fit", fit), ("test", test))}
    last = params["output"]
    wanted = jax.jit(erasure_loss, static_argnums=(5, 6))(
        seen["fit"].layers["hidden2"], fit.features, seen["test"].layers["hidden2"],
        seen["test"].outputs, test.targets, lambda reps: reps @ last["kernel"] + last["bias"][None],
        sigmoid_cross_entropy,
    )  # fmt: skip
    np.testing.assert_allclose(found["erasure_loss/test"][1], wanted, rtol=1e-5, atol=1e-6)
    plain = Condition(task=spec.task, model=Linear(), training=spec.training)
    assert not any("/" in name for name in run(plain)[1])


def test_rows_name_every_feature_with_every_target():
    """A table of features x targets must not be told by the feature that owns the target."""
    spec = condition()
    record = describe(study()).conditions[0]
    lane = Lane(spec, record, 0)
    end = Ending(lane)
    end.step = record.steps[0]
    values = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)  # lane, layer, feature, target
    declared, targets = spec.task.declared, [t.name for t in spec.task.targets]
    names = Names(declared, targets, [], record.layers)
    seen = [{"erasure_accuracy/test": values}]
    rows = table([lane], [end], seen, (measures["erasure_accuracy"],), names)
    found = rows.select("layer", "feature", "target", "value").rows()
    own = [f.name for f in declared]
    assert found == [
        (layer, feature, target, float(value))
        for (layer, feature, target), value in zip(
            itertools.product(["hidden1", "hidden2"], own, own), range(8), strict=True
        )
    ]
