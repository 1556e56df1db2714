"""What the network represents of a group of input columns, fitted on all of them together."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.moments import centered, mean_gap, share
from primacy.registry import measure

SAME = 1e-4
"""A column with less than this share of its size beside the columns before it is as good as a
linear function of them, and is left out."""


def _directions(
    fit: Float[Array, "m d"],
    test: Float[Array, "n d"],
    site: Bool[Array, " d"],
    varies: Bool[Array, " d"],
) -> tuple[Float[Array, "m d"], Float[Array, "n d"]]:
    """An orthonormal basis of a site's columns on the fit examples, and the same on the test.

    Gram-Schmidt, twice for each column, which float32 needs; the columns of all others are 0.
    It takes as many steps as the site has columns: of an image often few, or none. (What varies
    differs between networks trained side by side; the site does not.)
    """
    order = jnp.argsort(~site, stable=True)

    def step(
        i: Array, found: tuple[Float[Array, "m d"], Float[Array, "n d"]]
    ) -> tuple[Float[Array, "m d"], Float[Array, "n d"]]:
        j, (basis, on_test) = order[i], found
        column, there = fit[:, j], test[:, j]
        size = jnp.sqrt((column**2).sum())
        for _ in range(2):
            part = basis.T @ column
            column, there = column - basis @ part, there - on_test @ part
        left = jnp.sqrt((column**2).sum())
        kept = varies[j] & (left > SAME * size)
        scale = jnp.where(kept, 1 / jnp.where(kept, left, 1.0), 0.0)
        return basis.at[:, j].set(column * scale), on_test.at[:, j].set(there * scale)

    return jax.lax.fori_loop(0, site.sum(), step, (jnp.zeros_like(fit), jnp.zeros_like(test)))


@measure(
    axes=("site",),
    by_default=False,
    unit="fraction of variance",
    direction="higher is more strongly represented",
    range=(None, 1.0),
    chance=0.0,
    formula="1 - sum_j SSE_j / sum_j SST_j of a least-squares fit on all of the site's columns",
    invariance="rotation, shift and overall scale of the layer; any invertible linear recoding of "
    "the columns",
    misleads="It is linear in the columns: a layer that holds only their XOR has 0. A group of "
    "more columns can explain more, and where groups are correlated the values overlap and may add "
    "up to more than 1. With nearly as many columns as fit examples the fit is noise, and the "
    "value below 0.",
    reference="",
    family="variance explained",
    section="summary",
)
def variance_explained_group(
    fit_reps: Float[Array, "m h"],
    fit_inputs: Float[Array, "m d"],
    reps: Float[Array, "n h"],
    inputs: Float[Array, "n d"],
    columns: Bool[Array, "p d"],
) -> Float[Array, " p"]:
    """Share of a layer's variance that a linear function of a site's columns explains, held out.

    1: the layer is a linear function of them. 0: as good as the layer's mean. Below 0: the fit did
    worse than the mean, as chance does on held-out examples. Of one column it is
    `variance_explained`. Null: all of its columns are constant, or the layer is constant or not
    finite.
    """
    y, x = centered(fit_reps), centered(fit_inputs)
    test_y, test_x = centered(reps), centered(inputs)
    there = test_x.deviations + mean_gap(test_x, x)  # from the mean of the fit
    shift = mean_gap(test_y, y)
    varies = jnp.isfinite(x.deviations).all(axis=0) & (x.deviations != 0).any(axis=0)

    def one(site: Bool[Array, " d"]) -> Float[Array, ""]:
        basis, on_test = _directions(x.deviations, there, site, varies)
        guess = on_test @ (basis.T @ y.deviations)
        errors = ((test_y.deviations + shift - guess) ** 2).sum()
        total = (test_y.deviations**2).sum()
        return jnp.where((site & varies).any(), share(total - errors, total), jnp.nan)

    # One site after the other, so that memory does not grow with the number of sites.
    return jax.lax.map(one, columns)
