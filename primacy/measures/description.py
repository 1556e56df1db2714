"""What a layer is worth to somebody who has to transmit a feature: the bits that labels still cost.

Both sides have the layer; the labels are sent in blocks, each encoded by a linear probe that was
trained on the blocks before it (an online, or prequential, code). So what the probe has to learn is
paid for, which the accuracy of a probe leaves out: a layer from which a feature is read only with
much data costs more bits than one from which a few examples suffice.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, alone
from primacy.measures.labels import by_inputs, control_labels, two_valued
from primacy.measures.linalg import solve_positive
from primacy.measures.probes import LENGTHS, scaled
from primacy.registry import measure

BLOCKS = 7
"""Of the fit examples: the first is 1/64 of them, and every other doubles what was sent. The test
examples are one more."""

STEPS = 12
"""Newton steps of a probe; the loss is then as low as float32 shows (see `probes`)."""

REFERENCE = (
    "online code: Voita and Titov 2020, arXiv 2003.12298; prequential coding: Dawid 1984, "
    "Journal of the Royal Statistical Society A 147"
)


def ends(m: int) -> tuple[int, ...]:
    """How many fit examples were sent after each block."""
    return tuple(sorted({-(-m // 2**i) for i in range(BLOCKS)}))


def code_length(
    fit: Float[Array, "m r"],
    test: Float[Array, "n r"],
    fit_labels: Float[Array, "m k"],
    labels: Float[Array, "n k"],
) -> Float[Array, " k"]:
    """Bits for each example of the online code of each column of labels (0 or 1).

    The examples are sent in the order given, and the first block costs a bit for each label.
    """
    sent = ends(len(fit))
    x = jnp.concatenate([jnp.concatenate([fit, test]), jnp.ones((len(fit) + len(test), 1))], axis=1)
    signs = 2 * jnp.concatenate([fit_labels, labels]) - 1

    def one(sign: Float[Array, " a"]) -> Float[Array, ""]:
        nats = jnp.log(2.0) * sent[0]
        for start, stop in zip(sent, (*sent[1:], len(x)), strict=True):
            logits = x[start:stop] @ _weights(x[:start], sign[:start])
            nats = nats + jax.nn.softplus(-sign[start:stop] * logits).sum()
        return nats / jnp.log(2.0) / len(x)

    # One feature after the other, so that memory does not grow with their number.
    return jax.lax.map(one, signs.T)


def _weights(x: Float[Array, "a r"], sign: Float[Array, " a"]) -> Float[Array, " r"]:
    """Of the logistic regression with |w|^2 / 2, the intercept too: a block of one label is finite.

    Also the mode of the posterior under a standard normal prior.
    """
    r = x.shape[1]

    def cost(w: Float[Array, " r"], logits: Float[Array, " a"]) -> Float[Array, ""]:
        return jax.nn.softplus(-sign * logits).sum() + (w**2).sum() / 2

    def step(w: Float[Array, " r"], _: None) -> tuple[Float[Array, " r"], None]:
        logits = x @ w
        p = jax.nn.sigmoid(logits)
        slope = x.T @ (p - (sign + 1) / 2) + w
        bend = (x.T * (p * (1 - p))[None]) @ x + jnp.eye(r, dtype=x.dtype)
        way = -solve_positive(bend, slope)
        along = x @ way
        costs = jax.vmap(lambda t: cost(w + t * way, logits + t * along))(LENGTHS)
        return w + jnp.asarray(LENGTHS)[jnp.argmin(costs)] * way, None

    return jax.lax.scan(step, jnp.zeros(r, x.dtype), None, length=STEPS)[0]


def _of_layer(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    reps: Float[Array, "n h"],
    fit_labels: Float[Array, "m k"],
    labels: Float[Array, "n k"],
    two: Bool[Array, " k"],
) -> Float[Array, " k"]:
    order = by_inputs(fit_inputs)
    layer = scaled(fit_reps, reps)
    found = code_length(layer.fit[order], layer.test, fit_labels[order], labels)
    return jnp.where(two, found, jnp.nan)


@measure(
    axes=("feature",),
    by_default=False,
    unit="bits per example",
    direction="lower is read with less data or less doubt",
    range=(0.0, None),
    chance=1.0,
    formula="the labels of the fit examples in blocks (1/64 of them, then each as many as before) "
    "and of the test examples as the last; the first block costs 1 bit a label, the others "
    "sum -log2 p, p from a logistic regression on all blocks before (sum of losses + |w|^2 / 2, "
    "the layer centered and divided by the root of its mean unit variance); divided by the number "
    "of examples",
    invariance="rotation, shift and overall scale of the layer; which value of the feature is "
    "called 1",
    misleads="It depends on how many examples there are: a longer message pays less for learning "
    "the probe, so compare at the same sizes only. A feature whose values are not equally frequent "
    "costs less than a bit without any layer: compare with description_length_control. It tells "
    "what a linear probe can read, not what the network uses. A wide layer costs more than a "
    "narrow one that says the same.",
    reference=REFERENCE,
)
def description_length(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Bits that a feature's value costs for each example, to somebody who has the layer (MDL).

    Near 0: read without doubt after few examples. 1: the layer is of no help for a feature whose
    two values are equally frequent. Above 1: the probe is surer than it should be. Null: the
    feature does not have exactly two values, or the layer is constant or not finite.
    """
    own, fit_own = alone(features, codes), alone(fit_features, codes)
    labels, two = two_valued(fit_own, own)
    fit_labels, _ = two_valued(fit_own, fit_own)
    return _of_layer(fit_reps, fit_inputs, reps, fit_labels, labels, two)


@measure(
    axes=("feature",),
    by_default=False,
    unit="bits per example",
    direction="lower is a probe that memorizes more",
    range=(0.0, None),
    chance=1.0,
    formula="description_length of labels that are a hash of the input, 1 as often as the feature "
    "is",
    invariance="rotation, shift and overall scale of the layer; not the order of the inputs",
    misleads="Where inputs occur many times the probe can memorize their labels, and it falls; "
    "where none occurs twice it is what a feature of this rate costs without the layer, and what "
    "the probe pays for seeking in vain.",
    reference=f"control tasks: Hewitt, Liang 2019, arXiv 1909.03368; {REFERENCE}",
    control_of="description_length",
)
def description_length_control(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    inputs: Float[Array, "n d"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """The same bits for meaningless labels: one for each input, drawn by a hash.

    About 1 or more: nothing is read that is not there, and a description length below it is of the
    feature. Null: as description_length, or the control labels are all the same.
    """
    own, fit_own = alone(features, codes), alone(fit_features, codes)
    fit_known, _ = two_valued(fit_own, fit_own)
    rate = fit_known.mean(axis=0)
    fit_labels, labels = (control_labels(x, rate) for x in (fit_inputs, inputs))
    two = two_valued(fit_own, own)[1] & two_valued(fit_labels, labels)[1]
    return _of_layer(fit_reps, fit_inputs, reps, fit_labels, labels, two)
