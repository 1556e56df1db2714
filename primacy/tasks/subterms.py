"""Watched features of the task `boolean`: functions of a block that nothing is trained on."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from primacy.errors import closest
from primacy.tasks import truthtable
from primacy.types import Feature

FORM = '"FEATURE: EXPRESSION" such as "xor_xor_xor: a xor b"; in it a is unit 0 of the block, b 1'


@dataclasses.dataclass(frozen=True)
class Subterm:
    """A function of the units of one feature's block."""

    name: str
    block: str
    """The feature whose block it reads."""
    units: tuple[int, ...]
    """The units that it names, in the order of the table's bits."""
    table: Bool[np.ndarray, "rows"]


@functools.lru_cache(maxsize=1000)
def subterm(text: str, blocks: tuple[str, ...], size: int) -> Subterm:
    """What a watched feature's text names.

    Args:
        text: `block: expression`.
        blocks: names of the task's features.
        size: units of a block.

    Raises:
        ValueError: it is not such a text, or names no block or no unit of it.
    """
    block, colon, expression = (part.strip() for part in text.partition(":"))
    if not colon:
        raise ValueError(f"names no block. Write {FORM}")
    if block not in blocks:
        near = closest(block, blocks)
        raise ValueError(f'"{block}" is not a feature.{near} There are: {", ".join(blocks)}')
    names, table = truthtable.parse(expression)
    units = []
    for name in names:
        unit = ord(name) - ord("a") if len(name) == 1 else -1
        if not 0 <= unit < size:
            last = chr(ord("a") + min(size, 26) - 1)
            raise ValueError(f'"{name}" is no unit of the block: they are a to {last}')
        units.append(unit)
    if table.all() or not table.any():
        raise ValueError(f"always {int(table[0])}; a feature must take both values")
    return Subterm(text, block, tuple(units), table)


def declared(term: Subterm, first: int) -> Feature:
    """The feature that a task declares of it; `first` is the column of the block's unit 0."""
    matters = np.atleast_1d(truthtable.sensitive(term.table).any(1))
    columns = sorted(first + u for u, use in zip(term.units, matters, strict=True) if use)
    return Feature(
        name=term.name,
        columns=tuple(columns),
        predictivity=None,
        complexity=truthtable.average_sensitivity(term.table),
        watched=True,
    )


def values(term: Subterm, block: Float[Array, "n u"]) -> Float[Array, " n"]:
    """0.0 or 1.0 for each example, from the units of its block."""
    row = sum(block[:, unit].astype(jnp.int32) << j for j, unit in enumerate(term.units))
    return jnp.asarray(term.table.astype(np.float32))[row]
