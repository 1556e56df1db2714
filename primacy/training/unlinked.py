"""A feature whose link to everything else is broken in training, by interchange within a batch.

The network of a control: the same examples, but each has the value of one feature from another
example of its batch. The feature varies as before and says nothing any more. What a network relies
on it beyond such a control is the excess that the link has brought about.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.training.control_data import Sources
from primacy.types import Batch, Draws

NONE = "none"
"""What `Training.unlinked` is where every feature is left as it is."""


def columns_of(task: Any, feature: str) -> tuple[int, ...]:
    """The columns of the feature; asked before tracing, as all that a task declares."""
    return next((f.columns for f in task.declared if f.name == feature), ())


def unlinked(
    task: Any, feature: str, columns: tuple[int, ...], draws: Draws | Sources, batch: Batch
) -> Batch:
    """The batch with each example's feature taken from the example before it; traced.

    The order of a batch is random, so the donor is a random other example. As in measures of use,
    a feature is what its task interchanges (`Task.swap`), else its columns.
    """
    own = draws.inputs if isinstance(draws, Sources) else draws
    if hasattr(task, "swap"):
        others = jax.tree.map(lambda a: jnp.roll(a, 1, axis=0), own)
        made = task.swap(own, others, feature)
        if made is not None:
            return _with(batch, task.build(made).inputs)
    mixed = np.isin(np.arange(batch.inputs[0].size), columns)
    shown = _along(task, batch.inputs)
    changed = jnp.where(mixed[None], jnp.roll(shown, 1, axis=0), shown)
    rotation = getattr(task, "rotation_matrix", None)
    flat = changed if rotation is None else changed @ rotation
    return _with(batch, flat.reshape(batch.inputs.shape))


def _along(task: Any, inputs: Float[Array, "n *shape"]) -> Float[Array, "n d"]:
    """The inputs flat, along the directions of which columns are counted."""
    flat = inputs.reshape(len(inputs), -1)
    rotation = getattr(task, "rotation_matrix", None)
    return flat if rotation is None else flat @ rotation.T


def _with(batch: Batch, inputs: Float[Array, "n *shape"]) -> Batch:
    return Batch(
        inputs=inputs, features=batch.features, targets=batch.targets, weights=batch.weights
    )
