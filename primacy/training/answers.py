"""What a network answered, and every measure of it: nothing here runs a network of its own accord.

Whoever evaluates a network (`evaluate` for those that JAX computes, an adapter for those of another
framework) asks it a few questions once; all measures share the answers.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, coded, free, plain
from primacy.registry import RAISED, Measure
from primacy.training.losses import constant_loss, loss_of
from primacy.types import LossName, Task

ASKED = ("swapped", "swapped_rest", "slopes")
"""Answers that are computed only where a measure wants them, of the test or training examples."""


class Seen(NamedTuple):
    """What a network made of one set of examples. All arrays are plain numbers, raw as answered."""

    inputs: Float[Array, "n d"]
    """Flat: an image is the row of its numbers."""
    features: Float[Array, "n k"]
    """One number for each feature; of a class, the index of its level."""
    targets: Float[Array, "n t"]
    outputs: Float[Array, "n o"]
    layers: Mapping[str, Float[Array, "n h"]] = {}
    """Each hidden layer that is measured, by name; empty for the training examples."""
    swapped: Float[Array, "p n o"] | None = None
    """The outputs with each site interchanged; NaN for a site that cannot be. None: not asked."""
    swapped_rest: Float[Array, "p n o"] | None = None
    """The outputs with everything but the site interchanged."""
    slopes: Float[Array, "o n d"] | None = None
    """d output / d input."""


class Answers(NamedTuple):
    """All that a network answered at one evaluation.

    A measure that wants an answer that is None (or `onward` from a layer that has none) has no
    value.
    """

    fit: Seen
    test: Seen
    train: Seen | None = None
    """None: training examples are not scored."""
    forward: Callable[[Float[Array, "n d"]], Float[Array, "n o"]] | None = None
    """Outputs of other inputs (flat), for the few measures that make inputs of their own."""
    onward: Mapping[str, Callable[[Float[Array, "n h"]], Float[Array, "n o"]]] = {}
    """By layer: the outputs when that layer is replaced."""


def wanted(measures: tuple[Measure, ...], split: str) -> frozenset[str]:
    """What the measures of a split ask for, by name."""
    return frozenset(ask for m in measures if split in m.splits for ask in m.asks)


class Facts(NamedTuple):
    """What measures have to know of a task: plain numbers and names, the same in all its networks.

    Asked of a spec with plain numbers, before tracing: what a task declares may depend on them.
    """

    own_targets: tuple[int, ...] = ()
    """Of each feature, the index of the target that it fully determines; -1 where there is none."""
    heads: Widths | None = None
    """Of each target, how many outputs are about it; null: one."""
    codes: Widths | None = None
    """Of each feature, how many columns tell it; null: one. A class of more than two levels has a
    0/1 column for each; of two, the index itself tells all."""
    features: tuple[str, ...] = ()


NO_FACTS = Facts()


def facts_of(task: Task) -> Facts:
    """What measures have to know of a task."""
    declared = task.declared
    return Facts(
        own_targets=tuple(-1 if f.target is None else f.target for f in declared),
        heads=tuple(target.width for target in task.targets),
        codes=tuple(len(f.levels) if len(f.levels) > 2 else 1 for f in declared),
        features=tuple(f.name for f in declared),
    )


def measured(
    measures: tuple[Measure, ...],
    answers: Answers,
    *,
    columns: Bool[Array, "p d"],
    donors: Int[Array, " n"],
    loss: LossName,
    facts: Facts = NO_FACTS,
    train_donors: Int[Array, " m"] | None = None,
    layers: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Every measure of what a network answered, by `measure/split`; layers are the leading axis.

    Two more entries say whether the network is still one: `finite` (test loss), and `loss_ratio`
    (test loss over that of the best constant; see `evaluate.DIVERGED`).

    Args:
        measures: the ones wanted; one that these answers cannot give is left out.
        answers: of the network.
        columns: of each site; no column at all for one that is interchanged in another way.
        donors: for each test example, the one that it interchanges with.
        loss: what the network was trained on.
        facts: of the task.
        train_donors: for training examples, where a measure interchanges those.
        layers: hidden layers to measure, input side first.
    """
    losses = loss_of(loss, facts.heads)
    of_donors = {"test": donors, "train": train_donors}
    by_split = _offered(answers, facts, of_donors, columns=columns, loss=losses)
    sizes = {
        "feature": answers.test.features.shape[1],
        "site": columns.shape[0],
        "target": answers.test.targets.shape[1],
    }
    results: dict[str, Any] = {}
    for measure in measures:
        for split in measure.splits:
            offered = by_split.get(split)
            if offered is None or not _answerable(measure, offered, answers, layers):
                continue
            given = {ask: offered[ask] for ask in measure.asks if ask in offered}
            if measure.by_layer:
                own = (_of_layer(measure, answers, facts.heads, layer) for layer in layers)
                value = jnp.stack([_measured(measure, sizes, **given, **reps) for reps in own])
            else:
                value = _measured(measure, sizes, **given)
            results[f"{measure.name}/{split}"] = value
    targets = answers.test.targets
    held_out = losses(by_split["test"]["outputs"], targets).mean()
    constant = constant_loss(loss, targets, facts.heads)
    return results | {
        "finite": jnp.isfinite(held_out),
        "loss_ratio": jnp.where(constant > 0, held_out / constant, 0),
    }


def _offered(
    answers: Answers, facts: Facts, donors: Mapping[str, Any], **same: Any
) -> dict[str, dict[str, Any]]:
    """What a measure of the whole network may ask for, by the split that it is scored on."""
    fit = _told(answers.fit, facts)
    same |= {
        "own_targets": jnp.array(facts.own_targets, jnp.int32),
        "heads": facts.heads,
        "codes": facts.codes,
        "forward": answers.forward and _freed(answers.forward, facts.heads),
        **{f"fit_{name}": fit[name] for name in ("inputs", "features", "targets", "outputs")},
    }
    return {
        split: same | _told(seen, facts) | {"donors": donors[split]}
        for split, seen in (("test", answers.test), ("train", answers.train))
        if seen is not None
    }


def _told(seen: Seen, facts: Facts) -> dict[str, Any]:
    """The answers about a set of examples as measures see them."""
    heads = facts.heads
    return {
        "inputs": seen.inputs,
        "features": coded(seen.features, facts.codes),
        "targets": seen.targets,
        "outputs": free(seen.outputs, heads),
        "swapped": None if seen.swapped is None else free(seen.swapped, heads),
        "swapped_rest": None if seen.swapped_rest is None else free(seen.swapped_rest, heads),
        "slopes": None if seen.slopes is None else _free_slopes(seen.slopes, heads),
    }


def _free_slopes(slopes: Float[Array, "o n d"], heads: Widths | None) -> Float[Array, "o n d"]:
    if heads is None or plain(heads):
        return slopes
    return jnp.moveaxis(free(jnp.moveaxis(slopes, 0, -1), heads), -1, 0)


def _freed(function: Callable[[Array], Array], heads: Widths | None) -> Callable[[Array], Array]:
    if heads is None or plain(heads):
        return function
    return lambda given: free(function(given), heads)


def _answerable(
    measure: Measure, offered: Mapping[str, Any], answers: Answers, layers: tuple[str, ...]
) -> bool:
    """Whether the network answered all that a measure asks for."""
    if measure.by_layer and not layers:
        return False
    if measure.by_onward and any(layer not in answers.onward for layer in layers):
        return False
    needed = (*ASKED, "forward", "donors")
    return all(offered[ask] is not None for ask in measure.asks if ask in needed)


def _of_layer(
    measure: Measure, answers: Answers, heads: Widths | None, layer: str
) -> dict[str, Any]:
    """What a measure asks for of one hidden layer."""
    own: dict[str, Any] = {
        "fit_reps": answers.fit.layers[layer],
        "reps": answers.test.layers[layer],
    }
    if measure.by_onward:
        own["onward"] = _freed(answers.onward[layer], heads)
    return {name: own[name] for name in measure.asks if name in own}


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
