"""What the network has learned: how well its outputs match the targets."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, answers, finite, plain
from primacy.measures.moments import share, variance
from primacy.registry import measure


@measure(
    axes=("target",),
    splits=("train", "test"),
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction correct",
    direction="higher is better learned",
    range=(0.0, 1.0),
    chance=0.5,
    formula="mean over examples of [(output > 0) = (target is 1)]; of a class, of [its output is "
    "the largest]",
    invariance="any rescaling of the output that keeps its sign",
    misleads="Where labels are unbalanced, a constant guess scores the share of the larger class: "
    "compare with the target's own chance level. It is flat while the output's sign stays, so "
    "learning can go on unseen.",
    reference="",
)
def accuracy(
    outputs: Float[Array, "n o"], targets: Float[Array, "n t"], heads: Widths | None = None
) -> Float[Array, " t"]:
    """Share of examples on which the network's answer is the target.

    The answer is the output's sign, or the class of the largest output. 1: every example is right.
    0.5: chance, for two balanced labels; of a class chance is the share of its most frequent value.
    0: every example is wrong. Null: an output is not a finite number; a diverged network must not
    score as one that guesses.
    """
    if heads is None or plain(heads):
        right = ((outputs > 0) == (targets > 0.5)).mean(axis=0)
        return jnp.where(jnp.isfinite(outputs).all(axis=0), right, jnp.nan)
    wanted = jnp.where(np.array(heads)[None] > 1, targets, targets > 0.5)
    right = (answers(outputs, heads) == wanted).mean(axis=0)
    return jnp.where(finite(outputs, heads), right, jnp.nan)


@measure(
    axes=("target",),
    splits=("train", "test"),
    by_default=False,
    losses=("sigmoid_cross_entropy",),
    unit="share of pairs",
    direction="higher is better learned",
    range=(0.0, 1.0),
    chance=0.5,
    formula="share of pairs of an example of target 1 and one of target 0 in which the first has "
    "the larger output; equal outputs count half",
    invariance="any rescaling of the output that keeps its order; the share of examples of target "
    "1",
    misleads="It knows nothing of the threshold: an output that is always positive may have 1 and "
    "be right half the time. Where one target is rare, many false alarms hide behind a high value.",
    reference="area under the receiver operating characteristic: Hanley and McNeil 1982, "
    "Radiology 143",
)
def auc(outputs: Float[Array, "n t"], targets: Float[Array, "n t"]) -> Float[Array, " t"]:
    """Area under the ROC curve: how well the output ranks examples of target 1 above those of 0.

    1: all of them above all. 0.5: chance. 0: all of them below all. Null: one of the two targets
    does not occur, or an output is not a finite number.
    """

    def one(output: Float[Array, " n"], target: Float[Array, " n"]) -> Float[Array, ""]:
        positive = target > 0.5
        n, ones = len(output), positive.sum()
        ordered = jnp.sort(output)
        # Mean rank of equal outputs, from the examples below and those not above; as a share of n,
        # which single precision holds for sums of many.
        below, upto = (jnp.searchsorted(ordered, output, side) for side in ("left", "right"))
        rank = (below + upto + 1) / (2 * n)
        mean = jnp.where(positive, rank, 0).sum() / ones
        found = jnp.clip((n * mean - (ones + 1) / 2) / (n - ones), 0, 1)  # rounding leads beyond
        return jnp.where(jnp.isfinite(output).all() & (ones > 0) & (ones < n), found, jnp.nan)

    return jax.vmap(one, in_axes=1)(outputs, targets)


@measure(
    axes=("target",),
    splits=("train", "test"),
    unit="the loss's own: nats (sigmoid cross-entropy) or squared target units (squared error)",
    direction="lower is better learned",
    range=(0.0, None),
    chance=None,
    formula="mean over examples of the loss that was trained on, one target at a time",
    invariance="none: it scales with the targets (squared error) and with confidence "
    "(cross-entropy)",
    misleads="Cross-entropy falls by confidence alone while accuracy stands still, and rises "
    "steeply for a few confident errors. Values of two different losses do not compare.",
    reference="",
)
def loss(
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    loss: Callable[[Float[Array, "n o"], Float[Array, "n t"]], Float[Array, "n t"]],
) -> Float[Array, " t"]:
    """Mean loss of each target: what training lowers.

    0: perfect. An undecided output (logit 0) has cross-entropy ln 2 = 0.693; the best constant has
    a squared error of the target's variance. Null: an output is not a finite number, or the loss
    overflows.
    """
    return loss(outputs, targets).mean(axis=0)


@measure(
    axes=("target",),
    splits=("train", "test"),
    losses=("squared_error",),
    unit="fraction of variance",
    direction="higher is better learned",
    range=(None, 1.0),
    chance=0.0,
    formula="1 - mean (output - target)^2 / Var target",
    invariance="shift and scale of target and output together",
    misleads="The variance is that of the examples scored, so two splits with different spread do "
    "not compare. A perfect output that is only shifted or scaled scores low, even below 0.",
    reference="",
)
def r_squared(outputs: Float[Array, "n t"], targets: Float[Array, "n t"]) -> Float[Array, " t"]:
    """Share of a numeric target's variance that the output predicts.

    1: exact. 0: as good as the target's mean. Below 0: worse than the mean. Null: the target is
    constant, or an output is not a finite number.
    """
    return 1 - share(((outputs - targets) ** 2).mean(axis=0), variance(targets))
