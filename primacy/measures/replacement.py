"""What the network uses, asked with other replacements: a feature held at its mean, or at zero.

`used.reliance` takes a feature's columns from another example. Which replacement is right cannot be
known: another example's value goes badly with the rest, a mean or a zero may never occur. So the
same share is computed with each, and a claim about one of them that another contradicts is fragile:
the three are one family, whose members are the variants of a verdict.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, pooled
from primacy.measures.moments import centered, share, variance
from primacy.measures.used import Apply, held_at
from primacy.registry import measure

FAMILY = "reliance"
REFERENCE = "choice of the replacement: Covert, Lundberg, Lee 2021, arXiv 2011.14878"


def _moved(
    value: Float[Array, "1 d"],
    forward: Apply,
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    heads: Widths | None,
) -> Float[Array, "p t"]:
    """Mean squared change of the outputs with a site's columns held at a value, over Var output."""

    def change(held: Float[Array, "n o"]) -> Float[Array, " t"]:
        return pooled(((held - outputs) ** 2).mean(axis=0), heads)

    whole = pooled(variance(outputs)[None], heads)
    return share(held_at(value, forward, inputs, columns, change), whole)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="fraction of variance",
    direction="higher is used more",
    range=(0.0, None),
    chance=0.0,
    formula="mean (output with the site's columns at their means over the test examples - "
    "output)^2 / Var output",
    invariance="shift and scale of the output; shift and scale of the inputs that the network "
    "undoes",
    misleads="The mean may be an input that never occurs (0.5 for a bit, a gray patch in an "
    "image), and there the network answers whatever it likes. Of an additive network it is equal "
    "to reliance where the columns' part is linear, and else it is not.",
    reference=REFERENCE,
    family=FAMILY,
    family_order=1,
    label="mean",
)
def reliance_mean(
    forward: Apply,
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How far an output moves when a feature's columns are held at their means.

    0: how the columns vary is ignored. 1: of a linear network, the output depends on nothing else.
    Null: the output is constant or not finite, or the site has no columns (a feature that only its
    own function interchanges has no mean).
    """
    return _moved(centered(inputs).mean, forward, inputs, outputs, columns, heads)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="fraction of variance",
    direction="higher is used more",
    range=(0.0, None),
    chance=0.0,
    formula="mean (output with the site's columns at 0 - output)^2 / Var output",
    invariance="shift and scale of the output; not a shift of the inputs",
    misleads="Zero is what is missing only where the inputs say so. Where they do not vary about "
    "zero, the number grows with the square of their mean, and a column that never varies can "
    "have a large one although it tells nothing.",
    reference=REFERENCE,
    family=FAMILY,
    family_order=2,
    label="zero",
)
def reliance_zero(
    forward: Apply,
    inputs: Float[Array, "n d"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How far an output moves when a feature's columns are set to zero.

    0: the columns are ignored, or are zero already. 1: of a linear network of inputs with mean 0,
    the output depends on nothing else. Null: as for reliance_mean.
    """
    nothing = jnp.zeros((1, inputs.shape[1]), inputs.dtype)
    return _moved(nothing, forward, inputs, outputs, columns, heads)
