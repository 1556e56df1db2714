"""What a block leaves, by name: rows of curves, and the final weights of each lane."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import polars as pl

from primacy.records import curves
from primacy.registry import Measure
from primacy.training.lane import Ending, Lane


def named_weights(lane: Lane, params: Any) -> dict[str, np.ndarray]:
    """A lane's parameters under `<condition key>/<seed>/<path>`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(params)
    prefix = f"{lane.record.key}/{lane.seed}"
    return {
        f"{prefix}/{jax.tree_util.keystr(path, simple=True, separator='/')}": np.asarray(leaf)
        for path, leaf in flat
    }


class Names(NamedTuple):
    """What stands at every position of an axis."""

    features: tuple
    targets: list[str]
    sites: list[str]
    layers: tuple[str, ...]


def table(
    lanes: Sequence[Lane],
    ends: Sequence[Ending],
    seen: Sequence[dict[str, np.ndarray]],
    measures: Iterable[Measure],
    names: Names,
) -> pl.DataFrame:
    """The rows of a block: each lane's evaluations up to its end."""
    own = [[f.name for f in names.features if f.target == t] for t in range(len(names.targets))]
    axes = {
        "feature": {"feature": [f.name for f in names.features]},
        "site": {"feature": names.sites},
        "target": {
            "target": names.targets,
            # The feature stands beside its target only where it is the only one.
            "feature": [mine[0] if len(mine) == 1 else None for mine in own],
        },
    }
    lane_axis = {
        "condition": [lane.record.key for lane in lanes],
        "seed": [lane.seed for lane in lanes],
    }
    step_axis = {"step": lanes[0].record.steps[: len(seen)]}
    parts = []
    for measure in measures:
        inner = [axes[axis] for axis in measure.axes]
        if len(measure.axes) > 1:  # every feature with every target, not with its own
            inner = [axes[measure.axes[0]], {"target": names.targets}]
        if measure.by_layer:
            inner = [{"layer": list(names.layers)}, *inner]
        for split in measure.splits:
            if f"{measure.name}/{split}" not in seen[0]:
                continue
            values = np.stack([s[f"{measure.name}/{split}"][: len(lanes)] for s in seen], axis=1)
            outer = [lane_axis, step_axis]
            same = {"measure": measure.name, "split": split}
            parts.append(curves.from_array(values, [*outer, *inner], **same))
            if measure.name == "loss":  # and its mean over targets, which is what is trained on
                parts.append(curves.from_array(values.mean(axis=-1), outer, **same))
    last = pl.DataFrame({**lane_axis, "last": [end.step for end in ends]})
    return (
        pl.concat(parts)
        .join(last, on=["condition", "seed"])
        .filter(pl.col("step") <= pl.col("last"))
        .select(list(curves.SCHEMA))
        .sort("condition", "seed", "step", maintain_order=True)
    )
