"""One network evaluated: it is asked what the measures want, once, and they share the answers.

A program of its own, never fused with `step.advance`, so that a new measure leaves training alone.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from primacy.measures.gradients import slopes_of
from primacy.registry import Measure
from primacy.study.spec import Condition
from primacy.training.answers import NO_FACTS, Answers, Facts, Seen, measured, wanted
from primacy.training.control_data import Sources, built
from primacy.types import Batch, Draws, Forward, LossName, Model

EVALUATION_ROWS = 1024
"""Examples that pass the network at once when a training set is scored: they stay in cache."""

DIVERGED = 1000.0
"""A final held-out loss beyond so many times the constant predictor's counts as diverged."""

Swap = Callable[[str, bool], list]
"""Of a split, and of whether all but the feature is meant: the inputs with each feature
interchanged, and None for those that are interchanged by their columns."""


class Network(NamedTuple):
    """A network as JAX computes it, whoever trained it: how it computes, not how it came about.

    A model of primacy with its parameters is one (`of_model`); so is any function of inputs.
    Networks of another framework give `answers.Answers` instead.
    """

    forward: Callable[[Array], Forward]
    """Outputs and every hidden layer, from inputs in their own shape; traced."""
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
    facts: Facts = NO_FACTS,
    train_donors: Int[Array, " m"] | None = None,
) -> dict[str, Any]:
    """Every measure of a condition's network; see `evaluate`.

    `sets` holds the draws of each split. `finite` is false for parameters that are not, too.
    """
    task, model, swap = condition.task, condition.model, None
    if hasattr(task, "swap"):
        swap = functools.partial(_rendered, task, facts.features, sets, donors, train_donors)
    batches = {split: built(task, draws) for split, draws in sets.items()}
    settled = getattr(model, "settled", None)
    results = evaluate(
        of_model(model, settled(params, batches["fit"].inputs) if settled else params, task.loss),
        batches,
        measures,
        columns,
        donors,
        facts,
        train_donors,
        getattr(task, "rotation_matrix", None),
        swap=swap,
    )
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)]
    return results | {"finite": jnp.stack([*finite, results["finite"]]).all()}


def evaluate(
    network: Network,
    batches: Mapping[str, Batch],
    measures: tuple[Measure, ...],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    facts: Facts = NO_FACTS,
    train_donors: Int[Array, " m"] | None = None,
    rotation: Float[np.ndarray, "d d"] | None = None,
    *,
    swap: Swap | None = None,
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
        facts: of the task; may be left out where no measure asks for a feature's own target.
        train_donors: for training examples, where a measure interchanges those.
        rotation: where features are directions: row i is the direction of coordinate i.
        swap: makes inputs with a feature interchanged that is no set of columns.
    """
    door = _Door(network, measures, columns, rotation, swap)
    answers = Answers(
        fit=door.seen("fit", batches["fit"], None),
        test=door.seen("test", batches["test"], donors),
        train=door.seen("train", batches["train"], train_donors) if "train" in batches else None,
        forward=door.forward(batches["test"].inputs.shape[1:]),
        onward={}
        if network.onward is None
        else {layer: functools.partial(network.onward, layer) for layer in network.layers},
    )
    return measured(
        measures,
        answers,
        columns=columns,
        donors=donors,
        loss=network.loss,
        facts=facts,
        train_donors=train_donors,
        layers=network.layers,
    )


class _Door(NamedTuple):
    """A network, and what is asked of it."""

    network: Network
    measures: tuple[Measure, ...]
    columns: Bool[Array, "p d"]
    rotation: Float[np.ndarray, "d d"] | None
    swap: Swap | None

    def seen(self, split: str, batch: Batch, donors: Int[Array, " n"] | None) -> Seen:
        """What the network answers about the examples of a split, as far as a measure wants it."""
        if split == "train":
            outputs, layers = outputs_in_blocks(self.network, batch.inputs), {}
        else:
            made = self.network.forward(batch.inputs)
            outputs, layers = made.outputs, made.layers
        inputs = _shown(batch.inputs, self.rotation)
        asks = wanted(self.measures, split) if split != "fit" else frozenset()
        forward = self.forward(batch.inputs.shape[1:])
        asked: dict[str, Any] = {}
        if donors is not None:
            for name in ("swapped", "swapped_rest"):
                if name not in asks:
                    continue
                rest = name == "swapped_rest"
                asked[name] = swapped(forward, inputs, self.columns, donors, rest)
                if self.swap is not None:
                    asked[name] = self._with_rendered(asked[name], self.swap(split, rest))
        if "slopes" in asks:
            asked["slopes"] = slopes_of(forward, inputs)
        return Seen(inputs, batch.features, batch.targets, outputs, layers, **asked)

    def forward(self, shape: tuple[int, ...]) -> Callable[[Array], Array]:
        """The outputs from inputs as measures see them: flat, and along the directions."""

        def outputs(shown: Float[Array, "n d"]) -> Float[Array, "n o"]:
            inputs = shown if self.rotation is None else shown @ self.rotation
            if len(shape) > 1:
                inputs = inputs.reshape(-1, *shape)
            return self.network.forward(inputs).outputs

        return outputs

    def _with_rendered(
        self, by_columns: Float[Array, "p n o"], inputs: list[Array | None]
    ) -> Float[Array, "p n o"]:
        """With the features put in place of which the task makes the inputs itself."""
        found = by_columns
        for feature, made in enumerate(inputs):
            if made is not None:
                found = found.at[feature].set(self.network.forward(made).outputs)
        return found


def swapped(
    forward: Callable[[Array], Array],
    inputs: Float[Array, "n d"],
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    rest: bool = False,
) -> Float[Array, "p n o"]:
    """The outputs when, a site at a time, its columns are taken from each example's donor.

    With `rest`, all columns but the site's are. NaN for a site without a column, and with `rest`
    for one that has all: nothing was changed, so nothing is known.
    """
    donated = inputs[donors]
    taken = ~columns if rest else columns
    # One site after the other, so that memory does not grow with the number of sites.
    found = jax.lax.map(lambda site: forward(jnp.where(site[None], donated, inputs)), taken)
    known = columns.any(axis=1) & taken.any(axis=1)
    return jnp.where(known[:, None, None], found, jnp.nan)


def _rendered(
    task: Any,
    features: tuple[str, ...],
    sets: Mapping[str, Draws | Sources],
    donors: Int[Array, " n"],
    train_donors: Int[Array, " m"] | None,
    split: str,
    rest: bool,
) -> list[Float[Array, "n *shape"] | None]:
    """The inputs of a split with each feature interchanged, where the task makes them.

    With `rest` all but the feature is the donor's, instead of the feature.
    """
    draws, order = sets[split], train_donors if split == "train" else donors
    own = draws.inputs if isinstance(draws, Sources) else draws
    others = jax.tree.map(lambda a: a[order], own)
    pair = (others, own) if rest else (own, others)
    made = [task.swap(*pair, feature) for feature in features]
    return [None if one is None else task.build(one).inputs for one in made]


def _shown(
    inputs: Float[Array, "n *shape"], rotation: Float[np.ndarray, "d d"] | None
) -> Float[Array, "n d"]:
    """The inputs flat, or the coordinates that a task turned into them.

    Measures change and differentiate along these: a feature is a direction then.
    """
    flat = inputs if inputs.ndim == 2 else inputs.reshape(len(inputs), -1)
    return flat if rotation is None else flat @ rotation.T


def outputs_in_blocks(network: Network, inputs: Float[Array, "n *shape"]) -> Float[Array, "n o"]:
    """The outputs for many examples, a block at a time where they divide into blocks."""
    n = inputs.shape[0]
    if n <= EVALUATION_ROWS or n % EVALUATION_ROWS:
        return network.forward(inputs).outputs
    blocks = inputs.reshape(-1, EVALUATION_ROWS, *inputs.shape[1:])
    outputs = jax.lax.map(lambda block: network.forward(block).outputs, blocks)
    return outputs.reshape(n, -1)
