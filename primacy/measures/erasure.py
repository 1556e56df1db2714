"""What the network uses of a hidden layer: what is lost when the layer no longer tells a feature.

The feature is erased from the layer for every linear reader (see `directions`), and the rest of the
network goes on from there. The null values are those of random directions, matched to the
feature's: what it costs to lose any one direction like it.
"""

import functools
from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from primacy.measures.classes import Widths
from primacy.measures.directions import Directions, Onward, mean_of_draws, moved, of_chance
from primacy.measures.directions import of_features as directions_of
from primacy.measures.learned import accuracy
from primacy.registry import measure

Loss = Callable[[Float[Array, "n o"], Float[Array, "n t"]], Float[Array, "n t"]]

LEACE = "LEACE: Belrose et al. 2023, arXiv 2306.03819"
AMNESIC = "amnesic probing and its random control: Elazar et al. 2021, arXiv 2006.00995"
INVARIANCE = (
    "rotation, shift and overall scale of the layer, if the network undoes them; shift "
    "and scale of the feature"
)


def _erased(
    onward: Onward, reps: Float[Array, "n h"], directions: Directions
) -> Float[Array, "k n o"]:
    """The outputs when, a feature at a time, every example has the mean of it."""
    return moved(onward, reps, -directions.coordinates(reps), directions.move)


def _rise(
    onward: Onward,
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    loss: Loss,
    directions: Directions,
) -> Float[Array, "k t"]:
    now = jax.vmap(lambda changed: loss(changed, targets))(_erased(onward, reps, directions))
    return (now - loss(outputs, targets)[None]).mean(axis=1)


def _lost(
    onward: Onward,
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    heads: Widths | None,
    directions: Directions,
) -> Float[Array, "k t"]:
    changed = _erased(onward, reps, directions)
    now = jax.vmap(lambda one: accuracy(one, targets, heads))(changed)
    # What cannot be erased (a constant, a group of columns) has no number at all.
    return accuracy(outputs, targets, heads)[None] - now


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="the loss's own",
    direction="higher is used to more benefit",
    range=(None, None),
    chance=None,
    formula="mean loss with h - move (h - mean) @ read in place of h - mean loss; move = "
    "Cov(h, f) / Var f, read = C^+ move / (move @ C^+ move), C the layer's covariance in the fit",
    invariance=INVARIANCE,
    misleads="Only what the layer tells linearly is erased: a network that reads the feature "
    "through the next layer's nonlinearity may go on using it (the XOR of two units is untouched). "
    "What correlates with the feature is erased as far as it does, so compare the feature's own "
    "target with the others, and with erasure_loss_null. A value near the null's says that losing "
    "any such direction costs as much. It leads off the data, and it needs several times more fit "
    "examples than units.",
    reference=f"{LEACE}; {AMNESIC}",
)
def erasure_loss(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    onward: Onward,
    loss: Loss,
    codes: Widths | None = None,
) -> Float[Array, "k t"]:
    """How much the loss rises when a feature is erased from a hidden layer.

    Each example keeps all but the feature's component, which is held at its mean: a mean-ablation
    of the feature's subspace. 0: what the layer tells linearly of the feature does not matter for
    this target, or it tells nothing. Below 0: the network does better without. Null: the feature is
    constant or is a group of columns, or a loss or the layer is not finite.
    """
    return _rise(onward, reps, outputs, targets, loss, directions_of(fit_reps, fit_features, codes))


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="the loss's own",
    direction="higher is a layer that suffers more from losing any one direction",
    range=(None, None),
    chance=None,
    formula="mean of erasure_loss over 4 random directions that hold as much of the layer's "
    "variance as the feature's",
    invariance="shift and overall scale of the layer, if the network undoes them; shift and scale "
    "of the feature",
    misleads="In a layer of few directions a random one is partly the feature's own, and where one "
    "direction holds nearly all variance the match is that direction itself: then no control "
    "exists, and the two values agree. The mean of 4 draws from a fixed seed still scatters.",
    reference=AMNESIC,
    control_of="erasure_loss",
)
def erasure_loss_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    onward: Onward,
    loss: Loss,
    codes: Widths | None = None,
) -> Float[Array, "k t"]:
    """How much the loss rises when random directions like a feature's are erased from a layer.

    The matched control of erasure_loss: one dimension, as much variance. 0: such a direction does
    not matter, or the layer holds nothing of the feature, so that there is nothing to match. Null:
    as for erasure_loss.
    """
    value = functools.partial(_rise, onward, reps, outputs, targets, loss)
    return mean_of_draws(value, of_chance(fit_reps, fit_features, codes))


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction correct",
    direction="higher is used to more benefit",
    range=(-1.0, 1.0),
    chance=None,
    formula="accuracy - accuracy with the feature erased from the layer as in erasure_loss",
    invariance=INVARIANCE,
    misleads="As erasure_loss; and it moves in steps of one example, and only where an answer "
    "changes: a network that has lost half its evidence may still be right everywhere.",
    reference=f"{LEACE}; {AMNESIC}",
)
def erasure_accuracy(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How much accuracy is lost when a feature is erased from a hidden layer.

    0: no answer depends on what the layer tells linearly of the feature, or it tells nothing. 0.5:
    a network that was always right is left guessing between two equally frequent labels. Below 0:
    it is right more often without. Null: as for erasure_loss.
    """
    return _lost(
        onward, reps, outputs, targets, heads, directions_of(fit_reps, fit_features, codes)
    )


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction correct",
    direction="higher is a layer that suffers more from losing any one direction",
    range=(-1.0, 1.0),
    chance=None,
    formula="mean of erasure_accuracy over 4 random directions that hold as much of the layer's "
    "variance as the feature's",
    invariance="shift and overall scale of the layer, if the network undoes them; shift and scale "
    "of the feature",
    misleads="As erasure_loss_null.",
    reference=AMNESIC,
    control_of="erasure_accuracy",
)
def erasure_accuracy_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How much accuracy is lost when random directions like a feature's are erased from a layer.

    The matched control of erasure_accuracy: one dimension, as much variance. 0: no answer depends
    on such a direction, or the layer holds nothing of the feature. Null: as for erasure_loss.
    """
    value = functools.partial(_lost, onward, reps, outputs, targets, heads)
    return mean_of_draws(value, of_chance(fit_reps, fit_features, codes))
