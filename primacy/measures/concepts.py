"""What the network uses of a hidden layer: what a small push along a feature's direction does.

Concept direction sensitivity: the direction is that of `directions` (the difference of the class
means, for a 0/1 feature, as the layer's own variance allows it), the sensitivity is the slope of
the rest of the network along it. A direction found in the layer need not be one that the network
reads, so the slope is tested against random directions.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, alone, slices
from primacy.measures.directions import Directions, Onward, moved, of_chance
from primacy.measures.directions import of_features as directions_of
from primacy.measures.moments import share, variance
from primacy.registry import measure

PUSH = 0.05
"""Half the length of the step along which a slope is taken, in standard deviations of the
feature's coordinate. The rest of a network need not be one that can be differentiated from here (a
PyTorch module answers by a call), so slopes are differences."""

FLAT = 1e-3
"""Slopes below this, in standard deviations of the output, are rounding: no rise and no fall."""

RANDOM = 59
"""Random directions of the test: the smallest p is 1/60."""

KIM = (
    "TCAV: Kim et al. 2018, arXiv 1711.11279; directions by class means: Pahde et al. 2022, "
    "arXiv 2202.03482"
)
LAYER = "rotation, shift and overall scale of the layer, if the network undoes them"


def _slopes(
    onward: Onward, reps: Float[Array, "n h"], directions: Directions
) -> Float[Array, "k n o"]:
    """Rise of every output per standard deviation of each feature's coordinate, at each example."""
    spread = jnp.sqrt(variance(directions.coordinates(reps)))[None]
    push = jnp.broadcast_to(PUSH * spread, (len(reps), spread.shape[1]))
    up, down = (moved(onward, reps, sign * push, directions.move) for sign in (1, -1))
    return (up - down) / (2 * PUSH)


def _nowhere(directions: Directions) -> Bool[Array, "k 1"]:
    """Features of which the layer holds nothing: no direction to push along."""
    return (directions.move == 0).all(axis=1)[:, None]


def _single_outputs(
    outputs: Float[Array, "n o"], heads: Widths | None
) -> tuple[Float[Array, "n t"], Int[Array, " t"]]:
    """Of each target its output, NaN where it has several, and where that is among all outputs."""
    if heads is None:
        return outputs, jnp.arange(outputs.shape[1])
    return alone(outputs, heads), jnp.array([own.start for own in slices(heads)])


Slope = Callable[[Directions], Float[Array, "k t"]]


def _mean_slopes(
    onward: Onward, reps: Float[Array, "n h"], outputs: Float[Array, "n o"], heads: Widths | None
) -> Slope:
    """The mean slope along any directions, in standard deviations of the output.

    NaN of a constant output and of a target that has several.
    """
    single, at = _single_outputs(outputs, heads)
    size = jnp.sqrt(variance(single))[None]
    return lambda along: share(
        _slopes(lambda changed: onward(changed)[:, at], reps, along).mean(axis=1), size
    )


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="fraction of examples",
    direction="away from 0.5 is an effect of one sign",
    range=(0.0, 1.0),
    chance=0.5,
    formula="share of examples at which the output rises when the layer moves a little (0.05 "
    "standard deviations either way) along the feature's direction; a slope of less than 0.001 "
    "(see concept_slope) counts half",
    invariance=f"{LAYER}; shift and positive scale of the output",
    misleads="It has the sign of the effect and nothing of its size: where the rest of the network "
    "is linear it is 0 or 1 for every direction, random ones included. See concept_slope for the "
    "size and concept_slope_p for the test.",
    reference=KIM,
)
def concept_sensitivity(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """Share of examples whose output rises along a feature's direction in a layer (TCAV's score).

    1: everywhere. 0: it falls everywhere. 0.5: as often up as down, or not at all. Null: the
    feature is constant or a class of several levels or a group of columns, the layer holds nothing
    of it, the target is a class of several outputs, or an output is not finite.
    """
    directions = directions_of(fit_reps, alone(fit_features, codes))
    single, at = _single_outputs(outputs, heads)
    slopes = _slopes(onward, reps, directions)[:, :, at]
    least = FLAT * jnp.sqrt(variance(outputs))[at][None, None]
    rises = jnp.where(slopes > least, 1.0, jnp.where(slopes < -least, 0.0, 0.5)).mean(axis=1)
    known = jnp.isfinite(slopes).all(axis=1) & jnp.isfinite(single).all(axis=0)[None]
    return jnp.where(known & ~_nowhere(directions), rises, jnp.nan)


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="standard deviations of the output",
    direction="away from 0 is used more; the sign is that of the effect",
    range=(None, None),
    chance=0.0,
    formula="mean over examples of the output's rise per standard deviation of the layer's "
    "coordinate on the feature, along its direction, over the output's standard deviation (a "
    "difference over 0.1 of it)",
    invariance=f"{LAYER}; shift and positive scale of the output and of the feature",
    misleads="Slopes of opposite sign cancel: a feature that the rest of the network uses through "
    "an XOR of directions has 0. It speaks of small pushes at the examples; what a whole "
    "interchange does is subspace_reliance. Any direction moves the output of a narrow layer: "
    "compare with concept_slope_null.",
    reference=KIM,
)
def concept_slope(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How far an output rises when the layer is pushed along a feature's direction.

    0: the direction is not read, or its effects cancel. 1: one standard deviation of the feature
    in the layer moves the output by one of its own, as where the output depends on nothing else.
    Null: the output is constant; else as concept_sensitivity.
    """
    directions = directions_of(fit_reps, alone(fit_features, codes))
    found = _mean_slopes(onward, reps, outputs, heads)(directions)
    return jnp.where(_nowhere(directions), jnp.nan, found)


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="standard deviations of the output",
    direction="higher is an output that any direction moves",
    range=(0.0, None),
    chance=None,
    formula="mean of |concept_slope| over 4 random directions that hold as much of the layer's "
    "variance as the feature's",
    invariance="shift and overall scale of the layer, if the network undoes them; shift and scale "
    "of the output and of the feature",
    misleads="In a layer of few directions a random one is partly the feature's own, and where one "
    "direction holds nearly all variance the match is that direction itself.",
    reference=KIM,
    control_of="concept_slope",
)
def concept_slope_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How far an output moves when the layer is pushed along random directions like a feature's.

    The matched control of concept_slope, without its sign. 0: such directions are not read. Null:
    as concept_slope.
    """
    fit_one = alone(fit_features, codes)
    slope = _mean_slopes(onward, reps, outputs, heads)
    draws = of_chance(fit_reps, fit_one)
    found = jax.lax.map(lambda draw: jnp.abs(slope(draw)), draws).mean(axis=0)
    return jnp.where(_nowhere(directions_of(fit_reps, fit_one)), jnp.nan, found)


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="probability",
    direction="lower is a direction that the network reads more than a random one",
    range=(1 / (RANDOM + 1), 1.0),
    chance=None,
    formula="(1 + random directions whose |concept_slope| is at least the feature's) / (1 + 59); "
    "the 59 hold as much of the layer's variance as the feature's",
    invariance="shift and overall scale of the layer, if the network undoes them; shift and scale "
    "of the output and of the feature",
    misleads="It is about one network: that the feature's direction is special there, not that it "
    "is in the next one; verdicts compare networks. A feature that is not read but lies near one "
    "that is may be special, too. In a layer of few directions no direction is, and it is never "
    "small.",
    reference=f"random-direction test: {KIM}; Monte Carlo p: Phipson and Smyth 2010, Statistical "
    "Applications in Genetics and Molecular Biology 9",
)
def concept_slope_p(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How often a random direction of the layer moves an output as much as a feature's does.

    1/60: none of 59 does. About 0.5: the feature's direction is like any other. Null: as
    concept_slope.
    """
    fit_one = alone(fit_features, codes)
    directions = directions_of(fit_reps, fit_one)
    slope = _mean_slopes(onward, reps, outputs, heads)
    own = jnp.abs(slope(directions))

    def reached(draw: Directions) -> Float[Array, "k t"]:
        return (jnp.abs(slope(draw)) >= own).astype(own.dtype)

    count = jax.lax.map(reached, of_chance(fit_reps, fit_one, draws=RANDOM)).sum(axis=0)
    p = (1 + count) / (RANDOM + 1)
    return jnp.where(_nowhere(directions) | ~jnp.isfinite(own), jnp.nan, p)
