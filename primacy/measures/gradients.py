"""What the network uses, seen in the slopes of its outputs along its inputs.

A site is a set of input columns, as in `used`. Slopes are taken at the examples themselves unless a
name says `off_data`: between the examples nothing was trained, so slopes there answer for inputs
that never occur. The measures that ask the network for more than its slopes on the data are
computed only where a study names them.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, pooled
from primacy.measures.moments import centered, share, variance
from primacy.measures.used import Apply, with_columns
from primacy.registry import measure

STEPS = 16
"""Points on the path of integrated gradients. Where the slope jumps between two of them, one
example's attribution is off by at most half a step's share of the jump."""

NEAR = 0.05
"""How far from 1 a slope may be and still count as 1."""


def slopes_of(forward: Apply, inputs: Float[Array, "n d"]) -> Float[Array, "o n d"]:
    """d output / d input of every example, a target at a time (examples do not interact)."""
    outputs, pull = jax.vjp(forward, inputs)
    t = outputs.shape[1]
    each = jnp.broadcast_to(jnp.eye(t, dtype=outputs.dtype)[:, None], (t, *outputs.shape))
    return jax.vmap(lambda one: pull(one)[0])(each)


@measure(
    axes=("site", "target"),
    unit="output per input unit",
    direction="higher is more sensitive",
    range=(0.0, None),
    chance=0.0,
    formula="sqrt(sum over the site's columns of (mean over examples of |d output / d column|)^2)",
    invariance="shift of input and output; scales with the output and against the input",
    misleads="It is taken at the examples themselves and sees only the neighborhood of each: a "
    "saturated unit has slope 0 and may still decide the output, and at 0/1 inputs the slope says "
    "little of what a whole flip does. Columns of different scale do not compare.",
    reference="Simonyan et al. 2013, arXiv 1312.6034",
)
def input_gradient(
    slopes: Float[Array, "o n d"], columns: Bool[Array, "p d"], heads: Widths | None = None
) -> Float[Array, "p t"]:
    """Size of the output's slope along a feature's columns, on the data.

    0: no example's output changes with a small change of these columns. For a linear network it is
    the length of the columns' weights. Null: a slope is not finite, or the site has no columns.
    """
    size = jnp.abs(slopes).mean(axis=1)
    chosen = columns.astype(size.dtype)
    return with_columns(columns, jnp.sqrt(pooled(chosen @ (size**2).T, heads)))


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="output per input unit",
    direction="away from 0 is used more; the sign is that of the effect",
    range=(None, None),
    chance=0.0,
    formula="mean over examples of d output / d column (sites of one column)",
    invariance="shift of input and output; scales with the output and against the input",
    misleads="Slopes of opposite sign on different examples cancel: a feature used through an XOR "
    "can have 0 here. See input_gradient beside it.",
    reference="Simonyan et al. 2013, arXiv 1312.6034",
)
def input_gradient_signed(
    slopes: Float[Array, "o n d"], columns: Bool[Array, "p d"], heads: Widths | None = None
) -> Float[Array, "p t"]:
    """Mean slope of the output along a feature's one column, on the data.

    For a linear network it is the weight. 0: no effect, or effects that cancel. Null: the site has
    several columns or none (no single direction to take the sign along), or a slope is not finite.
    """
    slope = slopes.mean(axis=1)
    one = columns.sum(axis=1, keepdims=True) == 1
    signed = pooled(columns.astype(slope.dtype) @ slope.T, heads)
    # A class has as many slopes as values, of which no one has the sign.
    alone = np.ones(signed.shape[1], bool) if heads is None else np.array(heads) == 1
    return jnp.where(one & alone[None], signed, jnp.nan)


def off_data(inputs: Float[Array, "n d"], donors: Int[Array, " n"]) -> Float[Array, "n d"]:
    """The inputs with every column permuted on its own: each keeps its values, no link is kept.

    Column c is taken from the donor's donor's ... donor, c + 1 times over. So all columns come from
    different examples (but where the chain of donors closes), nothing random is needed beyond the
    donors, and the order of the examples does not matter.
    """

    def take(
        rows: Int[Array, " n"], column: Float[Array, " n"]
    ) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
        return donors[rows], column[rows]

    return jax.lax.scan(take, donors, inputs.T)[1].T


@measure(
    evidence="attributed",
    axes=("site", "target"),
    by_default=False,
    unit="output per input unit",
    direction="higher is more sensitive",
    range=(0.0, None),
    chance=0.0,
    formula="input_gradient, at inputs whose columns are permuted independently of each other "
    "among the test examples",
    invariance="shift of input and output; scales with the output and against the input",
    misleads="OFF THE DATA: where columns depend on each other, most of these inputs never occur, "
    "and no training told the network what to do there. Slopes at random inputs therefore need not "
    "add up to anything even in a perfect network. Read it against input_gradient: a difference "
    "says that the network uses its inputs otherwise where it was trained. Where the columns are "
    "independent the two agree but for sampling.",
    reference="Simonyan et al. 2013, arXiv 1312.6034; off-data explanations: Hooker, Mentch and "
    "Zhou 2021, arXiv 1905.03151",
)
def input_gradient_off_data(
    forward: Apply,
    inputs: Float[Array, "n d"],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """Size of the output's slope along a feature's columns, off the data.

    0: at none of these inputs does the output change with a small change of the columns. For a
    linear network it is the length of the columns' weights, as on the data. Null: a slope is not
    finite, or the site has no columns.
    """
    return input_gradient(slopes_of(forward, off_data(inputs, donors)), columns, heads)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="fraction of the output's variance",
    direction="away from 0 is used more; below 0 it works against the rest",
    range=(None, None),
    chance=0.0,
    formula="mean over examples of [sum over the site's columns of (d output / d column) (column - "
    "its mean)] (output - its mean) / Var output",
    invariance="shift and scale of the output and of every input column",
    misleads="The values over a partition of the columns add up to 1 for a linear network, and for "
    "any that is linear from the mean input to each example; in general they add up to more or "
    "less (k for a homogeneous polynomial of degree k about the mean: both inputs of a product "
    "score 1), since the slope at an example need not hold all the way: integrated_gradients adds "
    "up to 1 for every network. Where features correlate, the credit includes what a feature "
    "shares with the others, and may be below 0 or above 1.",
    reference="gradient x input: Shrikumar et al. 2016, arXiv 1605.01713; for a linear network the "
    "product measure of Pratt 1987, Proc. 2nd Tampere Conference in Statistics",
)
def directional_derivative(
    slopes: Float[Array, "o n d"],
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """Share of the output's variance that its slopes along the data ascribe to a feature.

    Each example's slope is followed from the mean input to the example; what this gives for the
    site's columns is regressed on the output. For a linear network it is the weights times
    Cov(column, output) / Var output, so the values of features that together hold every column once
    add up to exactly 1. 0: no slope along these columns goes along with the output. 1: they alone
    account for it. Null: the output is constant or not finite, or the site has no columns.
    """
    along = slopes * centered(inputs).deviations[None]
    part = pooled(_going_with(along, centered(outputs).deviations, columns), heads)
    return with_columns(columns, share(part, pooled(variance(outputs)[None], heads)))


def _going_with(
    attributed: Float[Array, "o n d"], outputs: Float[Array, "n o"], columns: Bool[Array, "p d"]
) -> Float[Array, "p o"]:
    """Mean over examples of what is attributed to a site's columns times the output."""
    by_column = (attributed * outputs.T[:, :, None]).mean(axis=1)
    return columns.astype(by_column.dtype) @ by_column.T


def attributions(
    forward: Apply,
    inputs: Float[Array, "n d"],
    baseline: Float[Array, "1 d"],
    steps: int = STEPS,
) -> Float[Array, "o n d"]:
    """Integrated gradients of every example from the baseline, by the midpoint rule.

    Complete: the sum over columns is output - output at the baseline, exactly where the output is
    linear or quadratic along the path, and up to the rule's error elsewhere.
    """
    moves = inputs - baseline
    along = (jnp.arange(steps, dtype=inputs.dtype) + 0.5) / steps

    def add(
        total: Float[Array, "o n d"], at: Float[Array, ""]
    ) -> tuple[Float[Array, "o n d"], None]:
        return total + slopes_of(forward, baseline + at * moves), None

    # The first point opens the sum, which so has the right shape; one after the other, so that
    # memory does not grow with the number of points.
    first = slopes_of(forward, baseline + along[0] * moves)
    return jax.lax.scan(add, first, along[1:])[0] * moves[None] / steps


@measure(
    evidence="attributed",
    axes=("site", "target"),
    by_default=False,
    unit="fraction of the output's mean squared move from the baseline",
    direction="away from 0 is used more; below 0 it works against the rest",
    range=(None, None),
    chance=0.0,
    formula="mean over examples of attribution x (output - baseline output) / mean (output - "
    "baseline output)^2; attribution = sum over the site's columns of (column - its mean) x mean "
    "of d output / d column at 16 midpoints of the straight path from the mean input",
    invariance="shift and scale of the output and of every input column",
    misleads="The path from the mean input to an example leads through inputs that may never "
    "occur (fractions of bits), so its slopes are partly off the data, and another baseline gives "
    "another answer. The values over a partition of the columns add up to 1 for every network, but "
    "for the error of 16 points on a path where a slope may jump between two (measured on ReLU "
    "networks: up to .006). Copies share the credit as their weights do.",
    reference="Sundararajan, Taly and Yan 2017, arXiv 1703.01365, eq. 1 and Proposition 1",
)
def integrated_gradients(
    forward: Apply,
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """Share of the output's move away from the baseline that integrated gradients give a feature.

    The baseline is the mean input. 0: no attribution to these columns goes along with the output:
    they are ignored, or their effects cancel. 1: they alone account for every example's output.
    Null: the output is constant or not finite, or the site has no columns.
    """
    baseline = centered(inputs).mean
    moved = outputs - forward(baseline)
    part = pooled(_going_with(attributions(forward, inputs, baseline), moved, columns), heads)
    whole = jnp.where(variance(outputs) > 0, (moved**2).mean(axis=0), 0.0)
    return with_columns(columns, share(part, pooled(whole[None], heads)))


def share_of_slopes_near(
    slopes: Float[Array, "o n d"],
    combination: Float[Array, "d t"],
    value: float = 1.0,
    within: float = NEAR,
) -> Float[Array, " t"]:
    """Share of examples whose slope along a combination of columns is within a distance of a value.

    1: it is so at every example. 0: at none. NaN where a slope is not finite.
    """
    along = jnp.einsum("tnd,dt->tn", slopes, combination)
    near = (jnp.abs(along - value) <= within).mean(axis=1)
    return jnp.where(jnp.isfinite(along).all(axis=1), near, jnp.nan)


def data_direction(
    inputs: Float[Array, "n d"], targets: Float[Array, "n t"]
) -> Float[Array, "d t"]:
    """How the inputs move on average per unit of each target: least squares of inputs on target.

    NaN for a constant target.
    """
    moves, wanted = centered(inputs).deviations, centered(targets).deviations
    return share((moves.T @ wanted) / len(inputs), variance(targets)[None])


@measure(
    axes=("target",),
    by_default=False,
    losses=("squared_error",),
    unit="fraction of examples",
    direction="higher is closer to the target's own slope",
    range=(0.0, 1.0),
    chance=None,
    formula="share of examples with |sum over columns of (d output / d column) v - 1| <= 0.05; v = "
    "Cov(column, target) / Var target, the inputs' move per unit of the target",
    invariance="shift of inputs, output and target; scale of every input column; scale of target "
    "and output together",
    misleads="It is 1 for every linear network that fits the target exactly, whichever of several "
    "copies it uses: it tells whether the copies' slopes add up, not which is used. Where the best "
    "predictor is not exact (only a noisy copy to go by) its slope along v is below 1 by design, "
    "and where the target is a nonlinear function of the inputs v is only their average move. A "
    "network off by a little more than 0.05 everywhere scores 0.",
    reference="",
)
def target_slope_share(
    slopes: Float[Array, "o n d"], inputs: Float[Array, "n d"], targets: Float[Array, "n t"]
) -> Float[Array, " t"]:
    """Share of examples where the output moves with the target one to one, on the data.

    Asks whether the slopes along a feature and its copies add up: for inputs (y, -y - 1) the slope
    is g1 - g2. 1: at every example the output's slope along the data is within 0.05 of 1. 0: at
    none, as in a constant network. Null: the target is constant, or a slope is not finite.
    """
    return share_of_slopes_near(slopes, data_direction(inputs, targets))


@measure(
    evidence="attributed",
    axes=("target",),
    by_default=False,
    losses=("squared_error",),
    unit="fraction of examples",
    direction="higher is closer to the target's own slope",
    range=(0.0, 1.0),
    chance=None,
    formula="target_slope_share, with the slopes taken at inputs whose columns are permuted "
    "independently of each other among the test examples (v is still that of the data)",
    invariance="shift of inputs, output and target; scale of every input column; scale of target "
    "and output together",
    misleads="OFF THE DATA: where columns depend on each other, as copies do, most of these inputs "
    "never occur, and a network that is perfect on the data may have any slope here. A low value "
    "beside a high target_slope_share is no fault of the network: it shows that slopes of copies "
    "add up only where the data are. Where the columns are independent the two agree but for "
    "sampling.",
    reference="off-data explanations: Hooker, Mentch and Zhou 2021, arXiv 1905.03151",
)
def target_slope_share_off_data(
    forward: Apply,
    inputs: Float[Array, "n d"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
) -> Float[Array, " t"]:
    """Share of inputs off the data where the output moves with the target one to one.

    1: the output's slope along the data's direction is within 0.05 of 1 even where no data are, as
    in a linear network that fits exactly. 0: nowhere. Null: the target is constant, or a slope is
    not finite.
    """
    slopes = slopes_of(forward, off_data(inputs, donors))
    return share_of_slopes_near(slopes, data_direction(inputs, targets))
