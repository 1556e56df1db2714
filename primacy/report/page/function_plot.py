"""The function of a network with one or two inputs, drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.records.study import ConditionRecord
from primacy.report.page.figures import CONFIG, HEIGHT, PALETTE, WIDTH, Figure

POINTS = 201
"""Points along the one input."""
CELLS = 61
"""Cells along each of two inputs."""


def grid(low: Float[np.ndarray, " d"], high: Float[np.ndarray, " d"]) -> Float[np.ndarray, "n d"]:
    """Inputs at which to ask a network of one or two inputs for its outputs.

    Raises:
        ValueError: more inputs than can be drawn.
    """
    if len(low) > 2:
        raise ValueError(f"a function of {len(low)} inputs cannot be drawn; of one or two it can")
    count = POINTS if len(low) == 1 else CELLS
    axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def function_of_inputs(
    condition: ConditionRecord,
    seed: int,
    inputs: Float[np.ndarray, "n d"],
    outputs: Float[np.ndarray, "n t"],
) -> Figure:
    """A line of one input, or colors over two; beside each other where there are more outputs.

    Args:
        condition: of the network.
        seed: of the network.
        inputs: what `grid` gives.
        outputs: the network's, at these inputs; logits where targets are 0/1.
    """
    names = list(condition.inputs)
    unit = "output" if condition.targets[0].kind == "number" else "logit"
    answers = [name for target in condition.targets for name in target.outputs]
    parts = [
        pl.DataFrame(
            {"target": [name] * len(inputs)}
            | {f"x{i}": inputs[:, i].astype(float) for i in range(len(names))}
            | {"output": outputs[:, t].astype(float)}
        )
        for t, name in enumerate(answers)
    ]
    table = pl.concat(parts).with_columns(
        output=pl.when(pl.col("output").is_finite()).then(pl.col("output"))
    )
    one = _line(names[0], unit) if len(names) == 1 else _colors(names, inputs, unit)
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": CONFIG,
        "data": {"name": "function"},
    }
    if len(answers) > 1:
        facet = {"field": "target", "type": "nominal", "title": None, "sort": answers}
        whole |= {"facet": {"column": facet}, "spec": one}
    else:
        whole |= one
    return Figure(
        name="function",
        title=f"What the network of {condition.name}, seed {seed}, computes",
        caption=f"The {unit} at {len(inputs)} points of {' and '.join(names)}, at the end of "
        "training.",
        frame=table.rename({f"x{i}": name for i, name in enumerate(_distinct(names))}),
        specification=whole,
        data={"function": table},
    )


def _line(name: str, unit: str) -> dict:
    """The output along the one input."""
    x = {"field": "x0", "type": "quantitative", "title": name, "scale": {"nice": False}}
    y = {"field": "output", "type": "quantitative", "title": unit}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "mark": {"type": "line", "color": PALETTE[0]},
        "encoding": {"x": x, "y": y},
    }


def _colors(names: Sequence[str], inputs: Float[np.ndarray, "n d"], unit: str) -> dict:
    """The output as colors over two inputs, white at 0."""
    axes: dict[str, Any] = {}
    transform = []
    for channel, field, i in (("x", "x0", 0), ("y", "x1", 1)):
        values = np.unique(inputs[:, i])
        step = float(values[1] - values[0]) if len(values) > 1 else 1.0
        half = 0.55 * step  # cells overlap a little: no seams between them
        low, high = float(values[0]) - step / 2, float(values[-1]) + step / 2
        axes[channel] = {
            "field": f"{field}_low",
            "type": "quantitative",
            "title": names[i],
            "scale": {"domain": [low, high], "nice": False, "zero": False},
            "axis": {"grid": False, "tickCount": 7},
        }
        axes[f"{channel}2"] = {"field": f"{field}_high"}
        transform += [
            {"calculate": f"datum.{field} - {half}", "as": f"{field}_low"},
            {"calculate": f"datum.{field} + {half}", "as": f"{field}_high"},
        ]
    color = {
        "field": "output",
        "type": "quantitative",
        "title": unit,
        "scale": {"scheme": "blueorange", "domainMid": 0},
    }
    return {
        "width": HEIGHT,
        "height": HEIGHT,
        "transform": transform,
        "mark": {"type": "rect"},
        "encoding": {**axes, "color": color},
    }


def _distinct(names: Sequence[str]) -> list[str]:
    # A data file's columns may be called like ours.
    taken = {"target", "output"}
    return [f"input {name}" if name in taken else name for name in names]
