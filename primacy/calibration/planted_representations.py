"""Representations that were written by hand, so that what they hold of each feature is known.

Four independent features of variance 1, all 16 combinations once: sample and population are the
same, and a layer sum_f v_f f has |v_f|^2 / sum |v|^2 of its variance from feature f.
"""

import itertools
from typing import SupportsFloat

import jax
import numpy as np
from jaxtyping import Array, Float

from primacy.calibration import Check, case
from primacy.registry import measures

POOLED, UNIT_MEAN = "variance_explained", "variance_explained_unit_mean"
UNIQUE, JOINT = "variance_explained_unique", "variance_explained_joint"
OF_LAYER = ("total_variance", "dead_units", "participation_ratio")
BY_FEATURE = (POOLED, UNIT_MEAN, "variance_explained_example_mean", UNIQUE, JOINT)

TOLERANCE = 1e-3

BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)


def measured(
    reps: Float[np.ndarray, "n h"], features: Float[np.ndarray, "n k"]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Every measure of a layer, fitted and scored on the whole factorial.

    Always four features, and mostly eight units: shapes that are alike share a compiled program.
    """
    found = _program(np.asarray(reps, np.float32), np.asarray(features, np.float32))
    return {name: np.asarray(value, float) for name, value in found.items()}


@jax.jit
def _program(
    reps: Float[Array, "n h"], features: Float[Array, "n k"]
) -> dict[str, Float[Array, "..."]]:
    registered = measures.load()
    found = {name: registered[name].function(reps, features, reps, features) for name in BY_FEATURE}
    return found | {name: registered[name].function(reps) for name in OF_LAYER}


def _check(quantity: str, measure: str, expected: float, measured: SupportsFloat) -> Check:
    return Check(
        quantity=f"{measure}: {quantity}",
        expected=expected,
        measured=float(measured),
        tolerance=TOLERANCE,
        measures=(measure,),
    )


@case(
    "planted representations",
    title="Layers written by hand: absent, sole, duplicated, joint, dead units, rotated",
    reference="closed form: |v_f|^2 Var f / total variance, of independent features without noise",
)
def planted_representations() -> list[Check]:
    """Shares of variance of layers whose code is known."""
    return [*_sole(), *_shared(), *_duplicated(), *_joint(), *_dead(), *_rotated()]


def _sole() -> list[Check]:
    found = measured(np.outer(BITS[:, 0], [3.0, -6, 1.5, 3, 3, 3, -3, 12]) + 7, BITS)
    return [
        _check(f"{what} feature", measure, expected, found[measure][i])
        for measure in (POOLED, UNIT_MEAN, "variance_explained_example_mean", UNIQUE)
        for i, what, expected in ((0, "the sole", 1.0), (1, "an absent", 0.0))
    ]


def _shared() -> list[Check]:
    """Four features of different strength, in 8 units."""
    v = np.random.default_rng(0).normal(size=(4, 8)) * [[3], [1], [0.3], [0]]
    found, size = measured(BITS @ v, BITS), (v**2).sum()
    gram = v @ v.T
    return [
        *(
            _check(f"strength {i + 1} of 4", POOLED, (v[i] ** 2).sum() / size, found[POOLED][i])
            for i in range(4)
        ),
        _check("four features together", JOINT, 1.0, found[JOINT]),
        _check(
            "four features, relative to the truth",
            "total_variance",
            1.0,
            found["total_variance"] / size,
        ),
        _check(
            "four features",
            "participation_ratio",
            size**2 / (gram**2).sum(),
            found["participation_ratio"],
        ),
    ]


def _duplicated() -> list[Check]:
    """A feature named twice keeps its share, and nothing of it is its own."""
    features = BITS[:, [0, 0, 1, 2]]
    reps = BITS[:, :2] @ np.array([[1, 0] * 4, [0, 0.5] * 4])  # variances 4 and 1
    found = measured(reps, features)
    return [
        _check("a duplicated feature", POOLED, 0.8, found[POOLED][0]),
        _check("a duplicated feature", UNIQUE, 0.0, found[UNIQUE][0]),
        _check("the feature beside it", UNIQUE, 0.2, found[UNIQUE][2]),
    ]


def _joint() -> list[Check]:
    """The layer holds f xor g: neither f nor g, alone or together, but the XOR if it is asked.

    The other two features are absent, so all four together hold what f and g do.
    """
    xor = BITS[:, 0] * BITS[:, 1]
    reps = np.outer(xor, np.arange(1, 9))
    parts = measured(reps, BITS)
    named = measured(reps, np.column_stack([xor, BITS[:, 1:]]))
    return [
        _check("an input of a represented XOR", POOLED, 0.0, parts[POOLED][0]),
        _check("both inputs of a represented XOR", JOINT, 0.0, parts[JOINT]),
        _check("the represented XOR", POOLED, 1.0, named[POOLED][0]),
    ]


def _dead() -> list[Check]:
    """48 of 64 units never vary; scikit-learn's mean over units gives .75 with no information."""
    reps = np.full((16, 64), 0.1)
    reps[:, 48:] = BITS[:, 1:2]
    found = measured(reps, BITS)
    return [
        _check("48 of 64 units constant", "dead_units", 48.0, found["dead_units"]),
        _check("absent feature, 48 of 64 units dead", UNIT_MEAN, 0.0, found[UNIT_MEAN][0]),
        _check("absent feature, 48 of 64 units dead", POOLED, 0.0, found[POOLED][0]),
    ]


def _rotated() -> list[Check]:
    """Features of variance 4 and 1 on an axis each, and the same layer turned."""
    reps = np.hstack([BITS[:, :2] * [2.0, 1.0], np.zeros((16, 6))])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    plain, turned = measured(reps, BITS), measured(reps @ turn, BITS)
    # Unit j of the turned layer is 2 turn[0, j] f + turn[1, j] g.
    parts = np.array([4 * turn[0] ** 2, turn[1] ** 2])
    return [
        _check("before a rotation", POOLED, 0.8, plain[POOLED][0]),
        _check("after a rotation", POOLED, 0.8, turned[POOLED][0]),
        _check("before a rotation", UNIT_MEAN, 0.5, plain[UNIT_MEAN][0]),
        _check(
            "after a rotation", UNIT_MEAN, (parts[0] / parts.sum(0)).mean(), turned[UNIT_MEAN][0]
        ),
    ]
