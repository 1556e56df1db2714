"""What a network's own numbers say: which feature each unit of its first layer reads."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from primacy.records.study import ConditionRecord

FEW = 200
"""Numbers that a person can still read through."""


def parameters(weights: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Each parameter's shape, mean, SD, least and largest; its `values` if the network has few."""
    few = sum(w.size for w in weights.values()) <= FEW
    return [
        {
            "parameter": name,
            "shape": list(w.shape),
            "mean": float(w.mean()),
            "sd": float(w.std()),
            "min": float(w.min()),
            "max": float(w.max()),
        }
        | ({"values": w.tolist()} if few else {})
        for name, w in weights.items()
    ]


def to_json(
    rows: Sequence[Mapping[str, Any]], reads: "Sequence[Unit] | None", *, scaled: bool
) -> str:
    """Parameters and units as a JSON object; null for a number that is not finite."""
    units = None if reads is None else [dataclasses.asdict(unit) for unit in reads]
    content = {"parameters": list(rows), "units": units, "scaled_by_input_sd": scaled}
    return json.dumps(_finite(content), ensure_ascii=False, allow_nan=False)


def _finite(thing: Any) -> Any:
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if isinstance(thing, dict):
        return {key: _finite(value) for key, value in thing.items()}
    return [_finite(item) for item in thing] if isinstance(thing, list) else thing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of the first layer and what it reads."""

    unit: int
    """Counted from 1."""
    size: float
    """Root of its summed squared incoming weights (times the SDs where those are known)."""
    largest: str | None
    """The feature that has the largest share; null for a unit that reads nothing."""
    shares: dict[str, float | None]
    """By feature, the share of the squared incoming weight on the feature's columns. 0: it reads
    none of them; 1: nothing else. Features that share a column share its weight, so the shares
    may sum to more than 1; to less where columns belong to no feature."""


def units(
    condition: ConditionRecord,
    weights: Mapping[str, np.ndarray],
    spread: Float[np.ndarray, " r"] | None = None,
) -> list[Unit] | None:
    """Which feature each unit of the first layer reads.

    Misleads: weight is not use. A unit may read a feature that nothing behind it listens to, two
    units may cancel, and with features that are correlated the weight on one says little of what
    the unit responds to. Without `spread` an input of small scale, which needs large weights,
    looks more read than it is.

    None: a model whose first layer this cannot tell.

    Args:
        condition: which columns each feature has.
        weights: the network's parameters by path.
        spread: standard deviation of each number that the first layer reads.
    """
    first = incoming(condition, weights)
    if first is None:
        return None
    rows, owner = first
    if spread is not None:
        rows = rows * spread[:, None]
    squared = rows.astype(np.float64) ** 2
    total = squared.sum(axis=0)
    names = [f for f in condition.features if f.null_of is None]
    on = {f.name: squared[np.isin(owner, f.columns)].sum(axis=0) for f in names}
    found = []
    for i, size in enumerate(total):
        known = bool(np.isfinite(size) and size > 0)
        shares = {name: float(part[i] / size) if known else None for name, part in on.items()}
        largest = max(shares, key=lambda name: shares[name] or 0.0) if known and shares else None
        found.append(Unit(unit=i + 1, size=float(np.sqrt(size)), largest=largest, shares=shares))
    return found


def incoming(
    condition: ConditionRecord, weights: Mapping[str, np.ndarray]
) -> tuple[Float[np.ndarray, "r h"], Int[np.ndarray, " r"]] | None:
    """Weights into the first layer, and the input column that each of its rows belongs to.

    A positional encoding has several rows a column. Heads are linear, so the weight of a column
    with a head is that of head and trunk together. None: another kind of model.
    """
    d = len(condition.inputs)
    if condition.spec.get("task", {}).get("rotation") is not None:
        return None  # a feature is a direction then, and no set of input columns
    layer = condition.layers[0] if condition.layers else "output"
    kernel = weights.get(f"{layer}/kernel")
    if kernel is None or kernel.ndim != 2:
        return None
    heads = [weights[name] for i in range(1, d + 1) if (name := f"head{i}/kernel") in weights]
    if heads:
        return _through_heads(condition, kernel, heads)
    if len(kernel) % d:
        return None
    return kernel, np.arange(len(kernel)) % d


def _through_heads(
    condition: ConditionRecord, kernel: np.ndarray, heads: list[np.ndarray]
) -> tuple[Float[np.ndarray, "r h"], Int[np.ndarray, " r"]] | None:
    d, wide = len(condition.inputs), sum(head.shape[1] for head in heads)
    columns = condition.spec.get("model", {}).get("columns", [])
    others = [i for i in range(d) if i not in columns]
    if len(columns) != len(heads) or len(kernel) != wide + len(others):
        return None
    rows = np.empty((d, kernel.shape[1]), kernel.dtype)
    at = 0
    for column, head in zip(columns, heads, strict=True):
        rows[column] = (head @ kernel[at : at + head.shape[1]])[0]
        at += head.shape[1]
    rows[others] = kernel[at:]
    return rows, np.arange(d)
