"""What the network uses of a hidden layer: what changes when an example gets another's feature.

A feature's component of the layer (see `directions`) is taken from each example's donor; all else
that the layer holds stays, and the rest of the network goes on from there. This is interchange
intervention on a subspace that is found in closed form, where distributed alignment search trains
it; taken without a counterfactual it is resample-ablation of the subspace.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from primacy.measures.classes import Widths, pooled
from primacy.measures.directions import Directions, Onward, mean_of_draws, moved, of_chance
from primacy.measures.directions import of_features as directions_of
from primacy.measures.learned import accuracy
from primacy.measures.moments import share, variance
from primacy.registry import measure

GEIGER = (
    "interchange interventions: Geiger et al. 2021, arXiv 2106.02997; on subspaces: Geiger "
    "et al. 2023, arXiv 2303.02536"
)
INVARIANCE = (
    "rotation, shift and overall scale of the layer, if the network undoes them; shift "
    "and scale of the feature"
)


def _interchanged(
    onward: Onward, reps: Float[Array, "n h"], donors: Int[Array, " n"], directions: Directions
) -> Float[Array, "k n o"]:
    """The outputs when, a feature at a time, each example has as much of it as its donor."""
    own = directions.coordinates(reps)
    return moved(onward, reps, own[donors] - own, directions.move)


def _reliance(
    onward: Onward,
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    donors: Int[Array, " n"],
    heads: Widths | None,
    directions: Directions,
) -> Float[Array, "k t"]:
    change = _interchanged(onward, reps, donors, directions) - outputs[None]
    whole = pooled(2 * variance(outputs)[None], heads)
    return share(pooled((change**2).mean(axis=1), heads), whole)


def _as_exchanged(
    onward: Onward,
    reps: Float[Array, "n h"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    own_targets: Int[Array, " k"],
    heads: Widths | None,
    directions: Directions,
) -> Float[Array, "k t"]:
    def right(changed: Float[Array, "n o"], own: Int[Array, ""]) -> Float[Array, " t"]:
        mine = (jnp.arange(targets.shape[1]) == own)[None]
        found = accuracy(changed, jnp.where(mine, targets[donors], targets), heads)
        return jnp.where(own >= 0, found, jnp.nan)

    return jax.vmap(right)(_interchanged(onward, reps, donors, directions), own_targets)


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="fraction of variance",
    direction="higher is used more",
    range=(0.0, None),
    chance=None,
    formula="mean (output with the layer's coordinate on the feature taken from the donor - "
    "output)^2 / (2 Var output)",
    invariance=f"shift and scale of the output; {INVARIANCE}",
    misleads="What the layer holds of the feature only through several units together (an XOR of "
    "units) is not in the direction and stays. Features that correlate are moved as far as they "
    "do. Values of several features need not add up. Compare with subspace_reliance_null: in a "
    "layer of few directions each moves the output.",
    reference=GEIGER,
)
def subspace_reliance(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    donors: Int[Array, " n"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How far an output moves when a hidden layer's feature is interchanged among examples.

    The counterpart of reliance inside the network. 0: what the layer tells linearly of the feature
    does not reach this output, or it tells nothing. 1: the output depends on nothing else. Null:
    the output is constant or not finite, or the feature is constant or is a group of columns.
    """
    directions = directions_of(fit_reps, fit_features, codes)
    return _reliance(onward, reps, outputs, donors, heads, directions)


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="fraction of variance",
    direction="higher is an output that depends more on any one direction",
    range=(0.0, None),
    chance=None,
    formula="mean of subspace_reliance over 4 random directions that hold as much of the layer's "
    "variance as the feature's",
    invariance="shift and scale of the output; shift and overall scale of the layer, if the "
    "network undoes them",
    misleads="In a layer of few directions a random one is partly the feature's own, and where one "
    "direction holds nearly all variance the match is that direction itself.",
    reference=GEIGER,
    control_of="subspace_reliance",
)
def subspace_reliance_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    donors: Int[Array, " n"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How far an output moves when random directions like a feature's are interchanged.

    The matched control of subspace_reliance: one dimension, as much variance. 0: such a direction
    does not reach this output, or the layer holds nothing of the feature. Null: as for
    subspace_reliance.
    """
    value = functools.partial(_reliance, onward, reps, outputs, donors, heads)
    return mean_of_draws(value, of_chance(fit_reps, fit_features, codes))


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction as it should be",
    direction="higher is a network that computes its targets from the feature's direction, and "
    "each from its own",
    range=(0.0, 1.0),
    chance=None,
    formula="share of examples where, with the layer's coordinate on the feature taken from the "
    "donor, the feature's own target comes out as the donor's and every other as before",
    invariance=INVARIANCE,
    misleads="A feature that is not used leaves its own target as it was: that agrees with the "
    "donor's label by chance (0.5 if labels are balanced), and all other targets are right. A "
    "network that is wrong to begin with cannot be right here: read it beside accuracy. What the "
    "layer holds nonlinearly is not in the direction.",
    reference=f"interchange intervention accuracy; {GEIGER}",
)
def interchange_accuracy(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    own_targets: Int[Array, " k"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How often the outputs are what they should be when an example gets its donor's feature.

    On the feature's own target, 1: the network computes it from this direction of the layer; 0.5:
    from elsewhere, if labels are balanced. On another target, 1: the direction carries nothing
    of it (specificity). Null: no target is fully determined by the feature, so nobody knows what
    should come out; the feature is constant or is a group of columns; an output is not finite.
    """
    directions = directions_of(fit_reps, fit_features, codes)
    return _as_exchanged(onward, reps, targets, donors, own_targets, heads, directions)


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction as it should be",
    direction="higher on the feature's own target is a layer in which any direction carries it",
    range=(0.0, 1.0),
    chance=None,
    formula="mean of interchange_accuracy over 4 random directions that hold as much of the "
    "layer's variance as the feature's",
    invariance="shift and overall scale of the layer, if the network undoes them",
    misleads="In a layer of few directions a random one is partly the feature's own, and where one "
    "direction holds nearly all variance the match is that direction itself.",
    reference=GEIGER,
    control_of="interchange_accuracy",
)
def interchange_accuracy_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    own_targets: Int[Array, " k"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How often the outputs are so when random directions like the feature's are interchanged.

    The matched control of interchange_accuracy: one dimension, as much variance. 0.5 on the
    feature's own target: such a direction does not carry it, if labels are balanced. Null: as for
    interchange_accuracy.
    """
    value = functools.partial(_as_exchanged, onward, reps, targets, donors, own_targets, heads)
    return mean_of_draws(value, of_chance(fit_reps, fit_features, codes))
