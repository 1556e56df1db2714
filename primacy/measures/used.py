"""What the network uses: how far its outputs move when a feature is changed in the input.

A site is a set of input columns: those of a declared feature, or as many matched columns that carry
nothing (the control: how far an input moves the outputs that no target depends on). Slopes of the
outputs are in `gradients`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, pooled
from primacy.measures.learned import accuracy, auc, r_squared
from primacy.measures.moments import centered, share, variance
from primacy.registry import measure

Apply = Callable[[Float[Array, "n d"]], Float[Array, "n o"]]


def with_columns(columns: Bool[Array, "p d"], value: Float[Array, "p t"]) -> Float[Array, "p t"]:
    """The value, NaN for a site without a column: nothing was changed, so nothing is known."""
    return jnp.where(columns.any(axis=1, keepdims=True), value, jnp.nan)


def held_at(
    value: Float[Array, "1 d"],
    forward: Apply,
    inputs: Float[Array, "n d"],
    columns: Bool[Array, "p d"],
    effect: Callable[[Float[Array, "n o"]], Float[Array, " t"]],
) -> Float[Array, "p t"]:
    """An effect of the outputs with a site's columns held at a value, a site after the other."""

    def of_site(site: Bool[Array, " d"]) -> Float[Array, " t"]:
        return effect(forward(jnp.where(site[None], value, inputs)))

    return with_columns(columns, jax.lax.map(of_site, columns))


@measure(
    axes=("site", "target"),
    unit="fraction of variance",
    direction="higher is used more",
    range=(0.0, None),
    chance=0.0,
    formula="mean (output with the site's columns interchanged - output)^2 / (2 Var output)",
    invariance="shift and scale of the output; any one-to-one recoding of the site's columns that "
    "the network undoes",
    misleads="Interchanging breaks the link with the other inputs, so where features are "
    "correlated the network is asked about inputs that never occur. Of two copies each gets only "
    "its own part: two halves of a sum score .25 each. Values of several sites add up to 1 only "
    "for an additive network; both inputs of an XOR score 1. It says what moves the output, not "
    "whether that helps: see reliance_loss.",
    reference="permutation importance: Breiman 2001, Machine Learning 45; interchange "
    "interventions: Geiger et al. 2021, arXiv 2106.02997",
    family="reliance",
    label="another example",
)
def reliance(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How far an output moves when a feature's columns are interchanged among examples.

    0: the columns are ignored. 1: the output depends on nothing else (or on them in every
    combination, as XOR does). Above 1: the interchanged inputs move it more than the real ones do.
    Null: the output is constant or not finite, or the site has no columns.
    """
    moved = swapped - outputs[None]
    whole = pooled(2 * variance(outputs)[None], heads)
    return share(pooled((moved**2).mean(axis=1), heads), whole)


@measure(
    axes=("site", "target"),
    unit="the loss's own",
    direction="higher is used to more benefit",
    range=(None, None),
    chance=0.0,
    formula="mean loss with the site's columns interchanged - mean loss",
    invariance="none: it scales as the loss does",
    misleads="A confident network pays more for the same mistake, so it grows during training "
    "without any change in what is used. As with reliance, copies share the credit and correlated "
    "features lead off the data. Resample-ablation is this very number: more donors an example "
    "would estimate the same mean, with less noise.",
    reference="permutation importance: Breiman 2001, Machine Learning 45; as resample-ablation: "
    "Chan et al. 2022, causal scrubbing",
)
def reliance_loss(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    loss: Callable[[Float[Array, "n o"], Float[Array, "n t"]], Float[Array, "n t"]],
) -> Float[Array, "p t"]:
    """How much the loss rises when a feature's columns are interchanged among examples.

    0: the columns do not matter for this target. Below 0: the network does better without them, as
    with a feature that overfits. Null: a loss is not finite, or the site has no columns.
    """
    now = jax.vmap(lambda changed: loss(changed, targets))(swapped)
    return (now - loss(outputs, targets)[None]).mean(axis=1)


@measure(
    axes=("site", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction correct",
    direction="higher is used to more benefit",
    range=(-1.0, 1.0),
    chance=0.0,
    formula="accuracy - accuracy with the site's columns interchanged",
    invariance="any rescaling of the output that keeps its sign",
    misleads="It moves in steps of one example, so on a small test set a weakly used feature "
    "cannot be told from an unused one. Copies share the credit: of two copies each may be spared "
    "without a single error, and both have 0. Interchanging leads off the data where features "
    "correlate.",
    reference="permutation importance: Breiman 2001, Machine Learning 45",
)
def reliance_accuracy(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How much accuracy is lost when a feature's columns are interchanged among examples.

    0: no answer depends on it; so it is in an untrained network, whose reliance is not 0. 0.5: a
    network that was always right is left guessing between two equally frequent labels. Below 0:
    it is right more often without them. Null: an output is not finite, or the site has no columns.
    """
    now = jax.vmap(lambda changed: accuracy(changed, targets, heads))(swapped)
    return accuracy(outputs, targets, heads)[None] - now


@measure(
    axes=("site", "target"),
    by_default=False,
    losses=("squared_error",),
    unit="fraction of variance",
    direction="higher is used to more benefit",
    range=(None, None),
    chance=0.0,
    formula="R^2 - R^2 with the site's columns interchanged",
    invariance="shift and scale of the target, if the network follows",
    misleads="As with reliance, copies share the credit and correlated features lead off the data; "
    "values of several sites need not add up to R^2.",
    reference="permutation importance: Breiman 2001, Machine Learning 45",
)
def reliance_r_squared(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
) -> Float[Array, "p t"]:
    """How much R^2 is lost when a feature's columns are interchanged among examples.

    0: the columns do not matter for this target. 2: a perfect network that depends on nothing else
    (its error is then twice the variance). Below 0: it does better without them. Null: the target
    is constant, an output is not finite, or the site has no columns.
    """
    now = jax.vmap(lambda changed: r_squared(changed, targets))(swapped)
    return r_squared(outputs, targets)[None] - now


@measure(
    axes=("site", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy",),
    unit="share of pairs",
    direction="lower is used to more benefit",
    range=(0.0, 1.0),
    chance=0.5,
    formula="auc with the site's columns interchanged",
    invariance="any rescaling of the output that keeps its order",
    misleads="0.5 says that the ranking needs these columns, not that it needs no others: both "
    "inputs of an XOR have it. That it equals auc says that they can be spared, not that they are "
    "unused: of two copies each may be. Interchanging leads off the data where features correlate.",
    reference="S-randomized AUC: Shah et al. 2020, arXiv 2006.07710",
)
def randomized_auc(
    swapped: Float[Array, "p n o"],
    targets: Float[Array, "n t"],
) -> Float[Array, "p t"]:
    """The area under the ROC curve when a feature's columns are interchanged among examples.

    0.5: without them the output ranks by chance. As large as `auc`: they can be spared. Columns of
    one site are interchanged together, so a group says what all of its columns are needed for.
    Null: one of the two targets does not occur, an output is not finite, or the site has no
    columns.
    """
    return jax.lax.map(lambda changed: auc(changed, targets), swapped)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="the loss's own",
    direction="higher is used to more benefit",
    range=(None, None),
    chance=0.0,
    formula="mean loss with the site's columns at their means over the test examples - mean loss",
    invariance="none: it scales as the loss does",
    misleads="The mean may be an input that never occurs (0.5 for a bit), and there the network "
    "answers whatever it likes. A perfect linear network loses w^2 Var of a column, half of what "
    "interchanging it costs; and a network that knows the column to be missing would lose less. "
    "Copies share the credit: mean-ablating one of two equal halves costs a quarter.",
    reference="mean-ablation: Wang et al. 2022, arXiv 2211.00593",
)
def ablation(
    forward: Apply,
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    columns: Bool[Array, "p d"],
    loss: Callable[[Float[Array, "n o"], Float[Array, "n t"]], Float[Array, "n t"]],
) -> Float[Array, "p t"]:
    """How much the loss rises when a feature's columns are held at their means.

    0: how the columns vary does not matter for this target. Below 0: the network does better
    without their variation. Null: a loss is not finite, or the site has no columns.
    """

    def rise(held: Float[Array, "n o"]) -> Float[Array, " t"]:
        return (loss(held, targets) - loss(outputs, targets)).mean(axis=0)

    return held_at(centered(inputs).mean, forward, inputs, columns, rise)
