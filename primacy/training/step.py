"""One network trained: pure functions that start it and advance it.

`advance` and `evaluate` are separate programs, never fused: fusing changes bits, and a new
measure must leave training alone. Both are traced; everything random comes in as an argument.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree, UInt32

from primacy.measures.classes import Widths
from primacy.models.encodings import trained
from primacy.study.spec import Condition, Training
from primacy.training.control_data import Sources, built
from primacy.training.losses import loss_of
from primacy.training.unlinked import NONE, unlinked
from primacy.types import Batch, Draws

RANDOM = "threefry2x32"
"""JAX's generator whose numbers depend on its key alone: not on the device, nor on what else is
drawn beside it."""

State = tuple[PyTree, PyTree]
"""Parameters, and the optimizer's state."""


def optimizer(training: Training, steps: int) -> optax.GradientTransformation:
    """The optimizer of a training spec; `steps` is its budget (for the schedule)."""
    rate: Any = training.learning_rate
    if training.schedule == "cosine":
        rate = optax.cosine_decay_schedule(rate, steps)
    if training.optimizer == "adam":
        return optax.adam(rate)
    if training.optimizer == "adamw":
        # What a model has measured (an encoding's mean and SD) is no weight to decay.
        return optax.adamw(rate, weight_decay=training.weight_decay, mask=trained)
    return optax.sgd(rate, momentum=training.momentum)


def penalized(
    training: Training, loss: Float[Array, ""], params: PyTree, outputs: Float[Array, "n t"]
) -> Float[Array, ""]:
    """What is trained on: the loss, with the penalties that the training spec asks for.

    Ridge: ridge / 2 times the sum of squared weights. Spectral decoupling: so much / 2 times the
    mean squared output. Without either it is the loss itself, in the same program.

    Reference:
        Spectral decoupling: Pezeshki et al. 2020, arXiv 2011.09468, there with summed loss and
        outputs; dividing both by the number of examples leaves the coefficient as it is.
    """
    # None is structure: who asks for no penalty has no trace of it in the compiled program.
    if training.ridge is not None:
        weights = [params[name] for name, counts in trained(params).items() if counts]
        squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(weights))
        loss = loss + training.ridge / 2 * squares
    if training.spectral_decoupling is not None:
        loss = loss + training.spectral_decoupling / 2 * jnp.mean(outputs**2)
    return loss


def advance(
    condition: Condition,
    steps: int,
    state: State,
    draws: Draws | Sources,
    order: Int[Array, "p b"] | None,
    start: Int[Array, ""],
    stop: Int[Array, ""],
    key: UInt32[Array, "2"] | None = None,
    counted: Float[Array, " t"] | None = None,
    heads: Widths | None = None,
    unlinks: tuple[int, ...] = (),
) -> State:
    """The state after the training steps `start` to `stop - 1` of a page.

    With an `order`, step i trains on those rows of the fixed set `draws`; without (a stream),
    on row i of `draws`, whose arrays are `[p, b, ...]`. `steps` is the whole budget. `heads` says
    of each target how many outputs are about it (`answers.Facts`); null: one.

    `key` is what a model that draws in training (dropout) draws from: step i from the key with i
    folded in, so that how a page is cut into calls does not matter. `counted` is 1 for each target
    that is trained now and 0 for the others (phases); None: all are. `unlinks` are the columns of
    the feature whose link is broken (`Training.unlinked`), if it is one of columns.
    """
    rule = optimizer(condition.training, steps)
    # One example a step: a kernel's gradient is an outer product, no matrix product, and takes half
    # the time where inputs are the inner axis, as they are in memory in the example.
    turn = turned if condition.training.batch_size == 1 else lambda tree: tree
    losses = loss_of(condition.task.loss, heads)

    def objective(params: PyTree, batch: Batch, i: Int[Array, ""]) -> Float[Array, ""]:
        if key is None:
            outputs = condition.model.apply(turn(params), batch.inputs).outputs
        else:
            own = jax.random.fold_in(jax.random.wrap_key_data(key, impl=RANDOM), i)
            drawing: Any = condition.model
            outputs = drawing.apply_in_training(turn(params), batch.inputs, own).outputs
        each = losses(outputs, batch.targets)
        if batch.weights is not None:
            each = each * batch.weights
        of_target = each.mean(axis=0)
        if counted is not None:
            of_target = of_target * counted
        return penalized(condition.training, of_target.mean(), params, outputs)

    def step(i: Int[Array, ""], state: State) -> State:
        params, memory = state
        rows = i if order is None else order[i]
        given = jax.tree.map(lambda a: a[rows], draws)
        batch = built(condition.task, given)
        if (feature := condition.training.unlinked) != NONE:
            batch = unlinked(condition.task, feature, unlinks, given, batch)
        batch = jax.lax.optimization_barrier(batch)  # or each weight would build its input anew
        updates, memory = rule.update(jax.grad(objective)(params, batch, i), memory, params)
        return optax.apply_updates(params, updates), memory

    return turn(jax.lax.fori_loop(start, stop, step, turn(state)))


def turned(tree: PyTree) -> PyTree:
    """Every matrix transposed."""
    return jax.tree.map(lambda leaf: leaf.T if leaf.ndim == 2 else leaf, tree)
