"""What this machine is, what a run would do on it, and what its bits depend on.

The same lane trained in blocks of another width may round differently; nothing else may change
it. `determinism` measures this here, with the programs that real runs use.
"""

import dataclasses
import importlib.metadata
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from rich.console import Group
from rich.table import Table
from rich.text import Text

from primacy.engine import machine
from primacy.engine.forecast import EFFICIENCY, engine, seconds, structures
from primacy.engine.hardware import workers
from primacy.engine.plan import plan
from primacy.registry import models, tasks
from primacy.report.terminal import plain
from primacy.study.describe import VERSIONS, describe, measured
from primacy.study.spec import Condition, Study, Training
from primacy.training.block import Trained, Watch, train_block
from primacy.training.block import width as planned_width
from primacy.training.lane import Lane
from primacy.training.programs import Programs

STEPS = 32
"""Of the networks of the determinism table: enough for a difference in rounding to show."""

NEIGHBORS = 2
"""Lanes of a block in which neighbors are tried, where the study trains one by one."""


def examined(study: Study | None = None) -> dict[str, Any]:
    """Everything that `primacy doctor` says, as JSON values.

    Args:
        study: whose plan is asked for, and whose networks go into the determinism table; without
            one there is no plan, and a small network of two boolean features is taken.
    """
    pool = workers()
    speed = {"one_core": machine.gemm(1), "all_cores": machine.gemm(machine.cores())}
    found: dict[str, Any] = {
        "machine": {
            "processor": machine.processor(),
            "cores": machine.cores(),
            "memory_bytes": machine.memory(),
        },
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
        "jax": {
            "device": f"{pool[0].platform} ({pool[0].device_kind})",
            "workers": len(pool),
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            **_products(),
        },
        "cache": _cache(),
        "gemm_gflops": speed,
    }
    if study is not None:
        found |= planned(study, speed["all_cores"], len(pool))
    found["determinism"] = determinism(specimen(study))
    return found


def _products() -> dict[str, float | bool]:
    """How many cores a matrix product of JAX's keeps busy; one, where it runs single-threaded."""
    a = jnp.ones((1024, 1024), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(a, a).block_until_ready()
    busy, began = time.process_time(), time.perf_counter()
    for _ in range(20):
        product(a, a).block_until_ready()
    used = (time.process_time() - busy) / (time.perf_counter() - began)
    return {"cores_of_a_product": used, "single_threaded": used < 1.25}


def _cache() -> dict[str, Any]:
    """Where compiled programs are kept, and how much there is."""
    folder = getattr(jax.config, "jax_compilation_cache_dir", None)
    files = [f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()] if folder else []
    return {"folder": folder, "files": len(files), "bytes": sum(files)}


def planned(study: Study, gflops: float, at_once: int) -> dict[str, Any]:
    """What a run into an empty folder would do.

    `plan`, by structure; `seconds` in all; `engine`: whether threads or processes suit it better.
    """
    todo = plan(study)
    return {
        "plan": structures(todo, gflops, at_once),
        "seconds": seconds(todo, gflops, at_once),
        "engine": engine(todo, gflops, at_once),
    }


def specimen(study: Study | None = None) -> Study:
    """The first condition of a study, cut to a few steps; of no study, a small boolean one."""
    condition = _small() if study is None else next(iter(study.studies[0].conditions.values()))
    training = dataclasses.replace(
        condition.training,
        epochs=None,
        steps=STEPS,
        phases=(),
        evaluations=3,
        spacing="linear",
        also=(),
        confirm=1,
        stop="budget",
    )
    condition = dataclasses.replace(condition, training=training)
    return Study(name="specimen", conditions={"default": condition}, measures=("loss",), seeds=1)


def _small() -> Condition:
    return Condition(
        task=tasks.load()["boolean"](features=("linear", "xor_and_or"), units_per_feature=8),
        model=models.load()["mlp"](widths=(32, 16)),
        training=Training(
            batch_size=64, examples=256, fit_examples=128, test_examples=128, steps=STEPS
        ),
    )


def determinism(study: Study) -> list[dict[str, Any]]:
    """What a network's bits depend on, measured: a row for each thing that might change them.

    Each row compares the network of seed 0, trained twice: `same` says whether the bits of its
    final weights are equal, `largest` is the largest difference between two of them.
    """
    (condition,) = study.conditions.values()
    record = describe(study).conditions[0]
    own = planned_width(condition)
    near = own if own > 1 else NEIGHBORS
    bench = _Bench(study, condition, record)
    alone, block = bench.lanes(1), bench.lanes(near)
    reference = bench.weights(near, block)
    rows = []

    def row(what: str, weights: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
        rows.append(
            {
                "what": what,
                "same": all(np.array_equal(weights[k], other[k]) for k in other),
                "largest": max(largest_difference(weights[k], other[k]) for k in other),
            }
        )

    row("the same block again", bench.weights(near, block), reference)
    row(f"other lane order in a block of {near}", bench.weights(near, block[::-1]), reference)
    row(f"a block of {near} not full: padded", bench.weights(near, alone), reference)
    row("a neighbor that diverges to NaN", bench.weights(near, bench.wild(near)), reference)
    row("evaluated more often: other chunks", bench.weights(near, block, looks=17), reference)
    row("two workers at the same time", bench.twice(near, block), reference)
    for width in sorted({1, 2} - {near}):  # each is compiled: more would take too long
        lanes = bench.lanes(width)
        row(f"width {width} instead of {near}", bench.weights(width, lanes), reference)
    return [{**row, "study_width": own} for row in rows]


def largest_difference(a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."]) -> float:
    """The largest absolute difference; NaN if one is NaN where the other is not."""
    return float(np.abs(np.where(np.isnan(a) & np.isnan(b), 0, a - b)).max(initial=0.0))


class _Bench:
    """Trains the networks of the determinism table; a width is compiled once."""

    def __init__(self, study: Study, condition: Condition, record: Any) -> None:
        self.study, self.condition, self.record = study, condition, record
        self.device = workers()[0]
        self._compiled: dict[int, Programs] = {}

    def lanes(self, count: int) -> list[Lane]:
        """Seeds 0, 1, 2, ..."""
        return [Lane(self.condition, self.record, seed) for seed in range(count)]

    def wild(self, count: int) -> list[Lane]:
        """The same, and seed 1 learns so fast that it diverges."""
        training = dataclasses.replace(self.condition.training, learning_rate=1e38)
        lanes = self.lanes(count)
        condition = dataclasses.replace(self.condition, training=training)
        return [*lanes[:1], lanes[1]._replace(condition=condition), *lanes[2:]]

    def trained(self, width: int, lanes: Sequence[Lane]) -> Trained:
        """The lanes as a block."""
        if width not in self._compiled:
            self._compiled[width] = Programs(
                self.condition, measured(self.study), width, self.device
            )
        watch = Watch(lambda steps: None, lambda: False)
        return train_block(self._compiled[width], lanes, self.study.seed_axes, watch)

    def weights(
        self, width: int, lanes: Sequence[Lane], looks: int | None = None
    ) -> dict[str, np.ndarray]:
        """The final weights of seed 0."""
        if looks is not None:
            steps = tuple(np.linspace(0, STEPS, looks).astype(int).tolist())
            record = dataclasses.replace(self.record, steps=steps)
            lanes = [lane._replace(record=record) for lane in lanes]
        return _of_seed_0(self.trained(width, lanes))

    def twice(self, width: int, lanes: Sequence[Lane]) -> dict[str, np.ndarray]:
        """The final weights of seed 0, trained while another worker trains the same."""
        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(self.trained, width, lanes) for _ in range(2)]
            return _of_seed_0(both[1].result())


def _of_seed_0(trained: Trained) -> dict[str, np.ndarray]:
    return {k: v for k, v in trained.weights.items() if k.split("/")[1] == "0"}


def told(found: dict[str, Any]) -> Group:
    """What `examined` found, for a terminal."""
    own, jax_, cache, speed = (found[k] for k in ("machine", "jax", "cache", "gemm_gflops"))
    threads = "one thread" if jax_["single_threaded"] else "several threads"
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("processor", f"{own['processor']}, {own['cores']} cores"),
        ("memory", f"{own['memory_bytes'] / 1e9:.1f} GB"),
        ("versions", ", ".join(f"{k} {v}" for k, v in found["versions"].items())),
        (
            "matrix products",
            f"{speed['one_core']:.0f} GFLOP/s on one core, {speed['all_cores']:.0f} on all at once",
        ),
        (
            "JAX",
            f"{jax_['device']}, {jax_['workers']} workers; a matrix product keeps "
            f"{jax_['cores_of_a_product']:.1f} cores busy ({threads})",
        ),
        ("XLA_FLAGS", jax_["xla_flags"] or "none of yours"),
        (
            "program cache",
            f"{cache['folder'] or 'none'}: {cache['files']} files, {cache['bytes'] / 1e6:.0f} MB",
        ),
    ):
        facts.add_row(name, plain(value))
    parts: list[Any] = [facts]
    if "plan" in found:
        parts += [
            Text("\nWhat a run would do", style="bold"),
            _plan_table(found["plan"]),
            Text(
                f"About {found['seconds']:.0f} s in all. In brackets: control networks, and what "
                "compiling adds the first time. The seconds are predicted from the speed of matrix "
                f"products above, of which training reaches about {EFFICIENCY:.0%}; a busy machine "
                "makes them larger."
            ),
            Text(_advice(found["engine"])),
        ]
    parts += [
        Text("\nWhat a network's bits depend on, measured here", style="bold"),
        _bits_table(found["determinism"]),
        Text(
            "Where it says yes, a run repeats bit for bit. Another width of a block rounds "
            "otherwise; a study's blocks keep the width that its structure gives them."
        ),
    ]
    return Group(*parts)


def _advice(found: dict[str, Any]) -> str:
    """Threads or processes, and why."""
    if found["call_ms"] is None:
        return ""
    busy = f"one interpreter would be busy {found['interpreter']:.0%} of the time"
    between = f"{found['call_ms']:.1f} ms of work between two calls into XLA, so {busy}"
    if found["engine"] == "dask":
        return f"Processes are the better choice here (--engine dask): {between}."
    return f"Threads, the default, are fine here: {between}."


def _table(*heads: str) -> Callable[..., Table]:
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    return lambda rows: ([table.add_row(*row) for row in rows], table)[1]


def _plan_table(rows: Sequence[dict[str, Any]]) -> Table:
    return _table("conditions", "parameters", "networks", "trained", "seconds", "memory")(
        [
            (
                plain(row["conditions"][0])
                + (f" and {len(row['conditions']) - 1} more" if len(row["conditions"]) > 1 else ""),
                f"{row['parameters']:,}",
                f"{row['networks']} (+{row['controls']})",
                "one by one" if row["width"] == 1 else f"{row['width']} side by side",
                f"{row['seconds']:.1f} (+{row['compile_seconds']:.0f})",
                f"{row['memory_bytes'] / 1e6:.0f} MB",
            )
            for row in rows
        ]
    )


def _bits_table(rows: Sequence[dict[str, Any]]) -> Table:
    return _table("against a plain block", "same bits", "largest difference")(
        [(row["what"], "yes" if row["same"] else "no", f"{row['largest']:.1e}") for row in rows]
    )
