"""Names of layers: patterns, which are parsed and never evaluated, and which layers to measure."""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

import numpy as np

from primacy.errors import closest, counted, shown
from primacy.networks.frameworks.network import Layer, LayerError, Taken

FLAT = 1024
"""A layer of at most this many numbers per example is taken as it is, a larger one as its mean over
positions."""

MAX_LAYERS = 8
"""Layers that are measured where none were asked for."""

MAX_PATTERN = 200
"""Characters of a pattern."""

MAX_LISTED = 12
"""Names that an error lists."""


@dataclasses.dataclass(frozen=True)
class Passage:
    """What went through one place of a network in a test pass."""

    shape: tuple[int, ...]
    """Of one example."""
    digest: bytes
    """Of its numbers, sorted: equal where two places hold the same numbers, also reshaped."""
    weights: bool = False
    """Whether it is what a module with a matrix of weights reads."""
    block: bool = False
    """Whether it is what a module gives that holds several such modules."""

    @property
    def size(self) -> int:
        """Numbers per example."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def taken(self) -> Taken:
        """How it becomes a row unless something else was asked for."""
        return "flat" if self.size <= FLAT or len(self.shape) < 2 else "mean"


def digest(values: np.ndarray) -> bytes:
    """A hash of the numbers of a layer that forgets their order."""
    flat = np.sort(np.asarray(values, np.float32), axis=None)
    return hashlib.blake2b(flat.tobytes(), digest_size=16).digest()


def call_name(name: str, earlier: Mapping[str, Any]) -> str:
    """The name of one more passage: `tied`, `tied:2`, `tied:3`."""
    if name not in earlier:
        return name
    number = 2
    while f"{name}:{number}" in earlier:
        number += 1
    return f"{name}:{number}"


def asked(layers: Sequence[str] | Mapping[str, str] | str | None) -> dict[str, Taken | None] | None:
    """Patterns, each with how the layer is taken; None where none were given.

    Raises:
        LayerError: one is no pattern, or says to take a layer in a way that there is not.
    """
    if layers is None:
        return None
    if isinstance(layers, str):
        layers = [layers]
    given = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers)
    for pattern, taken in given.items():
        if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN:
            raise LayerError(f"layers: {pattern!r:.80} is not the name of a layer")
        if taken is not None and taken not in get_args(Taken):
            raise LayerError(
                f"layers: {pattern}: {taken!r} is no way to take a layer."
                f"{closest(str(taken), get_args(Taken))} There are: {', '.join(get_args(Taken))}"
            )
    return cast("dict[str, Taken | None]", given)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern stands for.

    `*` is any text within one part of a dotted name, `**` any text, `?` one character. Without a
    `:` it stands for the first call of a module only; `:*` for every call.

    Raises:
        LayerError: there are none; names the nearest.
    """
    body = pattern.removesuffix(":*")
    pieces = re.split(r"(\*\*|\*|\?)", body)
    places = {"**": r"[^:]*", "*": r"[^.:]*", "?": r"[^.:]"}
    text = "".join(places.get(piece) or re.escape(piece) for piece in pieces)
    wanted = re.compile(text + (r"(:\d+)?" if body != pattern else ""))
    every = list(names)
    found = [name for name in every if wanted.fullmatch(name)]
    if not found:
        listed = [name for name in every if ":" not in name]
        more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
        raise LayerError(
            f"no layer matches {shown(pattern)!r}.{closest(pattern, every)} "
            f"There are: {', '.join(listed[:MAX_LISTED])}{more}"
        )
    return found


def chosen(
    patterns: Mapping[str, Taken | None], passages: Mapping[str, Passage]
) -> dict[str, Taken]:
    """The layers that were asked for, in the order of the forward pass.

    Raises:
        LayerError: a pattern stands for none.
    """
    found: dict[str, Taken] = {}
    for pattern, taken in patterns.items():
        for name in matching(pattern, passages):
            found[name] = taken or passages[name].taken
    return {name: found[name] for name in passages if name in found}


def candidates(passages: Mapping[str, Passage], ends: Iterable[bytes]) -> dict[str, Taken]:
    """What modules with weights read and blocks give, each content once.

    Args:
        passages: in the order of the forward pass.
        ends: digests of inputs and outputs, which are no hidden layers.
    """
    seen, found = set(ends), {}
    for name, passage in passages.items():
        wanted = (passage.weights or passage.block) and passage.size >= 2 and ":" not in name
        if not wanted or passage.digest in seen:
            continue
        seen.add(passage.digest)
        found[name] = passage.taken
    return found


def thinned(names: Sequence[str], most: int = MAX_LAYERS) -> list[str]:
    """At most so many, evenly over the depth, the first and the last among them."""
    if len(names) <= most:
        return list(names)
    return [
        names[int(i)] for i in np.unique(np.linspace(0, len(names) - 1, most).round().astype(int))
    ]


def lines(layers: Sequence[Layer], modules: int, parameters: int) -> str:
    """The table of layers as text: what is measured, in the order of the forward pass."""
    rows = [("layer", "shape", "taken as", "edited onward")]
    rows += [
        (shown(x.name), "x".join(map(str, x.shape)), x.taken, "yes" if x.cut else "no")
        for x in layers
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    body = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    found, of = counted(len(layers), "layer"), counted(modules, "module")
    head = f"{found} of {of}, {counted(parameters, 'parameter')}"
    return "\n".join([head, *(f"  {line.rstrip()}" for line in body)])
