"""How a layer's variance is divided among features that overlap: Shapley shares."""

from math import factorial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, membership, some
from primacy.measures.jointfit import joint_fit, r_squared_of
from primacy.registry import measure

MOST_FEATURES = 8
"""Shapley shares fit every choice of features: 2^8 = 256 fits of each layer at most."""

AT_ONCE = 16
"""Fits done side by side; more would only take memory."""


def _choices(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Every choice of `k` features, and the weight of its R^2 in each feature's share."""
    chosen = (np.arange(2**k)[:, None] >> np.arange(k)) & 1 == 1
    size = chosen.sum(axis=1)
    # A choice of s features with f counts once for the s - 1 others that were there before f; one
    # without f counts against it in the same way.
    joined = np.array([factorial(max(s - 1, 0)) * factorial(k - s) for s in range(k + 1)])
    before = np.array([factorial(s) * factorial(max(k - s - 1, 0)) for s in range(k + 1)])
    weights = np.where(chosen, joined[size][:, None], -before[size][:, None]) / factorial(k)
    return chosen, weights.astype(np.float32)


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction of variance",
    direction="higher is more strongly represented",
    range=(None, 1.0),
    chance=0.0,
    formula="mean, over all orders of the features, of what this one adds to the joint held-out "
    "R^2 of those before it",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Features that go together split what they share evenly, whichever of them the "
    "network computes: a feature that the layer does not hold gets a part if it correlates with "
    "one that it does. It is linear in the features, as variance_explained_joint is. It depends on "
    "which features are declared. Every choice of features is fitted, so with more than "
    f"{MOST_FEATURES} features all are null.",
    reference="Shapley 1953; Lindeman, Merenda, Gold 1980 (as LMG in Groemping 2006, "
    "Journal of Statistical Software 17)",
    family="variance explained",
    at_chance=0.0,
    section="summary",
)
def variance_explained_shapley(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Share of a layer's variance that falls to a feature when all features divide the joint share.

    1: the layer is a linear function of this feature, and no other goes with it. 0: it adds nothing
    to any of the others. Below 0 (slightly): on held-out examples it does harm. The shares add up
    to variance_explained_joint (less the fit of the mean alone, which is 0 or slightly below).
    Null: the feature is constant or is a group of columns, the layer is constant or not finite, or
    there are more than 8 features.
    """
    k = fit_features.shape[1] if codes is None else len(codes)
    if k > MOST_FEATURES:
        return jnp.full(k, jnp.nan, reps.dtype)
    fit = joint_fit(fit_reps, fit_features, reps, features)
    chosen, weights = _choices(k)
    chosen = chosen @ membership(codes, fit.usable.size)  # the columns of the chosen features
    scores = jax.lax.map(
        lambda these: r_squared_of(fit, these), jnp.asarray(chosen), batch_size=AT_ONCE
    )
    return jnp.where(some(fit.usable, codes), scores @ jnp.asarray(weights), jnp.nan)
