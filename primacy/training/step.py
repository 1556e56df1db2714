"""One network: pure functions that start, advance and evaluate it.

`advance` and `evaluate` are separate programs, never fused: fusing changes bits, and a new
measure must leave training alone. Both are traced; everything random comes in as an argument.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from primacy.models.encodings import trained
from primacy.registry import RAISED, Measure
from primacy.study.spec import Condition, Training
from primacy.training.control_data import Sources, built
from primacy.types import Batch, Draws, Feature, LossName, Model

State = tuple[PyTree, PyTree]
"""Parameters, and the optimizer's state."""

EVALUATION_ROWS = 1024
"""Examples that pass the network at once when a training set is scored: they stay in cache."""

DIVERGED = 1000.0
"""A final held-out loss beyond so many times the constant predictor's counts as diverged."""


def sigmoid_cross_entropy(
    outputs: Float[Array, "n t"], targets: Float[Array, "n t"]
) -> Float[Array, "n t"]:
    """Cross-entropy in nats of 0/1 targets under logits; log 2 for a logit of 0."""
    return optax.sigmoid_binary_cross_entropy(outputs, targets)


def squared_error(
    outputs: Float[Array, "n t"], targets: Float[Array, "n t"]
) -> Float[Array, "n t"]:
    """Squared error in the target's unit squared."""
    return (outputs - targets) ** 2


LOSSES = {"sigmoid_cross_entropy": sigmoid_cross_entropy, "squared_error": squared_error}


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
) -> State:
    """The state after the training steps `start` to `stop - 1` of a page.

    With an `order`, step i trains on those rows of the fixed set `draws`; without (a stream),
    on row i of `draws`, whose arrays are `[p, b, ...]`. `steps` is the whole budget.
    """
    rule = optimizer(condition.training, steps)
    # One example a step: a kernel's gradient is an outer product, no matrix product, and takes half
    # the time where inputs are the inner axis, as they are in memory in the example.
    turn = turned if condition.training.batch_size == 1 else lambda tree: tree
    losses = LOSSES[condition.task.loss]

    def objective(params: PyTree, batch: Batch) -> Float[Array, ""]:
        outputs = condition.model.apply(turn(params), batch.inputs).outputs
        loss = losses(outputs, batch.targets).mean(axis=0).mean()
        return penalized(condition.training, loss, params, outputs)

    def step(i: Int[Array, ""], state: State) -> State:
        params, memory = state
        rows = i if order is None else order[i]
        batch = built(condition.task, jax.tree.map(lambda a: a[rows], draws))
        batch = jax.lax.optimization_barrier(batch)  # or each weight would build its input anew
        updates, memory = rule.update(jax.grad(objective)(params, batch), memory, params)
        return optax.apply_updates(params, updates), memory

    return turn(jax.lax.fori_loop(start, stop, step, turn(state)))


def turned(tree: PyTree) -> PyTree:
    """Every matrix transposed."""
    return jax.tree.map(lambda leaf: leaf.T if leaf.ndim == 2 else leaf, tree)


def evaluate(
    condition: Condition,
    measures: tuple[Measure, ...],
    params: PyTree,
    sets: Mapping[str, Draws | Sources],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    own_targets: tuple[int, ...] = (),
    train_donors: Int[Array, " m"] | None = None,
) -> dict[str, Any]:
    """Every measure of one network, by `measure/split`; layers are the leading axis.

    `sets` holds the draws of `fit` and `test`, and of `train` unless it is a stream;
    `train_donors` are given where a measure interchanges training examples. Two more
    entries say whether the network is still one: `finite` (parameters and test outputs), and
    `loss_ratio` (test loss over that of the best constant; see `DIVERGED`).
    """
    model, losses = condition.model, LOSSES[condition.task.loss]
    batches = {split: built(condition.task, draws) for split, draws in sets.items()}
    seen = {split: model.apply(params, batches[split].inputs) for split in ("fit", "test")}
    # Where a task turns its coordinates, measures change and differentiate along these, not along
    # the inputs: a feature is a direction then.
    turned = getattr(condition.task, "rotation_matrix", None)
    shown = {
        split: batch.inputs if turned is None else batch.inputs @ turned.T
        for split, batch in batches.items()
    }
    offered: dict[str, Any] = {
        "forward": lambda shown: (
            model.apply(params, shown if turned is None else shown @ turned).outputs
        ),
        "columns": columns,
        "donors": donors,
        "loss": losses,
        "own_targets": jnp.array(own_targets, jnp.int32),
    }
    by_split: dict[str, dict[str, Any]] = {}
    for split, prefix in (("fit", "fit_"), ("test", "")):
        batch = batches[split]
        offered |= {
            f"{prefix}inputs": shown[split],
            f"{prefix}features": batch.features,
            f"{prefix}targets": batch.targets,
            f"{prefix}outputs": seen[split].outputs,
        }
    by_split["test"] = offered
    if "train" in batches:
        train = batches["train"]
        outputs = outputs_in_blocks(model, params, train.inputs)
        by_split["train"] = {**offered, "outputs": outputs, "targets": train.targets,
                             "inputs": shown["train"], "features": train.features,
                             "donors": train_donors}  # fmt: skip
    results: dict[str, Any] = {}
    for measure in measures:
        for split in measure.splits:
            if split not in by_split or (measure.by_layer and not model.layer_names):
                continue
            if measure.by_onward and not hasattr(model, "onward"):
                continue
            given = {a: by_split[split][a] for a in measure.asks if a in by_split[split]}
            sizes = {
                "feature": batches["test"].features.shape[1],
                "site": columns.shape[0],
                "target": batches["test"].targets.shape[1],
            }
            if measure.by_layer:
                value = jnp.stack([
                    _measured(
                        measure,
                        sizes,
                        **given,
                        **{a: seen["fit" if a == "fit_reps" else "test"].layers[layer]
                           for a in measure.asks if a.endswith("reps")},
                        **({"onward": functools.partial(rest_of, model, params, layer)}
                           if measure.by_onward else {}),
                    )
                    for layer in model.layer_names
                ])  # fmt: skip
            else:
                value = _measured(measure, sizes, **given)
            results[f"{measure.name}/{split}"] = value
    test = batches["test"]
    held_out = losses(seen["test"].outputs, test.targets).mean()
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)]
    results["finite"] = jnp.stack([*finite, jnp.isfinite(held_out)]).all()
    constant = constant_loss(condition.task.loss, test.targets)
    results["loss_ratio"] = jnp.where(constant > 0, held_out / constant, 0)
    return results


class MeasureError(ValueError):
    """A measure that fails, or gives numbers of another shape than its axes say."""


def _measured(measure: Measure, sizes: Mapping[str, int], **given: Any) -> Array:
    """What a measure gives, if it has one number for each position of its axes.

    Raises:
        MeasureError: it has not; names the measure.
    """
    try:
        value = jnp.asarray(measure.function(**given))
    except RAISED as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise MeasureError(
            f"measure {measure.name!r} failed: {type(error).__name__}: {first}"
        ) from error
    if value.shape != (shape := tuple(sizes[axis] for axis in measure.axes)):
        of = " x ".join(measure.axes) or "a single number"
        raise MeasureError(
            f"measure {measure.name!r} gave shape {value.shape}; its card says axes = "
            f"{measure.axes}, that is {of}: {shape}"
        )
    return value


def rest_of(
    model: Any, params: PyTree, layer: str, reps: Float[Array, "n h"]
) -> Float[Array, "n t"]:
    """The outputs of a model that can go on from a hidden layer, when that layer is `reps`."""
    return model.onward(params, layer, reps)


def own_targets(declared: tuple[Feature, ...]) -> tuple[int, ...]:
    """Of each feature, the index of the target that it fully determines; -1 where there is none.

    Asked of a spec with plain numbers, before tracing: what a task declares may depend on them.
    """
    return tuple(-1 if f.target is None else f.target for f in declared)


def outputs_in_blocks(
    model: Model, params: PyTree, inputs: Float[Array, "n d"]
) -> Float[Array, "n t"]:
    """The outputs for many examples, a block at a time where they divide into blocks."""
    n = inputs.shape[0]
    if n <= EVALUATION_ROWS or n % EVALUATION_ROWS:
        return model.apply(params, inputs).outputs
    blocks = inputs.reshape(-1, EVALUATION_ROWS, inputs.shape[1])
    outputs = jax.lax.map(lambda block: model.apply(params, block).outputs, blocks)
    return outputs.reshape(n, -1)


def constant_loss(loss: LossName, targets: Float[Array, "n t"]) -> Float[Array, ""]:
    """The mean loss of the best constant output for each target."""
    mean = targets.mean(axis=0)
    if loss == "squared_error":
        return targets.var(axis=0).mean()
    return -(
        jax.scipy.special.xlogy(mean, mean) + jax.scipy.special.xlog1py(1 - mean, -mean)
    ).mean()
