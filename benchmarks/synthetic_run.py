"""A run folder of any size without training: the record of `complexity`, made-up learning curves.

    python benchmarks/synthetic_run.py FOLDER [--seeds 1000] [--evaluations 501] [--block 25]

A network and an evaluation have 50 rows, so 1,000 seeds and 501 evaluations are 25 million. The
same arguments give the same bytes.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import polars as pl

import primacy
from primacy.records import curves
from primacy.records.store import Store
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.study.describe import describe

MEASURES = ("accuracy", "input_gradient", "loss", "reliance", "total_variance",
            "variance_explained", "variance_explained_example_mean",
            "variance_explained_unit_mean")  # fmt: skip


def record(seeds: int, evaluations: int) -> StudyRecord:
    """Of `complexity` with so many seeds and evaluations, and a few of its measures."""
    study = primacy.read("complexity")
    found = describe(dataclasses.replace(study, seeds=seeds, measures=MEASURES, controls="none"))
    steps = tuple(4 * i for i in range(evaluations))
    conditions = tuple(dataclasses.replace(c, steps=steps) for c in found.conditions)
    return dataclasses.replace(found, conditions=conditions)


def places(own: StudyRecord, c: ConditionRecord) -> pl.DataFrame:
    """What an evaluation of a network has rows of."""
    rows = []
    for card in own.measures:
        layers = c.layers if card.by_layer else (None,)
        sites = [f for f in c.features if f.null_of is None or "site" in card.axes]
        many = bool({"feature", "site"} & set(card.axes))
        for split in ("train", "test") if card.name in ("accuracy", "loss") else ("test",):
            for layer in layers:
                for f in sites if many else (None,):
                    targets = [t.name for t in c.targets] if "target" in card.axes else [None]
                    rows += [(c.key, split, layer, f and f.name, t, card.name) for t in targets]
    order = ("condition", "split", "layer", "feature", "target", "measure")
    return pl.DataFrame(rows, {name: curves.SCHEMA[name] for name in order}, orient="row")


def table(own: pl.DataFrame, steps: tuple[int, ...], seed: int) -> pl.DataFrame:
    """The curves of a network: each rises around a step of its own, with noise."""
    random = np.random.default_rng(seed)
    middle = random.uniform(0.1, 0.9, own.height) * steps[-1]
    at = np.array(steps)[:, None]
    height = 0.5 + 0.5 / (1 + np.exp(-(at - middle) / (0.02 * steps[-1])))
    values = height + random.normal(0, 0.005, height.shape)
    rows = pl.DataFrame({"step": steps}, {"step": pl.Int64()}).join(
        own, how="cross", maintain_order="left_right"
    )
    found = rows.with_columns(
        seed=pl.lit(seed, pl.Int64()), value=pl.Series(values.ravel().astype(np.float32))
    )
    return found.select(list(curves.SCHEMA))


def make(folder: Path, seeds: int, evaluations: int, block: int) -> int:
    """Write the folder; returns its rows."""
    own, store, rows = record(seeds, evaluations), Store(folder), 0
    (c,) = own.conditions
    there = places(own, c)
    with store.locked():
        store.begin(own, "# made up: benchmarks/synthetic_run.py\n")
        for first in range(0, seeds, block):
            mine = range(first, min(seeds, first + block))
            found = pl.concat([table(there, c.steps, seed) for seed in mine])
            ends = [(c.key, seed, "budget", c.steps[-1]) for seed in mine]
            lanes = pl.DataFrame(ends, dict(curves.LANES), orient="row")
            weights = {f"{c.key}/{s}/output/bias": np.full(2, s, np.float32) for s in mine}
            origin = {"block_width": block, "study_hash": own.study_hash}
            store.commit(found, lanes, weights, origin)
            rows += found.height
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--evaluations", type=int, default=501)
    parser.add_argument("--block", type=int, default=25)
    asked = parser.parse_args()
    print(f"{make(asked.folder, asked.seeds, asked.evaluations, asked.block):,} rows")


if __name__ == "__main__":
    main()
