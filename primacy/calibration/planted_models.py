"""Networks whose weights were written by hand, so that what they use of their inputs is known.

The inputs are bits, all combinations once for every donor: means over examples are exactly the
expectations for independent donors. Each network has one hidden layer (ReLU) and one output, a
logit of LOGIT (bit - THRESHOLD): away from 1/2, so that no answer hangs on rounding.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any, SupportsFloat

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from primacy.calibration import Check, case
from primacy.measures.gradients import slopes_of
from primacy.measures.steering import dose_curve
from primacy.models.mlp import MLP
from primacy.registry import measures
from primacy.training.evaluate import swapped
from primacy.training.losses import sigmoid_cross_entropy

TOLERANCE = 1e-3
LOGIT, THRESHOLD = 8.0, 0.45

INPUTS = (
    "reliance",
    "reliance_accuracy",
    "reliance_loss",
    "reliance_rest",
    "reliance_rest_accuracy",
    "ablation",
    "input_gradient",
    "input_gradient_signed",
)
HIDDEN = (
    "variance_explained",
    "subspace_reliance",
    "interchange_accuracy",
    "erasure_loss",
    "erasure_accuracy",
    "steering_dose",
)

BITS = np.array(list(itertools.product([0.0, 1.0], repeat=3)), np.float32)
PAIRS = np.array(list(itertools.product(range(8), repeat=2)))
ROWS = BITS[PAIRS[:, 0]]
DONORS = PAIRS[:, 1] * 8 + PAIRS[:, 0]

Found = dict[str, Float[np.ndarray, "..."]]


def network(
    into: Sequence[Sequence[float]], bias: Sequence[float], out: Sequence[float], at: float
) -> PyTree[np.ndarray]:
    """Weights of `MLP(widths=(units,), activation="relu")` whose output is
    LOGIT (units @ out - at)."""
    return {
        "hidden1": {"kernel": np.array(into, np.float32), "bias": np.array(bias, np.float32)},
        "output": {
            "kernel": LOGIT * np.array(out, np.float32)[:, None],
            "bias": np.array([-LOGIT * at], np.float32),
        },
    }


def measured(
    params: PyTree[np.ndarray],
    inputs: Float[np.ndarray, "n d"],
    features: Float[np.ndarray, "n k"],
    columns: Bool[np.ndarray, "k d"],
    target: Float[np.ndarray, " n"],
) -> Found:
    """Each measure of use, and `dose_curve`, of a network; the first axis is the feature."""
    found = _program(params, inputs, features, columns, target[:, None], DONORS)
    return {name: np.asarray(value, float)[..., 0] for name, value in found.items()}


@jax.jit
def _program(
    params: PyTree, inputs: Array, features: Array, columns: Array, targets: Array, donors: Array
) -> dict[str, Array]:
    model = MLP(widths=(params["hidden1"]["bias"].size,), activation="relu")
    seen = model.apply(params, inputs)
    own = {"features": features, "outputs": seen.outputs, "reps": seen.layers["hidden1"]}
    given: dict[str, Any] = own | {f"fit_{name}": value for name, value in own.items()}

    def forward(x: Float[Array, "n d"]) -> Float[Array, "n t"]:
        return model.apply(params, x).outputs

    given |= {
        "swapped": swapped(forward, inputs, columns, donors),
        "swapped_rest": swapped(forward, inputs, columns, donors, rest=True),
        "slopes": slopes_of(forward, inputs),
        "heads": None,
        "codes": None,
        "inputs": inputs,
        "columns": columns,
        "donors": donors,
        "targets": targets,
        "forward": forward,
        "onward": functools.partial(model.onward, params, "hidden1"),
        "own_targets": np.zeros(features.shape[1], np.int32),
        "loss": sigmoid_cross_entropy,
    }
    registered = measures.load()
    found = {}
    for name in (*INPUTS, *HIDDEN):
        value = registered[name].function(**{ask: given[ask] for ask in registered[name].asks})
        found[name] = value if value.ndim == 2 else value[:, None]
    asks = ("fit_reps", "fit_features", "reps", "features", "outputs", "onward")
    return found | {"dose_curve": dose_curve(**{ask: given[ask] for ask in asks})}


def cross_entropy(logits: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """Mean cross-entropy of 0/1 targets, in float64."""
    return float(np.logaddexp(0, np.where(target > 0.5, -logits, logits)).mean())


def _check(what: str, measure: str, expected: float, found: SupportsFloat) -> Check:
    return Check(
        quantity=f"{measure}: {what}",
        expected=expected,
        measured=float(found),
        tolerance=TOLERANCE,
        measures=() if measure == "dose_curve" else (measure,),
    )


def _table(found: Found, network: str, names: Sequence[str], expected: dict) -> list[Check]:
    """Checks of measure -> one expected number a feature; None where nothing is claimed."""
    return [
        _check(f"{name} in {network}", measure, value, found[measure][i])
        for measure, values in expected.items()
        for i, (name, value) in enumerate(zip(names, values, strict=True))
        if value is not None
    ]


@case(
    "planted models",
    title="Networks written by hand: one that uses a single feature, an XOR, copies",
    reference="closed form: expectations over all inputs and independent donors",
)
def planted_models() -> list[Check]:
    """What networks use, whose weights say what they use."""
    return [*_one_of_three(), *_xor(), *_copies()]


def _one_of_three() -> list[Check]:
    """The layer holds two of three bits, the second three times as strongly; the output reads the
    first.

    Taking the first away, in the inputs or in the layer, leaves the logit of its mean; what is
    represented most is not used at all.
    """
    params = network([[1.0, 0], [0, 3], [0, 0]], [0.5, 0.5], [1, 0], 0.5 + THRESHOLD)
    first = ROWS[:, 0]
    # The third bit stands twice: four features, as below, so that the nets share a program.
    order = [0, 1, 2, 2]
    found = measured(params, ROWS, ROWS[:, order], np.eye(3, dtype=bool)[order], first)
    logits = LOGIT * (first - THRESHOLD)
    now = cross_entropy(logits, first)
    held = cross_entropy(np.full(len(first), LOGIT * (0.5 - THRESHOLD)), first) - now
    # Interchanged, every logit meets every label.
    swapped = (cross_entropy(logits, first) + cross_entropy(logits, 1 - first)) / 2 - now
    checks = _table(
        found,
        "a net that reads the first of three bits",
        ("the bit read", "a bit not read"),
        {
            "variance_explained": (1 / 10, 9 / 10),
            "reliance": (1, 0),
            "reliance_accuracy": (0.5, 0),
            "reliance_loss": (swapped, 0),
            "reliance_rest": (0, 1),
            "reliance_rest_accuracy": (0, 0.5),
            "ablation": (held, 0),
            "input_gradient": (LOGIT, 0),
            "input_gradient_signed": (LOGIT, 0),
            "subspace_reliance": (1, 0),
            "interchange_accuracy": (1, 0.5),
            "erasure_loss": (held, 0),
            "erasure_accuracy": (0.5, 0),
            "steering_dose": (0.6, None),
        },
    )
    flips = found["dose_curve"][:, 1].max()
    return [*checks, _check("answers flipped along a bit that is not read", "dose_curve", 0, flips)]


def _xor() -> list[Check]:
    """Units ReLU(2 s - 1) and ReLU(2 s - 3) of the sum s of two bits; XOR = first - 3 second.

    Each input moves the output as much as both do. In the layer the XOR is linear, and the inputs'
    own directions (1.5, .5) are those along which the output does not change.
    """
    params = network([[2.0, 2], [2, 2], [0, 0]], [-1.0, -3], [1, -3], THRESHOLD)
    a, b = ROWS[:, 0], ROWS[:, 1]
    xor = np.abs(a - b)
    features = np.stack([a, b, xor, ROWS[:, 2]], axis=1)
    columns = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], bool)
    found = measured(params, ROWS, features, columns, xor)
    now = cross_entropy(LOGIT * (xor - THRESHOLD), xor)
    # With one bit at 1/2 the sum is .5 or 1.5: the output that of 0, or of 2.
    ablated = cross_entropy(LOGIT * (2 * b - THRESHOLD), xor) - now
    both = cross_entropy(LOGIT * (np.ones_like(b) - THRESHOLD), xor) - now
    held = cross_entropy(np.full(len(b), LOGIT * (0.5 - THRESHOLD)), xor) - now
    return _table(
        found,
        "an XOR net",
        ("one input", "the other input", "the XOR", "a third bit"),
        {
            "reliance": (1, 1, 1, 0),
            "reliance_accuracy": (0.5, 0.5, 0.5, 0),
            "reliance_rest": (1, 1, 0, 1),
            "reliance_rest_accuracy": (0.5, 0.5, 0, 0.5),
            "ablation": (ablated, ablated, both, 0),
            # Slopes 0, 2, 2 - 6 at sums 0, 1, 2, which come 1, 2, 1 times in 4.
            "input_gradient": (2 * LOGIT, 2 * LOGIT, np.sqrt(8) * LOGIT, 0),
            "input_gradient_signed": (0, 0, None, 0),
            "subspace_reliance": (0, 0, 1, 0),
            "interchange_accuracy": (0.5, 0.5, 1, 0.5),
            "erasure_loss": (0, 0, held, 0),
            "erasure_accuracy": (0, 0, 0.5, 0),
            "steering_dose": (None, None, 0.6, None),
        },
    )


def _copies() -> list[Check]:
    """The same bit in two columns, read half each: in the inputs they share the credit, in the
    layer they are one feature. Half the evidence is enough for 1, as the threshold is below 1/2."""
    params = network([[0.5, 0], [0.5, 0], [0, 1]], [0.5, 0.5], [1, 0], 0.5 + THRESHOLD)
    bit = ROWS[:, 0]
    inputs = np.stack([bit, bit, ROWS[:, 2]], axis=1)
    features = np.stack([bit, bit, bit, ROWS[:, 2]], axis=1)
    columns = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], bool)
    found = measured(params, inputs, features, columns, bit)
    now = cross_entropy(LOGIT * (bit - THRESHOLD), bit)
    ablated = cross_entropy(LOGIT * (bit / 2 + 0.25 - THRESHOLD), bit) - now
    held = cross_entropy(np.full(len(bit), LOGIT * (0.5 - THRESHOLD)), bit) - now
    half = LOGIT / 2
    return _table(
        found,
        "a net that reads both of two copies",
        ("one copy", "the other copy", "both copies", "another bit"),
        {
            "reliance": (0.25, 0.25, 1, 0),
            "reliance_accuracy": (0.25, 0.25, 0.5, 0),
            "reliance_rest": (0.25, 0.25, 0, 1),
            "reliance_rest_accuracy": (0.25, 0.25, 0, 0.5),
            "ablation": (ablated, ablated, held, 0),
            "input_gradient": (half, half, np.sqrt(2) * half, 0),
            "input_gradient_signed": (half, half, None, 0),
            "subspace_reliance": (1, 1, 1, 0),
            "interchange_accuracy": (1, 1, 1, 0.5),
            "erasure_loss": (held, held, held, 0),
            "erasure_accuracy": (0.5, 0.5, 0.5, 0),
            "steering_dose": (0.6, 0.6, 0.6, None),
        },
    )
