"""One network evaluated: every measure of it, whoever trained it.

A program of its own, never fused with `step.advance`, so that a new measure leaves training alone.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from primacy.registry import RAISED, Measure
from primacy.study.spec import Condition
from primacy.training.control_data import Sources, built
from primacy.training.losses import LOSSES, constant_loss
from primacy.types import Batch, Draws, Feature, Forward, LossName, Model

EVALUATION_ROWS = 1024
"""Examples that pass the network at once when a training set is scored: they stay in cache."""

DIVERGED = 1000.0
"""A final held-out loss beyond so many times the constant predictor's counts as diverged."""


class Network(NamedTuple):
    """A network as measures see it, whoever trained it: how it computes, nothing about how it came.

    A model of primacy with its parameters is one (`of_model`); so is any function of inputs.
    """

    forward: Callable[[Array], Forward]
    """Outputs and every hidden layer, from inputs; traced."""
    layers: tuple[str, ...]
    """Names of the hidden layers to measure, input side first."""
    loss: LossName
    """The loss that it was trained on."""
    onward: Callable[[str, Array], Array] | None = None
    """The outputs when the hidden layer of that name is replaced; None: it cannot go on from one,
    and the measures that change a hidden layer have no value."""


def of_model(model: Model, params: PyTree, loss: LossName) -> Network:
    """A model of primacy with its parameters."""
    onward = getattr(model, "onward", None)
    return Network(
        functools.partial(model.apply, params),
        model.layer_names,
        loss,
        onward and functools.partial(onward, params),
    )


def evaluate_condition(
    condition: Condition,
    measures: tuple[Measure, ...],
    params: PyTree,
    sets: Mapping[str, Draws | Sources],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    own_targets: tuple[int, ...] = (),
    train_donors: Int[Array, " m"] | None = None,
) -> dict[str, Any]:
    """Every measure of a condition's network; see `evaluate`.

    `sets` holds the draws of each split. `finite` is false for parameters that are not, too.
    """
    task, model = condition.task, condition.model
    batches = {split: built(task, draws) for split, draws in sets.items()}
    settled = getattr(model, "settled", None)
    results = evaluate(
        of_model(model, settled(params, batches["fit"].inputs) if settled else params, task.loss),
        batches,
        measures,
        columns,
        donors,
        own_targets,
        train_donors,
        getattr(task, "rotation_matrix", None),
    )
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)]
    return results | {"finite": jnp.stack([*finite, results["finite"]]).all()}


def evaluate(
    network: Network,
    batches: Mapping[str, Batch],
    measures: tuple[Measure, ...],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    own_targets: tuple[int, ...] = (),
    train_donors: Int[Array, " m"] | None = None,
    rotation: Float[np.ndarray, "d d"] | None = None,
) -> dict[str, Any]:
    """Every measure of one network, by `measure/split`; layers are the leading axis.

    Two more entries say whether the network is still one: `finite` (test loss), and `loss_ratio`
    (test loss over that of the best constant; see `DIVERGED`).

    Args:
        network: any network.
        batches: examples of `fit` and `test`, and of `train` if training examples are scored.
        measures: the ones wanted; one that this network cannot have is left out.
        columns: of each site.
        donors: for each test example, the one that it interchanges with.
        own_targets: of each feature, the index of its own target, or -1.
        train_donors: for training examples, where a measure interchanges those.
        rotation: where features are directions: row i is the direction of coordinate i.
    """
    seen = {split: network.forward(batches[split].inputs) for split in ("fit", "test")}
    test = batches["test"]
    offered = _offered(network, batches, seen, rotation) | {
        "columns": columns,
        "donors": donors,
        "own_targets": jnp.array(own_targets, jnp.int32),
    }
    by_split = {"test": offered}
    if "train" in batches:
        own = _of_training(network, batches["train"], rotation)
        by_split["train"] = {**offered, **own, "donors": train_donors}
    sizes = {
        "feature": test.features.shape[1],
        "site": columns.shape[0],
        "target": test.targets.shape[1],
    }
    results: dict[str, Any] = {}
    for measure in measures:
        if measure.by_layer and not network.layers:
            continue
        if measure.by_onward and network.onward is None:
            continue
        for split in measure.splits:
            if split not in by_split:
                continue
            given = {a: by_split[split][a] for a in measure.asks if a in by_split[split]}
            if measure.by_layer:
                value = _by_layer(measure, sizes, network, seen, given)
            else:
                value = _measured(measure, sizes, **given)
            results[f"{measure.name}/{split}"] = value
    held_out = LOSSES[network.loss](seen["test"].outputs, test.targets).mean()
    constant = constant_loss(network.loss, test.targets)
    return results | {
        "finite": jnp.isfinite(held_out),
        "loss_ratio": jnp.where(constant > 0, held_out / constant, 0),
    }


def _offered(
    network: Network,
    batches: Mapping[str, Batch],
    seen: Mapping[str, Forward],
    rotation: Float[np.ndarray, "d d"] | None,
) -> dict[str, Any]:
    """What measures may ask about the fit and the test examples."""
    offered: dict[str, Any] = {
        "forward": lambda shown: (
            network.forward(shown if rotation is None else shown @ rotation).outputs
        ),
        "loss": LOSSES[network.loss],
    }
    for split, prefix in (("fit", "fit_"), ("test", "")):
        batch = batches[split]
        offered |= {
            f"{prefix}inputs": _shown(batch, rotation),
            f"{prefix}features": batch.features,
            f"{prefix}targets": batch.targets,
            f"{prefix}outputs": seen[split].outputs,
        }
    return offered


def _of_training(
    network: Network, train: Batch, rotation: Float[np.ndarray, "d d"] | None
) -> dict[str, Any]:
    """What stands for the test examples where a measure scores the training examples."""
    return {
        "outputs": outputs_in_blocks(network, train.inputs),
        "targets": train.targets,
        "inputs": _shown(train, rotation),
        "features": train.features,
    }


def _shown(batch: Batch, rotation: Float[np.ndarray, "d d"] | None) -> Float[Array, "n d"]:
    """The inputs, or the coordinates that a task turned into them.

    Measures change and differentiate along these: a feature is a direction then.
    """
    return batch.inputs if rotation is None else batch.inputs @ rotation.T


def _by_layer(
    measure: Measure,
    sizes: Mapping[str, int],
    network: Network,
    seen: Mapping[str, Forward],
    given: Mapping[str, Any],
) -> Array:
    """A measure of every hidden layer, stacked."""
    values = []
    for layer in network.layers:
        own: dict[str, Any] = {
            "fit_reps": seen["fit"].layers[layer],
            "reps": seen["test"].layers[layer],
        }
        if network.onward is not None:
            own["onward"] = functools.partial(network.onward, layer)
        wanted = {name: own[name] for name in measure.asks if name in own}
        values.append(_measured(measure, sizes, **given, **wanted))
    return jnp.stack(values)


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


def own_targets(declared: tuple[Feature, ...]) -> tuple[int, ...]:
    """Of each feature, the index of the target that it fully determines; -1 where there is none.

    Asked of a spec with plain numbers, before tracing: what a task declares may depend on them.
    """
    return tuple(-1 if f.target is None else f.target for f in declared)


def outputs_in_blocks(network: Network, inputs: Float[Array, "n d"]) -> Float[Array, "n t"]:
    """The outputs for many examples, a block at a time where they divide into blocks."""
    n = inputs.shape[0]
    if n <= EVALUATION_ROWS or n % EVALUATION_ROWS:
        return network.forward(inputs).outputs
    blocks = inputs.reshape(-1, EVALUATION_ROWS, inputs.shape[1])
    outputs = jax.lax.map(lambda block: network.forward(block).outputs, blocks)
    return outputs.reshape(n, -1)
