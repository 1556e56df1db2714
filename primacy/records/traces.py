"""THE table as arrays: four bytes a number and one that says it is there, not a row of names.

A run of 25 million rows takes 125 MB here and several GB as a table. So this is what a run folder
is read into, part by part, and what judging, the summary, the page and the exports select from.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from primacy.records.curves import NAMES, SCHEMA, Rows
from primacy.records.study import StudyRecord

PLACE = tuple(name for name in NAMES if name != "condition")
"""What tells the curves of a condition apart."""


@dataclasses.dataclass(eq=False)
class _Arrays:
    """All curves of a condition; a row of the arrays for each of `places`."""

    steps: Int[np.ndarray, " e"]
    places: dict[tuple, int]
    """Position by split, layer, feature, target, measure (`PLACE`), in order of appearance."""
    values: Float[np.ndarray, "k s e"]
    """NaN where there is no number."""
    there: Bool[np.ndarray, "k s e"]
    """Whether the table has such a row; its number may still be null."""

    def at(self, places: Iterable[tuple]) -> Int[np.ndarray, " p"]:
        """Positions of places; the arrays grow by those that are new."""
        old = len(self.places)
        found = [self.places.setdefault(place, len(self.places)) for place in places]
        if more := len(self.places) - old:
            shape = (more, *self.values.shape[1:])
            self.values = np.concatenate([self.values, np.full(shape, np.nan, np.float32)])
            self.there = np.concatenate([self.there, np.zeros(shape, bool)])
        return np.array(found, dtype=np.int64)


class Traces:
    """Curves by condition and place; rows are selected with `filter`, as of a table in memory.

    Args:
        record: of the study; rows of other conditions and seeds than its own are left out.
        order: its conditions by display name, in the order in which their rows stand.
    """

    columns = tuple(SCHEMA)

    def __init__(self, record: StudyRecord, order: Sequence[str]) -> None:
        self.seeds = np.array(record.seeds, dtype=np.int64)
        self._kind = pl.Enum([c.name for c in record.conditions])
        self._found: dict[str, _Arrays] = {}
        for name in order:
            steps = np.array(record.condition(name).steps, dtype=np.int64)
            shape = (0, len(self.seeds), len(steps))
            self._found[name] = _Arrays(
                steps, {}, np.empty(shape, np.float32), np.empty(shape, bool)
            )

    def add(self, table: pl.DataFrame, names: Mapping[str, str]) -> None:
        """Take over rows as they are stored.

        Args:
            table: of `curves.SCHEMA`.
            names: display names of conditions, by key; rows of other conditions are left out.
        """
        groups = table.group_by(NAMES, maintain_order=True).agg("seed", "step", "value")
        sizes = groups["seed"].list.len().to_numpy()
        seed, step, value = (groups[c].explode().to_numpy() for c in ("seed", "step", "value"))
        order = np.argsort(self.seeds)
        s = np.searchsorted(self.seeds, seed, sorter=order).clip(max=len(order) - 1)
        row = order[s]
        known = self.seeds[row] == seed
        keys = groups["condition"]
        for key in keys.unique(maintain_order=True):
            if names.get(key) not in self._found:
                continue
            own = self._found[names[key]]
            mine = (keys == key).to_numpy()
            k = np.repeat(own.at(groups.filter(mine).select(PLACE).iter_rows()), sizes[mine])
            rows = np.repeat(mine, sizes)
            e = np.searchsorted(own.steps, step[rows]).clip(max=len(own.steps) - 1)
            fits = known[rows] & (own.steps[e] == step[rows])
            at = (k[fits], row[rows][fits], e[fits])
            own.values[at] = value[rows][fits]
            own.there[at] = True

    @property
    def measures(self) -> set[str]:
        """Names of the stored measures."""
        return {str(place[-1]) for own in self._found.values() for place in own.places}

    def of(self, condition: str) -> "Traces":
        """Those of one condition, or of none."""
        return self._with({n: own for n, own in self._found.items() if n == condition})

    def renamed(self, names: Mapping[str, str]) -> "Traces":
        """Those of some conditions, under other names."""
        found = {names[n]: own for n, own in self._found.items() if n in names}
        new = self._with(found)
        new._kind = pl.Enum(list(dict.fromkeys(names.values())))
        return new

    def _with(self, found: dict[str, _Arrays]) -> "Traces":
        new = object.__new__(Traces)
        new.seeds, new._found, new._kind = self.seeds, found, self._kind
        return new

    def traces(
        self, measure: str, asked: Mapping[str, bool]
    ) -> dict[tuple, Float[np.ndarray, "s e"]]:
        """The curves of a stored measure by condition, split, layer, feature, target.

        Args:
            measure: its name.
            asked: of layer, feature and target, which tell its curves apart; the others are null
                in the keys. Of curves that then have one key, the last with a row has its say.
        """
        found: dict[tuple, Float[np.ndarray, "s e"]] = {}
        for name, own in self._found.items():
            for (split, *rest, measured), k in own.places.items():
                if measured != measure:
                    continue
                marks = zip(rest, asked.values(), strict=True)
                key = (name, split, *(mark if has else None for mark, has in marks))
                before = found.get(key)
                found[key] = (
                    own.values[k]
                    if before is None
                    else np.where(own.there[k], own.values[k], before)
                )
        return found

    def derived(
        self, measure: str, asked: Mapping[str, bool]
    ) -> dict[tuple, Float[np.ndarray, "s e"]]:
        """The same of a measure of `curves.DERIVED`, as `curves.derived` computes it."""
        shares, found = self.traces("variance_explained", asked), {}
        totals = self.traces("total_variance", {"layer": True, "feature": False, "target": False})
        for key, share in shares.items():
            name, split, layer = key[:3]
            total = totals.get((name, split, layer, None, None))
            if total is None:
                found[key] = np.full_like(share, np.nan)
                continue
            with np.errstate(over="ignore"):
                value = share * total
            if measure == "variance_explained_of_final":
                there = self._rows("total_variance", name, split, layer)
                last = there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)
                final = np.where(there.any(axis=1), total[np.arange(len(total)), last], np.nan)
                final = np.where(final > 0, final, np.nan).astype(np.float32)
                with np.errstate(over="ignore"):
                    value = value / final[:, None]
            found[key] = value
        return found

    def _rows(self, measure: str, name: str, split: str, layer: str) -> Bool[np.ndarray, "s e"]:
        """Where a measure of a layer has rows."""
        own = self._found[name]
        at = [k for p, k in own.places.items() if (p[0], p[1], p[4]) == (split, layer, measure)]
        return np.asarray(own.there[at].any(axis=0))

    def filter(self, *predicates: pl.Expr) -> pl.DataFrame:
        """The rows for which all of these hold, in memory's form (`curves.named`).

        Sorted by condition, seed and step. No more is made of the table than what predicates on
        names, on seeds and on steps leave; others cost as much as they would on that.
        """
        names, seeds, steps, rest = [], [], [], []
        for predicate in predicates:
            columns = set(predicate.meta.root_names())
            for only, place in (({*NAMES}, names), ({"seed"}, seeds), ({"step"}, steps)):
                if columns <= only:
                    place.append(predicate)
                    break
            else:
                rest.append(predicate)
        chosen = self._holds("seed", self.seeds, seeds)
        parts = []
        for name, places in self._by_condition(self._places().filter(*names)):
            own = self._found[name]
            mask = chosen[:, None] & self._holds("step", own.steps, steps)
            parts.append(_table(own, self.seeds, places, mask))
        return pl.concat(parts).filter(*rest) if parts else self.clear()

    def clear(self) -> pl.DataFrame:
        """No row, of the same columns."""
        numbers = {c: pl.Series([], dtype=SCHEMA[c]) for c in ("seed", "step", "value")}
        return self._places().head(0).with_columns(**numbers).select(list(SCHEMA))

    def at_end(self, ends: Mapping[tuple[str, int], int]) -> pl.DataFrame:
        """All rows of one evaluation of each network.

        Args:
            ends: its step, by condition and seed; networks that are not listed have no rows.
        """
        parts = []
        for name, places in self._by_condition(self._places()):
            own = self._found[name]
            at = np.array([ends.get((name, int(s)), -1) for s in self.seeds], dtype=np.int64)
            parts.append(_table(own, self.seeds, places, own.steps[None, :] == at[:, None]))
        return pl.concat(parts) if parts else self.clear()

    def _holds(
        self, column: str, values: Int[np.ndarray, " n"], predicates: Sequence[pl.Expr]
    ) -> Bool[np.ndarray, " n"]:
        numbers = pl.DataFrame({column: values})
        if not predicates:
            return np.ones(len(values), bool)
        return (
            numbers.select(pl.all_horizontal(*predicates).fill_null(False)).to_series().to_numpy()
        )

    def _places(self) -> pl.DataFrame:
        """The names of every curve, as Enums, and its position in the arrays of its condition."""
        rows = [(n, *place, k) for n, own in self._found.items() for place, k in own.places.items()]
        schema = {"condition": self._kind, **dict.fromkeys(PLACE, pl.String()), "k": pl.Int64()}
        table = pl.DataFrame(rows, schema=schema, orient="row")
        return table.with_columns(
            pl.col(c).cast(pl.Enum(table[c].drop_nulls().unique(maintain_order=True)))
            for c in PLACE
        )

    def _by_condition(self, places: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
        found = places.partition_by("condition", as_dict=True)
        for name in self._found:
            if (name,) in found:
                yield name, found[name,]


def _table(
    own: _Arrays,
    seeds: Int[np.ndarray, " s"],
    places: pl.DataFrame,
    mask: Bool[np.ndarray, "s e"],
) -> pl.DataFrame:
    """The rows of some curves of a condition where the mask holds."""
    ks = places["k"].to_numpy()
    there = own.there[ks] & mask
    # By seed, then step, then in order of appearance.
    s, e, p = np.nonzero(there.transpose(1, 2, 0))
    columns = {c: places[c].gather(p) for c in NAMES}
    columns |= {"seed": pl.Series(seeds[s]), "step": pl.Series(own.steps[e])}
    columns["value"] = pl.Series(own.values[ks[p], s, e], nan_to_null=True)
    return pl.DataFrame({c: columns[c] for c in SCHEMA})


def of(curves: Rows, condition: str) -> Rows:
    """The rows of one condition, by display name."""
    if isinstance(curves, Traces):
        return curves.of(condition)
    return curves.filter(pl.col("condition").cast(pl.String) == condition)


def measures_of(curves: Rows) -> set[str]:
    """Names of the stored measures."""
    if isinstance(curves, Traces):
        return curves.measures
    return set(curves.filter()["measure"].cast(pl.String).unique())


def at_end(curves: Rows, ends: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last evaluation of some networks, the condition as a plain string.

    Args:
        curves: all rows.
        ends: condition, seed, end_step; networks that are not listed have no rows.
    """
    name = pl.col("condition").cast(pl.String)
    last = ends.select(name, "seed", step="end_step")
    if isinstance(curves, Traces):
        found = curves.at_end({(c, s): step for c, s, step in last.iter_rows()})
        return found.with_columns(name)
    at = ["condition", "seed", "step"]
    return curves.filter().with_columns(name).join(last, on=at, how="semi", maintain_order="left")
