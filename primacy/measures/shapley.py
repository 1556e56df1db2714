"""What the network uses: the outputs divided among the features, each in every company.

A feature's part is what it adds to the output when its columns are the example's own and no longer
the donor's, averaged over the orders in which the features may be given back one by one. The
columns of no feature are one more player, the *rest*.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, pooled
from primacy.measures.moments import share, variance
from primacy.measures.used import Apply, with_columns
from primacy.registry import measure
from primacy.rng import streams

MAX_EXACT = 10
"""Features up to which every coalition is tried; with the rest that is 2,048 of them."""

ORDERS = 32
"""Orders that are tried beyond: half of them drawn from a fixed seed, the others their reverse."""


def coalitions(players: int) -> tuple[Bool[np.ndarray, "c q"], Float[np.ndarray, "c q"]]:
    """Every set of players, and its weight in the value of each of them.

    A set that holds the player counts with (|S| - 1)! (q - |S|)! / q!, one that does not with
    -|S|! (q - |S| - 1)! / q!.
    """
    q = players
    table = np.array(list(itertools.product([False, True], repeat=q)))
    size = table.sum(axis=1)
    within = [
        math.factorial(s - 1) * math.factorial(q - s) / math.factorial(q) if s else 0.0
        for s in size
    ]
    without = [
        math.factorial(s) * math.factorial(q - s - 1) / math.factorial(q) if s < q else 0.0
        for s in size
    ]
    weights = np.where(table, np.array(within)[:, None], -np.array(without)[:, None])
    return table, weights


def shapley_values(
    forward: Apply,
    inputs: Float[Array, "n d"],
    donated: Float[Array, "n d"],
    players: Bool[Array, "q d"],
) -> Float[Array, "q n o"]:
    """The Shapley value of every player for each example's outputs, over all coalitions.

    The worth of a coalition is the output with the columns of its players as in `inputs` and all
    others as in `donated`. Columns of several players are there with any of them. The values add up
    to output - output of the donor if every column has a player.

    Reference:
        Shapley 1953; as attribution with one reference: Sundararajan and Najmi 2020,
        arXiv 1908.08474.
    """
    table, weights = coalitions(players.shape[0])

    def add(
        total: Float[Array, "q n o"], one: tuple[Bool[Array, " q"], Float[Array, " q"]]
    ) -> tuple[Float[Array, "q n o"], None]:
        worth = forward(_given(inputs, donated, players, one[0]))
        return total + one[1][:, None, None] * worth[None], None

    # The first opens the sum, which so has the right shape; one after the other, so that memory
    # does not grow with the number of coalitions.
    present, weight = jnp.asarray(table), jnp.asarray(weights, inputs.dtype)
    first = forward(_given(inputs, donated, players, present[0]))
    opened = weight[0][:, None, None] * first[None]
    return jax.lax.scan(add, opened, (present[1:], weight[1:]))[0]


def sampled_values(
    forward: Apply,
    inputs: Float[Array, "n d"],
    donated: Float[Array, "n d"],
    players: Bool[Array, "q d"],
) -> Float[Array, "q n o"]:
    """The same by `ORDERS` orders of the players instead of all: for more than `MAX_EXACT`.

    Unbiased over the draw of the orders, which is fixed; exact for outputs without products of
    three and more players (an order and its reverse then average to the value), and the values add
    up as the exact ones do.

    Reference:
        Castro, Gomez, Tejada 2009, Computers & Operations Research 36; Mitchell et al. 2022,
        arXiv 2104.12199 (antithetic orders).
    """
    q = players.shape[0]
    generator = streams(0, "evaluation")("orders of players")
    half = np.stack([generator.permutation(q) for _ in range(ORDERS // 2)])
    orders = jnp.asarray(np.concatenate([half, half[:, ::-1]]), jnp.int32)
    start = forward(donated)
    nothing = jnp.zeros((q, *start.shape), start.dtype)

    def along(
        total: Float[Array, "q n o"], order: Int[Array, " q"]
    ) -> tuple[Float[Array, "q n o"], None]:
        def step(
            held: tuple[Float[Array, "q n o"], Float[Array, "n o"], Bool[Array, " q"]],
            player: Int[Array, ""],
        ) -> tuple[tuple[Float[Array, "q n o"], Float[Array, "n o"], Bool[Array, " q"]], None]:
            found, before, present = held
            present = present.at[player].set(True)
            worth = forward(_given(inputs, donated, players, present))
            return (found.at[player].add(worth - before), worth, present), None

        opened = total, start, jnp.zeros(q, bool)
        return jax.lax.scan(step, opened, order)[0][0], None

    return jax.lax.scan(along, nothing, orders)[0] / ORDERS


def _given(
    inputs: Float[Array, "n d"],
    donated: Float[Array, "n d"],
    players: Bool[Array, "q d"],
    present: Bool[Array, " q"],
) -> Float[Array, "n d"]:
    own = (players & present[:, None]).any(axis=0)
    return jnp.where(own[None], inputs, donated)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="fraction of the output's mean squared distance from its donor's",
    direction="away from 0 is used more; below 0 it works against the rest",
    range=(None, None),
    chance=0.0,
    formula="mean over examples of phi x (output - donor's output) / mean (output - donor's "
    "output)^2; phi = the mean over all orders of the features (and of the rest of the columns, as "
    "one more) of what the output gains when the site's columns change from the donor's to the "
    "example's own, after those before it in the order",
    invariance="shift and scale of the output; any one-to-one recoding of the columns that the "
    "network undoes",
    misleads="Coalitions mix columns of two examples: where features correlate, most of these "
    "inputs never occur. Copies, and the inputs of an XOR, share their credit in equal parts, so a "
    "half may be a copy that can be spared or an input that nothing can replace: see reliance. The "
    "values of features that hold every column once add up to 1; without the columns of no feature "
    "they add up to less. Of more than 10 features it is the mean over 32 orders, exact for "
    "outputs without products of three and more features. Control columns are valued in a game of "
    "three: they, all features together, and the rest. Its cost doubles with each feature.",
    reference="Shapley 1953; Lundberg and Lee 2017, arXiv 1705.07874; one reference for each "
    "example: Sundararajan and Najmi 2020, arXiv 1908.08474; over a data set: Covert et al. 2020, "
    "arXiv 2004.00668",
)
def shapley_value(
    forward: Apply,
    inputs: Float[Array, "n d"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    heads: Widths | None = None,
    codes: Widths | None = None,
) -> Float[Array, "p t"]:
    """Share of the difference between two examples' outputs that is due to a feature.

    0: given back in any company, its columns change nothing that goes along with the output. 1:
    they alone make the difference. Of independent columns in a linear network it is their share of
    the output's variance. Null: the output is constant or not finite, or the site has no columns.
    """
    k = features.shape[1] if codes is None else len(codes)
    donated = inputs[donors]
    held = columns[:k].any(axis=0)
    players = jnp.concatenate([columns[:k], ~held[None]])
    valued = shapley_values if k <= MAX_EXACT else sampled_values
    parts = valued(forward, inputs, donated, players)[:k]
    if columns.shape[0] > k:

        def alone(site: Bool[Array, " d"]) -> Float[Array, "n o"]:
            three = jnp.stack([site, held, ~(held | site)])
            return shapley_values(forward, inputs, donated, three)[0]

        parts = jnp.concatenate([parts, jax.lax.map(alone, columns[k:])])
    moved = forward(inputs) - forward(donated)
    part = pooled((parts * moved[None]).mean(axis=1), heads)
    whole = jnp.where(variance(outputs) > 0, (moved**2).mean(axis=0), 0.0)
    return with_columns(columns, share(part, pooled(whole[None], heads)))
