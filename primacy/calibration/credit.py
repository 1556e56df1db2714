"""Credit divided among features, bits that labels cost, and pushes along directions, all planted.

Functions of all combinations of four signs, every one of which meets every other as its donor:
means over examples are expectations.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.calibration import Check, case
from primacy.measures.concepts import RANDOM
from primacy.registry import measures

TOLERANCE = 1e-3
SIGNS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
PAIRS = np.array(list(itertools.product(range(16), repeat=2)))
ROWS, DONORS = SIGNS[PAIRS[:, 0]], PAIRS[:, 1] * 16 + PAIRS[:, 0]
SHAPLEY, PATH = "shapley_value", "integrated_gradients"

BITS = 4096
"""Labels that are sent twice over: as fit examples and as test examples."""
ERRORS = (0.0, 0.05, 0.2, 0.5)
"""Share of labels that are not what the layer says."""

UNITS, EXAMPLES = 40, 4000
"""Of a layer of equally large directions, one of which is read."""


@case(
    "credit",
    title="Credit by Shapley values and along paths: sums, products, copies, what is ignored",
    reference="closed form: Shapley 1953; shares of variance of a sum of independent terms",
)
def credit() -> list[Check]:
    """Outputs whose parts are known."""
    sum_ = {SHAPLEY: (4 / 9, 1 / 9, 4 / 9, 0), PATH: (4 / 9, 1 / 9, 4 / 9, 0)}
    product = {SHAPLEY: (0.5, 0.5, 0, 0), PATH: (0.5, 0.5, 0, 0)}
    copies = {SHAPLEY: (0.5, 0.5, 0, 0), PATH: (0.25, 0.75, 0, 0)}
    functions = {
        "2 x1 - x2 + 2 x3": (lambda x: 2 * x[:, :1] - x[:, 1:2] + 2 * x[:, 2:3], ROWS, sum_),
        "x1 x2": (lambda x: x[:, :1] * x[:, 1:2], ROWS, product),
        # Two copies of a sign: the larger of both in size is read, by weights of 1/4 and 3/4 too.
        "copies x1 = x2, 1/4 x1 + 3/4 x2": (
            lambda x: x[:, :1] / 4 + 3 * x[:, 1:2] / 4,
            ROWS[:, [0, 0, 2, 3]],
            {PATH: copies[PATH], SHAPLEY: (0.25, 0.75, 0, 0)},
        ),
        "copies x1 = x2, the larger": (
            lambda x: jnp.maximum(x[:, :1], x[:, 1:2]),
            ROWS[:, [0, 0, 2, 3]],
            {SHAPLEY: copies[SHAPLEY]},
        ),
    }
    found = []
    for what, (function, inputs, expected) in functions.items():
        for name, values in expected.items():
            measured = _credit(name, function, inputs)
            found += [
                Check(
                    quantity=f"{name}: {what}, input {i + 1}",
                    expected=float(value),
                    measured=float(measured[i]),
                    tolerance=TOLERANCE,
                    measures=(name,),
                )
                for i, value in enumerate(values)
            ]
    return found


def _credit(name: str, function, inputs: np.ndarray) -> Float[np.ndarray, " k"]:
    """Of each of four features, one for each column."""
    own = measures.load()[name]

    def value(x: Float[Array, "n d"]) -> Float[Array, "k t"]:
        given = {
            "forward": function,
            "inputs": x,
            "features": x,
            "outputs": function(x),
            "columns": jnp.eye(4, dtype=bool),
            "donors": jnp.asarray(DONORS),
            "heads": None,
            "codes": None,
        }
        return own.function(**{ask: given[ask] for ask in own.asks})

    return np.asarray(jax.jit(value)(inputs), float)[:, 0]


def entropy(q: float) -> float:
    """Bits of a label that is wrong in a share q of the cases."""
    return 0.0 if q in (0, 1) else float(-q * np.log2(q) - (1 - q) * np.log2(1 - q))


@case(
    "description length",
    title="Bits that labels cost to somebody who has a layer: their entropy given what it says",
    reference="Shannon's entropy; the price of learning a probe: log2 n bits a block",
)
def description_length() -> list[Check]:
    """A label that a unit of the layer tells but for a share of errors, exactly so many of them."""
    rng = np.random.default_rng(0)
    own = measures.load()["description_length"]
    value = jax.jit(own.function)
    found = []
    for share in ERRORS:
        sets = []
        for _ in range(2):
            unit = rng.permutation(BITS) % 2
            wrong = rng.permutation(BITS) < round(share * BITS)
            inputs = rng.standard_normal((BITS, 3)).astype(np.float32)
            sets.append((unit[:, None].astype(np.float32), inputs, (unit ^ wrong)[:, None]))
        (fit, inputs, told), (test, _, asked) = sets
        length = value(
            fit_reps=fit,
            fit_inputs=inputs,
            fit_features=told.astype(np.float32),
            reps=test,
            features=asked.astype(np.float32),
        )
        # The first block of 64 at a bit each; and in each of the seven that follow, a probe that
        # was learned on n labels pays for its doubt of the next n no more than log2 n bits.
        price = (BITS / 64 + 7 * np.log2(2 * BITS)) / (2 * BITS)
        found.append(
            Check(
                quantity=f"bits of a label that is wrong in {100 * share:g} %, from the layer",
                expected=float(entropy(share)),
                measured=float(length[0]),
                tolerance=float(price),
                measures=("description_length",),
            )
        )
    return found


@case(
    "pushes along a direction",
    title="A small push along a feature that is read, along one that is not, and along random ones",
    reference="closed form: the slope of a linear output; p of a direction among random ones",
)
def pushes() -> list[Check]:
    """A layer of 40 independent units; the output is the first of them, and a tenth of another."""
    rng = np.random.default_rng(0)
    reps = jnp.asarray(rng.standard_normal((EXAMPLES, UNITS)), jnp.float32)
    features = (reps[:, :2] > 0).astype(jnp.float32)

    def onward(layer: Float[Array, "n h"]) -> Float[Array, "n o"]:
        return layer[:, :1] + 0.1 * layer[:, 5:6]

    size = float(np.std(np.asarray(onward(reps))))
    given = {
        "fit_reps": reps,
        "fit_features": features,
        "reps": reps,
        "onward": onward,
        "codes": None,
        "heads": None,
    }
    value = {
        name: functools.partial(measures.load()[name].function, **given)
        for name in ("concept_sensitivity", "concept_slope", "concept_slope_p")
    }
    outputs = onward(reps)
    found = {
        name: np.asarray(jax.jit(lambda o, f=function: f(outputs=o))(outputs), float)[:, 0]
        for name, function in value.items()
    }
    rows = [
        # The direction of a unit's sign is the unit, but for the sampling of 4,000 examples.
        ("concept_sensitivity", 0, "the feature that is read", 1.0, 1e-6),
        ("concept_slope", 0, "the feature that is read", 1 / size, 0.02),
        ("concept_slope", 1, "a feature that is not read", 0.0, 4 * 1.25 / EXAMPLES**0.5),
        ("concept_slope_p", 0, "the feature that is read", 1 / (RANDOM + 1), 1e-6),
    ]
    return [
        Check(
            quantity=f"{name}: {what}",
            expected=float(expected),
            measured=float(found[name][i]),
            tolerance=tolerance,
            measures=(name,),
        )
        for name, i, what, expected, tolerance in rows
    ]
