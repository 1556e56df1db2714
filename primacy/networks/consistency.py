"""How alike networks are that differ only in their seed: a measure of pairs of networks.

Two networks are a pair, and no network is in two pairs, so that the unit of replication is the
pair: pairs are independent, which all n (n - 1) / 2 pairs of n networks are not. With n seeds there
are n // 2 pairs: seeds 0 and 1, seeds 2 and 3, and so on.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Array, Float

from primacy.analysis.inference import Interval, SignFlip
from primacy.measures.geometry import rsa
from primacy.networks.stored import Network, examples_drawn, network
from primacy.records.store import StoreError
from primacy.records.study import ConditionRecord
from primacy.result import Result
from primacy.rng import streams

INPUTS = 256
"""Common inputs by which networks are compared."""

MOST = 12
"""Conditions of which each is compared with each other one, unless some are named."""

FEWEST = 6
"""Pairs without which nothing is tested: with 5 the smallest two-sided p is .0625."""


@dataclasses.dataclass(frozen=True)
class Consistency:
    """How alike the networks of each pair are in one layer."""

    condition: str
    other: str
    """Of a pair's second network; the same where a condition is compared with itself."""
    layer: str
    seeds: tuple[tuple[int, int], ...]
    values: Float[np.ndarray, " pairs"]
    """RSA of the two layers: 1, the same distances between inputs but for scale; 0, unrelated."""

    @property
    def mean(self) -> float:
        """Over pairs."""
        return float(self.values.mean())


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much more alike the pairs of one comparison are than those of another."""

    value: float
    """Mean difference over pairs of networks."""
    interval: Interval
    """95 %, from the sign-flip test over pairs."""
    p: float | None
    """Two-sided; null: fewer than 6 pairs."""
    pairs: int


def consistency(
    result: Result, condition: str, other: str | None = None, *, layer: str | None = None
) -> Consistency:
    """RSA between two networks of different seeds, pair by pair, over common inputs.

    Distances are Euclidean, compared by Pearson's r over all pairs of 256 inputs. The inputs are
    test examples of the condition, drawn apart from all networks' own (from the stream `common`),
    the same for every pair. Between two conditions a pair's value is the mean of both ways: the
    first network of one with the second of the other, and the reverse.

    1: the same geometry. 0: unrelated. It says nothing of accuracy: two untrained networks of wide
    layers are alike, too. Loud units make the distances.

    Args:
        result: the run.
        condition: display name of the networks' condition.
        other: compare with networks of this condition, which reads the same inputs; None: the same.
        layer: None: the last hidden layer of each.

    Raises:
        StoreError: there are fewer than two networks, the two conditions read different inputs, a
            layer is missing, or the examples are those of a file.

    Reference: Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems Neuroscience 2; asked of
    networks of several tasks by Lampinen, Chan, Hermann 2024, arXiv 2405.05847.
    """
    a, b = (result.record.condition(name) for name in (condition, other or condition))
    return _compared(result, a, b, layer, _reader(result, layer))


SCHEMA = {
    "condition": pl.String(),
    "other": pl.String(),
    "pairs": pl.Int64(),
    "mean": pl.Float64(),
    "sd": pl.Float64(),
    "own_minus_other": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "p": pl.Float64(),
}


def alike(
    result: Result, conditions: Sequence[str] = (), *, layer: str | None = None
) -> pl.DataFrame:
    """How alike networks of different seeds are, within each condition and between conditions.

    One row for each condition with itself and with each other one that reads the same inputs:
    `mean` and `sd` over pairs of networks of their RSA (`consistency`), and, for another one,
    `own_minus_other`: how much more alike two networks of `condition` are than one of it and one of
    `other`, with a 95 % interval and a two-sided p, null for fewer than 6 pairs, which take 12
    seeds. Negative: two networks of `condition` resemble each other less than they resemble one of
    `other`. The p are not adjusted for their number.

    Args:
        result: the run.
        conditions: display names. Where none is named, all of them; of more than 12 each is then
            compared with itself alone.
        layer: None: the last hidden layer of each.

    Raises:
        StoreError: as `consistency`.
    """
    records = [result.record.condition(name) for name in conditions] or result.record.conditions
    between = bool(conditions) or len(records) <= MOST
    seen, rows = _reader(result, layer), []
    for a in records:
        own = _compared(result, a, a, layer, seen)
        for b in records if between else [a]:
            if b is a or b.inputs != a.inputs:
                rows += [_row(own, None)] if b is a else []
                continue
            both = _compared(result, a, b, layer, seen)
            rows.append(_row(both, more_alike(own, both)))
    return pl.DataFrame(rows, schema=SCHEMA)


def _row(found: Consistency, apart: "Difference | None") -> dict[str, object]:
    n = len(found.values)
    row = {
        "condition": found.condition,
        "other": found.other,
        "pairs": n,
        "mean": found.mean,
        "sd": float(found.values.std(ddof=1)) if n > 1 else None,
    }
    if apart is None:
        return row
    tested = apart.p is not None
    ends = {"low": apart.interval.low, "high": apart.interval.high, "p": apart.p} if tested else {}
    return {**row, "own_minus_other": apart.value, **ends}


Reader = Callable[[str, str, int], Float[np.ndarray, "n h"]]


def _reader(result: Result, layer: str | None) -> Reader:
    """Of a network of the second condition, over common inputs of the first: its layer, once."""
    common = int(streams(0, "evaluation")("common").integers(2**31))

    @functools.cache
    def inputs(condition: str) -> Float[Array, "n *shape"]:
        return examples_drawn(result.record.condition(condition), common, "test", INPUTS)

    @functools.cache
    def seen(of: str, condition: str, seed: int) -> Float[np.ndarray, "n h"]:
        return _layer(network(result, condition, seed), inputs(of), layer)

    return seen


def _compared(
    result: Result, a: ConditionRecord, b: ConditionRecord, layer: str | None, seen: Reader
) -> Consistency:
    if a.inputs != b.inputs:
        raise StoreError(f"{a.name} and {b.name} read different inputs: there are none in common")
    seeds = list(result.record.seeds)
    pairs = tuple(zip(seeds[::2], seeds[1::2], strict=False))
    if not pairs:
        raise StoreError(f"{len(seeds)} networks of {a.name}: a pair takes two")
    values = []
    for first, second in pairs:
        ways = [(a.name, first, b.name, second)]
        ways += [(b.name, first, a.name, second)] if a.name != b.name else []
        values.append(
            np.mean([float(rsa(seen(a.name, n, s), seen(a.name, m, t))) for n, s, m, t in ways])
        )
    return Consistency(a.name, b.name, layer or a.layers[-1], pairs, np.array(values))


def _layer(
    trained: Network, inputs: Float[Array, "n *shape"], layer: str | None
) -> Float[np.ndarray, "n h"]:
    names = trained.record.layers
    called = names[-1] if layer is None and names else layer
    if called not in names:
        raise StoreError(f"{trained.record.name} has no layer {called}: it has {', '.join(names)}")
    return np.asarray(trained.model.apply(trained.params, inputs).layers[called])


def more_alike(one: Consistency, other: Consistency) -> Difference:
    """How much more alike the networks of `one` are than those of `other`, paired by their seeds.

    0: as alike. The replicate is a pair of networks, so there are half as many as seeds.

    Raises:
        ValueError: the two were taken over different seeds.
    """
    if one.seeds != other.seeds:
        raise ValueError("compare the same seeds: a pair of one is paired with a pair of the other")
    difference = one.values - other.values
    test = SignFlip(difference, np.ones(len(difference)))
    tested = len(difference) >= FEWEST
    nowhere = Interval(-np.inf, np.inf)
    return Difference(
        value=float(difference.mean()),
        interval=test.interval(0.95) if tested else nowhere,
        p=test.p(0.0) if tested else None,
        pairs=len(difference),
    )
