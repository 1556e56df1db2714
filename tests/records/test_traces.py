"""THE table as arrays selects, derives and orders rows as the table in memory does (the oracle)."""

import numpy as np
import polars as pl
import pytest

from primacy.analysis.runs import Runs, cards
from primacy.records import curves, table
from primacy.records.store import Store
from primacy.records.traces import Traces, at_end, measures_of, of
from primacy.result import Result
from tests.support import synthetic

SEEDS = 5


@pytest.fixture(scope="module")
def study():
    """Record, table in memory, lanes and arrays of a made-up study; some values are null."""
    record, rows, lanes = synthetic.complexity(
        SEEDS, rates=(1e-3, 3e-3), evaluations=11, diverged=(2,), stop="learned"
    )
    number = pl.int_range(pl.len())
    stored = rows.with_columns(
        pl.col(curves.NAMES).cast(pl.String),
        value=pl.when(number % 17 != 3).then(pl.col("value")),
    )
    keys = {c.name: c.key for c in record.conditions}
    stored = stored.with_columns(pl.col("condition").replace_strict(keys, return_dtype=pl.String))
    stored = stored.sort("condition", "seed", "step", maintain_order=True).select(
        list(curves.SCHEMA)
    )
    names = {key: name for name, key in keys.items()}
    traces = Traces(record, [names[key] for key in sorted(names)])
    # In two pieces, each of some seeds.
    for some in (pl.col("seed") % 2 == 0, pl.col("seed") % 2 == 1):
        traces.add(stored.filter(some), names)
    return record, curves.named(stored, record), lanes, traces


def plain(rows):
    return rows.with_columns(pl.col(curves.NAMES).cast(pl.String))


FILTERS = {
    "all": (),
    "a measure": (pl.col("measure") == "accuracy",),
    "names and null": (pl.col("layer").is_null() & (pl.col("split") == "test"),),
    "a step": (pl.col("step") == 0, pl.col("measure") == "loss"),
    "seeds": (pl.col("seed").is_in([1, 3]), pl.col("layer") == "hidden1"),
    "numbers": (pl.col("value") > 0.5, pl.col("measure") == "reliance"),
    "mixed": ((pl.col("seed") == 2) | (pl.col("measure") == "dead_units"),),
    "none": (pl.col("measure") == "charm",),
}


@pytest.mark.parametrize("which", FILTERS)
def test_rows_and_their_order_are_those_of_the_table(study, which):
    _, rows, _, traces = study
    found, wanted = traces.filter(*FILTERS[which]), rows.filter(*FILTERS[which])
    assert plain(found).equals(plain(wanted))
    assert found.schema["condition"] == rows.schema["condition"]
    assert which == "none" or wanted.height


@pytest.mark.parametrize("measure", [*curves.DERIVED, "accuracy", "variance_explained", "reliance"])
def test_curves_of_every_seed_are_those_of_the_table(study, measure):
    record, rows, lanes, traces = study
    ours, oracle = Runs(traces, lanes, record), Runs(rows, lanes, record)
    found, wanted = ours._read(measure), oracle._read(measure)
    assert found.keys() == wanted.keys()
    assert found
    for key, trace in wanted.items():
        np.testing.assert_array_equal(found[key], trace)
    assert measure in cards(record)


def test_one_condition_the_last_evaluations_and_the_measures(study):
    record, rows, lanes, traces = study
    name = record.conditions[0].name
    assert plain(of(traces, name).filter()).equals(plain(of(rows, name).filter()))
    assert plain(at_end(traces, lanes)).equals(plain(at_end(rows, lanes)))
    assert measures_of(traces) == measures_of(rows)


def test_a_run_is_read_a_few_networks_at_a_time(study, tmp_path, monkeypatch):
    """However the rows of a folder are cut, and whether lazily or not, they are the same."""
    record, rows, _, _ = study
    names = {c.key: c.name for c in record.conditions}
    store = Store(tmp_path / "run")
    keys = {name: key for key, name in names.items()}
    with store.locked():
        store.begin(record, "")
        for some in ([0, 1, 2], [3, 4]):
            own = plain(rows.filter(pl.col("seed").is_in(some))).with_columns(
                pl.col("condition").replace_strict(keys, return_dtype=pl.String)
            )
            ends = [(k, s, "budget", record.conditions[0].steps[-1]) for k in names for s in some]
            lanes = pl.DataFrame(ends, dict(curves.LANES), orient="row")
            weights = {f"{k}/{s}/bias": np.ones(1, np.float32) for k in names for s in some}
            store.commit(own, lanes, weights, {"block_width": 3})
    wanted = plain(rows)
    for at_once, together in ((1 << 18, 1 << 18), (500, 1), (500, 1 << 18)):
        monkeypatch.setattr("primacy.records.parts.MAX_AT_ONCE", at_once)
        monkeypatch.setattr(table, "TOGETHER", together)
        assert plain(Result(store.folder).curves).equals(wanted)
    scanned = Result(store.folder, seeds=2).scan().filter(pl.col("measure") == "loss").collect()
    order = [c for c in curves.SCHEMA if c != "value"]
    known = wanted.filter(pl.col("measure") == "loss", pl.col("seed") < 2)
    assert scanned.sort(order).equals(known.sort(order))
