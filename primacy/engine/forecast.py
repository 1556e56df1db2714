"""How long a run will take, told from its plan and the machine's speed.

A sum of core-seconds, shared by the workers that have a block: the products of matrices at the
machine's own speed, a small charge for each step, evaluation and program, and what comes once.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from primacy.engine import machine
from primacy.engine.packing import Batch
from primacy.engine.plan import Plan, program, refusal

# Read off the CPU seconds of `make bench BENCH=--quick` on two busy cores of an AMD EPYC: between
# 10 and 30 seeds of the growth study .11 s a network (640 steps, 41 evaluations), between 30 and
# 100 tiny networks 9 ms each (2,000 steps in blocks of 256, 21 evaluations), a warm run of next to
# nothing 4 s, cold against warm 7 s (4 measures) and 11 s (all of complexity's) at two thirds of
# the cores' own speed. docs/performance.md puts predictions beside runs of the idle machine.

EFFICIENCY = 0.6
"""Share of the machine's matrix-product speed that training reaches where it is what takes time."""

STEP_SECONDS = 30e-6
"""Of a core for a training step of a block, beside its multiplications."""

LOOK_SECONDS = 0.4e-3
"""Of a core for an evaluation of one network, beside its multiplications: measuring, storing."""

COMPILE_SECONDS = 5.0
"""Of a core for the programs of a structure that are not in the cache."""

LOCK_SECONDS = 0.4e-3
"""Of the interpreter's lock that a call into XLA costs: dispatch, and what is drawn or stored."""

BUSY = 0.5
"""Share of its time that the interpreter may be busy before threads wait for one another."""

START_SECONDS = 4.0
"""Once: the imports before and the verdicts and the page after."""


def structures(todo: Plan, gflops: float, at_once: int) -> list[dict[str, Any]]:
    """What each structure of a plan takes, in order, as JSON values.

    `seconds` is on the clock, if its blocks had the workers to themselves; `compile_seconds` comes
    once, if the cache has no program; `core_seconds` is what it adds to `seconds` below.

    Args:
        todo: the plan.
        gflops: GFLOP/s of matrix products, all cores together.
        at_once: blocks that are trained at the same time.
    """
    rows = []
    for part in todo.parts:
        for own in _by_program(part):
            batches = own.every_batch
            counts = [(c, n) for batch in batches for _, c, n in batch.counts]
            width, blocks = batches[0].width, sum(map(len, batches))
            busy = min(blocks, at_once)
            records = [c for c, _ in counts]
            own_conditions = [c for c in records if c.control is None] or records
            work = own.multiplications / (1e9 * gflops * EFFICIENCY) * at_once
            work += sum(len(b) * b.lanes[0].record.budget for b in batches) * STEP_SECONDS
            work += sum(len(c.steps) * n for c, n in counts) * LOOK_SECONDS
            rows.append(
                {
                    "study": part.record.name,
                    "conditions": list(dict.fromkeys(c.name for c in own_conditions)),
                    "parameters": records[0].parameters,
                    "networks": own.lanes,
                    "controls": own.control_lanes,
                    "width": width,
                    "how": "one by one" if width == 1 else "side by side",
                    "blocks": blocks,
                    "workers": busy,
                    "seconds": work / busy,
                    "core_seconds": work,
                    "compile_seconds": COMPILE_SECONDS,
                    "memory_bytes": own.memory,
                }
            )
    return rows


def seconds(todo: Plan, gflops: float, at_once: int) -> float:
    """Seconds of a whole run on the clock, with no program in the cache; see `structures`."""
    rows = structures(todo, gflops, at_once)
    if not rows:
        return START_SECONDS
    busy = min(sum(row["blocks"] for row in rows), at_once)
    # Programs are compiled once, in whatever member: by all workers, as there are always two.
    compiling = todo.programs * COMPILE_SECONDS / at_once
    return START_SECONDS + compiling + sum(row["core_seconds"] for row in rows) / busy


def engine(todo: Plan, gflops: float, at_once: int) -> dict[str, Any]:
    """Whether threads or processes suit a plan better, as JSON values.

    `call_ms`: milliseconds of a core between two calls into XLA, in which the interpreter is free.
    `interpreter`: the share of its time that the interpreter of one process would be busy; above
    `BUSY`, threads wait for one another. An estimate from `LOCK_SECONDS` that only tells few cores
    from many. `engine`: `threads` or `dask`.

    Args:
        todo: the plan.
        gflops: GFLOP/s of matrix products, all cores together.
        at_once: blocks that are trained at the same time.
    """
    work = sum(row["core_seconds"] for row in structures(todo, gflops, at_once))
    # Each evaluation is a call, and so is the training before it.
    calls = 2 * sum(len(batch) * len(batch.lanes[0].record.steps) for batch in todo.every_batch)
    if not calls or not work:
        return {"engine": "threads", "call_ms": None, "interpreter": 0.0}
    busy = min(1.0, at_once * calls * LOCK_SECONDS / work)
    return {
        "engine": "dask" if busy > BUSY else "threads",
        "call_ms": 1e3 * work / calls,
        "interpreter": busy,
    }


def longest_block(todo: Plan) -> float:
    """Seconds of a core that the longest block takes, and the compilation of every program.

    The machine's speed is measured for it.
    """
    gflops, cores = machine.gemm(machine.cores(), seconds=0.2), machine.cores()
    rows = structures(todo, gflops, cores)
    longest = max((row["core_seconds"] / row["blocks"] for row in rows), default=0.0)
    return longest + todo.programs * COMPILE_SECONDS


def _by_program(part: Plan) -> Iterator[Plan]:
    """The plan of each structure alone."""
    every: dict[tuple, tuple[list[Batch], list[Batch]]] = {}
    for i, batches in enumerate((part.batches, part.control_batches)):
        for batch in batches:
            every.setdefault(program(part, batch), ([], []))[i].append(batch)
    for own, beside in every.values():
        yield dataclasses.replace(part, batches=tuple(own), control_batches=tuple(beside))


def facts(todo: Plan) -> dict[str, Any]:
    """What a run would do and take, as JSON values; the machine's speed is measured for it."""
    gflops = machine.gemm(machine.cores(), seconds=0.2)
    return {
        "conditions": [c.name for c in todo.record.conditions],
        "seeds": len(todo.record.seeds),
        "networks_stored": todo.stored,
        "networks_to_train": todo.lanes,
        "networks_shared": todo.shared,
        "control_networks": sum(part.control_lanes for part in todo.parts),
        "blocks": sum(map(len, todo.batches)),
        "programs": todo.programs,
        "seed_steps": todo.seed_steps,
        "gflops": round(gflops),
        "seconds": round(seconds(todo, gflops, machine.cores())),
        "memory_bytes": round(todo.memory),
        "disk_bytes": round(todo.disk),
        "refused": refusal(todo),
    }
