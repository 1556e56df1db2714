"""What a card says leaves a measure unchanged does; what it says does not, changes it.

Every registered measure of one fixed network: its features in another order and another unit, its
layer rotated, shifted, scaled, its units scaled each by its own, its outputs shifted and scaled.
The claims are read from the cards, so that a new measure is held to its own.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.registry import OFFERED, measures
from tests.contract import test_measures as contract

ALL = sorted(measures.load())
CARDS = {name: measures[name] for name in ALL}
BY_LAYER = [name for name in ALL if CARDS[name].by_layer]
H = 16

CLOSE = {"rtol": 2e-3, "atol": 2e-3}
"""Float32 through a probe's dozen solves, and RSA's ranks in steps."""

SAME = (np.eye(H), np.zeros(H))
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(H, H)))[0]
MOVES = {  # of the layer: a matrix and a shift
    "rotation": (TURN, np.zeros(H)),
    "shift": (np.eye(H), np.linspace(-2, 2, H)),
    "overall scale": (3 * np.eye(H), np.zeros(H)),
    "scale of single units": (np.diag(np.linspace(0.5, 2, H)), np.zeros(H)),
}


@jax.jit
def measured(weights, arrays, own_targets, matrix, inverse, shift, outputs, targets):
    """Every measure, in one program for all moves; what follows the layer undoes its move."""

    def changed(x, by):
        return by[0] * x + by[1]

    def forward(inputs):
        return changed(contract.forward(weights, inputs), outputs)

    def onward(reps):
        return changed(contract.onward(weights, (reps - shift) @ inverse), outputs)

    given = dict(arrays)
    for prefix in ("", "fit_"):
        given[prefix + "reps"] = arrays[prefix + "reps"] @ matrix + shift
        given[prefix + "outputs"] = changed(arrays[prefix + "outputs"], outputs)
        given[prefix + "targets"] = changed(arrays[prefix + "targets"], targets)
    given |= {
        "forward": forward,
        "onward": onward,
        "loss": lambda outputs, targets: (outputs - targets) ** 2,
        "own_targets": own_targets,
        "heads": None,
        "codes": None,
    }
    given |= contract.answered(forward, given)
    assert set(given) == set(OFFERED)
    return {
        name: card.function(**{ask: given[ask] for ask in card.asks})
        for name, card in CARDS.items()
    }


def of_world(
    change=None, move=SAME, own_targets=(0, 1, -1), outputs=(1.0, 0.0), targets=(1.0, 0.0)
):
    weights, arrays = contract.world()
    if change:
        arrays = arrays | change(arrays)
    matrix, shift = move
    numbers = (matrix, np.linalg.inv(matrix), shift[None], outputs, targets)
    numbers = (jnp.asarray(x, jnp.float32) for x in numbers)
    return jax.device_get(measured(weights, arrays, jnp.array(own_targets), *numbers))


@functools.cache
def plain():
    return of_world()


# Moves of the layer ----------------------------------------------------------------------------


@functools.cache
def moved(move):
    return of_world(move=MOVES[move])


def stated(name, move):
    """Whether the card says that a move leaves the measure as it is; None: it says nothing."""
    text = CARDS[name].invariance
    kept, _, changed = text.partition("not ")
    every_unit = "every unit" in kept
    if move == "scale of single units":
        own = "single units" in changed and "scale of single units" in changed
        return True if every_unit and "scale" in kept else False if own else None
    if move == "overall scale":
        return True if move in kept or (every_unit and "scale" in kept) else None
    if move == "shift":
        if changed.startswith("shift"):
            return False
        of_layer = (
            "rotation, shift",
            "shift and overall",
            "rotation and shift",
            "shift and scale of every",
        )
        return True if any(words in kept for words in of_layer) else None
    return True if "rotation" in kept else False if "rotation" in changed else None


CLAIMS = [
    (n, m, stated(n, m))
    for n in BY_LAYER
    for m in MOVES
    # No unit of the random network is dead; a planted one follows below.
    if stated(n, m) is not None and (n, m) != ("dead_units", "rotation")
]


@pytest.mark.parametrize("name,move,same", CLAIMS)
def test_moves_of_the_layer_do_what_the_card_says(name, move, same):
    before, after = plain()[name], moved(move)[name]
    assert np.isfinite(before).any()
    if same:
        np.testing.assert_allclose(after, before, **CLOSE)
    else:
        assert np.nanmax(np.abs(after - before)) > 2 * CLOSE["atol"], "it is said to change"


def test_the_claims_are_found():
    """Rotation leaves the pooled share and changes the mean over units; and so on."""
    said = {(name, move): same for name, move, same in CLAIMS}
    assert said["variance_explained", "rotation"] is True
    assert said["variance_explained_unit_mean", "rotation"] is False
    assert said["variance_explained_unit_mean", "scale of single units"] is True
    assert said["variance_explained", "scale of single units"] is False
    assert said["class_selectivity", "shift"] is False
    assert said["rsa_correlation_pearson", "shift"] is False
    assert said["erasure_loss", "rotation"] is True
    for name in set(BY_LAYER) - {"dead_units"}:
        words = CARDS[name].invariance
        assert ((name, "rotation") in said) == ("rotation" in words), words


def test_a_rotation_leaves_no_unit_dead():
    reps = np.random.default_rng(0).normal(size=(50, H)).astype(np.float32)
    reps[:, 0] = 0.5
    dead_units = jax.jit(CARDS["dead_units"].function)
    assert stated("dead_units", "rotation") is False
    assert dead_units(reps) == 1
    assert dead_units((reps @ TURN).astype(np.float32)) == 0


# Features in another order, and in another unit ------------------------------------------------

ORDER = np.array([2, 0, 1])
SITES = np.array([2, 0, 1, 4, 3])
AXES = {"feature": ORDER, "site": SITES}


@functools.cache
def reordered():
    def change(arrays):
        features = {name: arrays[name][:, ORDER] for name in ("features", "fit_features")}
        return features | {"columns": arrays["columns"][SITES]}

    return of_world(change, own_targets=tuple(np.array([0, 1, -1])[ORDER]))


@pytest.mark.parametrize("name", ALL)
def test_features_in_another_order_have_the_same_values(name):
    wanted = plain()[name]
    for axis, label in enumerate(CARDS[name].axes):
        if label in AXES:
            wanted = np.take(wanted, AXES[label], axis=axis)
    np.testing.assert_allclose(reordered()[name], wanted, rtol=2e-4, atol=2e-5)


@functools.cache
def recoded():
    def change(arrays):
        return {name: 5 - 3 * arrays[name] for name in ("features", "fit_features")}

    return of_world(change)


RECODED = [
    name
    for name in BY_LAYER
    if {"features", "fit_features"} & set(CARDS[name].asks)
    # The labels of a control task are a hash of the input below the share of examples whose feature
    # has the larger value: another value is the larger one, so they are other labels.
    and "fit_inputs" not in CARDS[name].asks
]


SIGNED = {"concept_slope": lambda value: -value, "concept_sensitivity": lambda value: 1 - value}
"""What a measure that has the sign of the effect becomes when a feature is counted downwards."""


@pytest.mark.parametrize("name", [n for n in RECODED if not n.startswith("steering")])
def test_the_unit_and_sign_of_a_feature_do_not_matter(name):
    wanted = SIGNED.get(name, lambda value: value)(plain()[name])
    np.testing.assert_allclose(recoded()[name], wanted, **CLOSE)


# Outputs ---------------------------------------------------------------------------------------


@functools.cache
def answered(scale, shift, targets_too=False):
    by = (scale, shift)
    return of_world(outputs=by, targets=by if targets_too else (1.0, 0.0))


OUTPUTS = {  # words of a card: scale and shift of the outputs, and whether the targets follow
    "shift and scale of the output": (3.0, 5.0, False),
    "keeps its sign": (3.0, 0.0, False),
    "keeps its order": (3.0, 5.0, False),
    "shift and scale of the target, if the network follows": (3.0, 5.0, True),
    "shift and scale of target and output together": (3.0, 5.0, True),
}
SAID = [(n, w) for n in ALL for w in OUTPUTS if w in CARDS[n].invariance]


@pytest.mark.parametrize("name,words", SAID)
def test_outputs_shifted_and_scaled(name, words):
    np.testing.assert_allclose(answered(*OUTPUTS[words])[name], plain()[name], **CLOSE)


def test_the_words_about_outputs_are_found():
    assert {words for _, words in SAID} == set(OUTPUTS)
    assert {"accuracy", "reliance", "reliance_accuracy", "r_squared"} <= {n for n, _ in SAID}
