"""What a linear probe reads from a layer: a small model trained on top, with its control.

The probe is fitted on the `fit_` examples and scored on the test examples, which are drawn apart,
so no fold is needed. Before the fit the layer is centered and divided by one number, the root of
its mean unit variance: a penalty on the probe's weights then means the same in every layer.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, plain, slices, some, summed
from primacy.measures.labels import control_codes, two_valued
from primacy.measures.linalg import qr, solve_positive
from primacy.measures.moments import centered, mean_gap, share, variance
from primacy.registry import measure

PENALTY = 1.0
"""Of half the squared weights, beside the sum of losses: scikit-learn's default, C = alpha = 1."""

STEPS = 12
"""Newton steps of a logistic probe; the loss is then as low as float32 shows."""

LENGTHS = np.array([1, 0.5, 0.25, 0.125, 0.03, 0.0], np.float32)
"""Of a Newton step, the one with the lowest loss is taken: so the loss never rises."""


class Scaled(NamedTuple):
    """A layer's deviations from its means in the fit, scaled; both sets in the same coordinates."""

    fit: Float[Array, "m r"]
    test: Float[Array, "n r"]


def scaled(fit_reps: Float[Array, "m h"], reps: Float[Array, "n h"]) -> Scaled:
    y, test_y = centered(fit_reps), centered(reps)
    spread = (y.deviations**2).mean()
    scale = jnp.sqrt(jnp.where(spread > 0, spread, jnp.nan))
    fit, test = y.deviations / scale, (test_y.deviations + mean_gap(test_y, y)) / scale
    m, h = fit.shape
    if h > m:
        # The penalized weights lie among the examples: their directions are all that matters.
        directions, _ = qr(fit.T)
        fit, test = fit @ directions, test @ directions
    return Scaled(fit, test)


def _importance(label: Float[Array, " m"]) -> Float[Array, " m"]:
    """Weights of the examples, mean 1, with which both classes weigh the same."""
    m, ones = label.size, label.sum()
    return m / 2 * jnp.where(label > 0, 1 / ones, 1 / (m - ones))


def _logistic(layer: Scaled, labels: Float[Array, "m k"]) -> Float[Array, "n k"]:
    """The logits, on test, of logistic regressions in which both classes weigh the same."""
    m, r = layer.fit.shape
    x = jnp.concatenate([layer.fit, jnp.ones((m, 1), layer.fit.dtype)], axis=1)
    penalty = jnp.full(r + 1, PENALTY, x.dtype).at[-1].set(0.0)  # none on the intercept

    def weights(label: Float[Array, " m"]) -> Float[Array, " r1"]:
        importance = _importance(label)

        def cost(w: Float[Array, " r1"], logits: Float[Array, " m"]) -> Float[Array, ""]:
            loss = jax.nn.softplus(jnp.where(label > 0, -logits, logits))
            return (importance * loss).sum() + (penalty * w**2).sum() / 2

        def step(w: Float[Array, " r1"], _: None) -> tuple[Float[Array, " r1"], None]:
            logits = x @ w
            p = jax.nn.sigmoid(logits)
            slope = x.T @ (importance * (p - label)) + penalty * w
            bend = (x.T * (importance * p * (1 - p))[None]) @ x + jnp.diag(penalty)
            way = -solve_positive(bend, slope)
            along = x @ way
            costs = jax.vmap(lambda t: cost(w + t * way, logits + t * along))(LENGTHS)
            return w + jnp.asarray(LENGTHS)[jnp.argmin(costs)] * way, None

        return jax.lax.scan(step, jnp.zeros(r + 1, x.dtype), None, length=STEPS)[0]

    # One feature after the other, so that memory does not grow with their number.
    w = jax.lax.map(weights, labels.T)
    return layer.test @ w[:, :-1].T + w[:, -1][None]


def _balanced(logits: Float[Array, "n k"], labels: Float[Array, "n k"]) -> Float[Array, " k"]:
    """Mean over the two classes of the share of their examples that are right."""
    right = ((logits > 0) == (labels > 0)).astype(logits.dtype)
    with_it = share((right * labels).sum(axis=0), labels.sum(axis=0))
    without = share((right * (1 - labels)).sum(axis=0), (1 - labels).sum(axis=0))
    return jnp.where(jnp.isfinite(logits).all(axis=0), (with_it + without) / 2, jnp.nan)


def _accuracy(
    layer: Scaled,
    fit_labels: Float[Array, "m c"],
    labels: Float[Array, "n c"],
    two: Bool[Array, " c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    logits = _logistic(layer, fit_labels)
    if codes is None or plain(codes):
        return jnp.where(two, _balanced(logits, labels), jnp.nan)
    found = []
    for own in slices(codes):
        # Of a class it reads the level whose own regression is surest.
        several = own.stop - own.start > 1
        value = _balanced_levels if several else lambda *of: _balanced(*of)[0]
        found.append(jnp.where(two[own].all(), value(logits[:, own], labels[:, own]), jnp.nan))
    return jnp.stack(found)


def _balanced_levels(logits: Float[Array, "n l"], labels: Float[Array, "n l"]) -> Float[Array, ""]:
    """Mean over the levels of the share of their examples that are right."""
    right = labels * (logits.argmax(1)[:, None] == jnp.arange(labels.shape[1])[None])
    each = share(right.sum(axis=0), labels.sum(axis=0))
    return jnp.where(jnp.isfinite(logits).all(), each.mean(), jnp.nan)


def _control(
    fit_inputs: Float[Array, "m d"],
    inputs: Float[Array, "n d"],
    fit_labels: Float[Array, "m c"],
    two: Bool[Array, " c"],
    codes: Widths | None = None,
) -> tuple[Float[Array, "m c"], Float[Array, "n c"], Bool[Array, " c"]]:
    """The control task: other labels at the features' rates, and where they have two values."""
    rate = fit_labels.mean(axis=0)
    fit_other, other = (control_codes(x, rate, codes) for x in (fit_inputs, inputs))
    return fit_other, other, two & two_valued(fit_other, other)[1]


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction correct, the mean of both classes",
    direction="higher is more readily decoded",
    range=(0.0, 1.0),
    chance=0.5,
    formula="balanced accuracy on the test examples of a logistic regression fitted on the fit "
    "examples: sum of losses (both classes weighted alike) + |w|^2 / 2, the layer centered and "
    "divided by the root of its mean unit variance",
    invariance="rotation, shift and overall scale of the layer; which value of the feature is "
    "called 1",
    misleads="It shows that a feature can be decoded, not that the network uses it, nor how large "
    "it is in the layer (see variance_explained): untrained wide layers, and the inputs "
    "themselves, let much be decoded. Compare with the same layer untrained, and with "
    "probe_control. Its cost grows with the square of the layer's width.",
    reference="Alain, Bengio 2017, arXiv 1610.01644; scikit-learn "
    "LogisticRegression(class_weight='balanced')",
)
def probe_accuracy(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How often a linear probe reads a feature with two values from a layer, held out.

    1: always. 0.5: chance, however rare one of the values is. Below 0.5: worse than chance. Null:
    the feature does not have exactly two values (see probe_r_squared), or the layer is constant or
    not finite.
    """
    fit_labels, _ = two_valued(fit_features, fit_features)
    labels, two = two_valued(fit_features, features)
    return _accuracy(scaled(fit_reps, reps), fit_labels, labels, two, codes)


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction correct, the mean of both classes",
    direction="higher is a probe that memorizes more",
    range=(0.0, 1.0),
    chance=0.5,
    formula="probe_accuracy for labels that are a hash of the input, 1 as often as the feature is",
    invariance="rotation, shift and overall scale of the layer; not the order of the inputs",
    misleads="Where no input occurs twice (many random inputs) the labels of held-out "
    "examples cannot be memorized, so it is near 0.5 whatever the layer: it then shows only that "
    "nothing leaks. Features of equal rate have the same control labels.",
    reference="control tasks: Hewitt, Liang 2019, arXiv 1909.03368",
)
def probe_control(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    inputs: Float[Array, "n d"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How often the same probe reads meaningless labels: one for each input, drawn by a hash.

    0.5: chance. 1: the layer tells inputs apart so well that the probe memorizes any labels of
    theirs, and its accuracy for a feature says little. Null: as probe_accuracy, or the control
    labels are all the same.
    """
    fit_labels, _ = two_valued(fit_features, fit_features)
    two = two_valued(fit_features, features)[1]
    control = _control(fit_inputs, inputs, fit_labels, two, codes)
    return _accuracy(scaled(fit_reps, reps), *control, codes)


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction correct, the mean of both classes",
    direction="higher is decoded by its meaning, not memorized",
    range=(-1.0, 1.0),
    chance=0.0,
    formula="probe_accuracy - probe_control",
    invariance="rotation, shift and overall scale of the layer; not the order of the inputs",
    misleads="Where no input occurs twice the control is near 0.5, and this is the accuracy less "
    "0.5. It cannot exceed 0.5 but by the control's own chance.",
    reference="selectivity: Hewitt, Liang 2019, arXiv 1909.03368",
    at_chance=0.0,
)
def probe_selectivity(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    inputs: Float[Array, "n d"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How much better a linear probe reads a feature than it reads meaningless labels.

    0.5: the feature is read without error and the control is at chance. 0: the feature is read no
    better than any labels of the same inputs. Null: as probe_control.
    """
    fit_labels, _ = two_valued(fit_features, fit_features)
    labels, two = two_valued(fit_features, features)
    layer = scaled(fit_reps, reps)
    fit_other, other, both = _control(fit_inputs, inputs, fit_labels, two, codes)
    own = _accuracy(layer, fit_labels, labels, two, codes)
    return own - _accuracy(layer, fit_other, other, both, codes)


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction of variance",
    direction="higher is more readily decoded",
    range=(None, 1.0),
    chance=0.0,
    formula="R^2 on the test examples of a ridge regression of the feature on the layer, fitted on "
    "the fit examples: sum of squared errors + |w|^2, the layer centered and divided by the root "
    "of its mean unit variance",
    invariance="rotation, shift and overall scale of the layer; shift and scale of the feature",
    misleads="The other way round from variance_explained: the feature is predicted from the "
    "layer, so a feature that is faint in the layer but undisturbed has 1. It shows that a feature "
    "can be decoded, not that the network uses it. With nearly as many units as fit examples it "
    "overfits and falls, even below 0.",
    reference="Alain, Bengio 2017, arXiv 1610.01644; scikit-learn Ridge(alpha=1)",
    at_chance=0.0,
)
def probe_r_squared(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Share of a feature's variance that a linear probe predicts from a layer, held out.

    1: the feature is a linear function of the layer. 0: as good as the feature's mean. Below 0:
    worse than the mean. Null: the feature is constant or is a group of columns, or the layer is
    constant or not finite.
    """
    layer = scaled(fit_reps, reps)
    x, test_x = centered(fit_features), centered(features)
    gram = layer.fit.T @ layer.fit + PENALTY * jnp.eye(layer.fit.shape[1], dtype=reps.dtype)
    w = solve_positive(gram, layer.fit.T @ x.deviations)
    error = test_x.deviations + mean_gap(test_x, x) - layer.test @ w
    known = variance(fit_features) > 0
    missed, whole = (error**2).mean(axis=0), variance(features)
    explained = 1 - share(summed(missed, codes), summed(whole, codes))
    return jnp.where(some(known, codes), explained, jnp.nan)
