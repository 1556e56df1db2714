"""The compiled programs of a structure, shared by every worker."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from primacy.registry import Measure
from primacy.study.spec import Condition
from primacy.training import step
from primacy.training.answers import facts_of, wanted
from primacy.training.evaluate import evaluate_condition
from primacy.training.unlinked import columns_of

OPTIONS: dict[str, str | bool] = {
    # XLA drops `optimization_barrier` on the CPU before it fuses, unless it is asked not to.
    "xla_disable_hlo_passes": "cse_barrier_expander",
    # Products and sums by Eigen, not by YNNPACK, which took a tenth longer (docs/design.md).
    "xla_cpu_experimental_ynn_fusion_type": "",
}
"""What every program is compiled with."""

Device = Any
"""A `jax.Device`, which type checkers take for a variable."""

_CALL = re.compile(r"custom_call @(lapack_\w+)\(.*: \(tensor<((?:\d+x)+)|stablehlo\.(fft) ")
"""A factorization and the shape of its first operand; or a Fourier transform."""


class BatchedFactorization(ValueError):
    """A program would factorize several matrices in one call, which may never end on the CPU."""


def pooled(lowered: jax.stages.Lowered) -> tuple[str, ...]:
    """The calls of a lowered program that may wait for XLA's thread pool from inside it.

    On the CPU these are LAPACK calls on a batch of matrices (see `measures.linalg`) and Fourier
    transforms. Empty: there are none.
    """
    module: Any = lowered.compiler_ir()
    text = module.operation.get_asm(large_elements_limit=16)
    found = set()
    for name, shape, transform in _CALL.findall(text):
        batch = [int(n) for n in shape.split("x")[:-1]][:-2]
        if transform or math.prod(batch) > 1:
            found.add(f"{name} on {math.prod(batch)} matrices" if name else "a Fourier transform")
    return tuple(sorted(found))


def training_options(model: Any) -> dict[str, str | bool]:
    """What a model's training program is compiled with: `OPTIONS`, or YNNPACK where it asks."""
    ynnpack = getattr(model, "by_ynnpack", False)
    return {key: value for key, value in OPTIONS.items() if not (ynnpack and "ynn" in key)}


class Program:
    """A function of lanes, compiled by whoever needs it first while the others wait."""

    def __init__(
        self,
        one: Callable,
        batched: tuple,
        width: int,
        donate: tuple = (),
        options: Mapping[str, str | bool] = OPTIONS,
    ) -> None:
        many = jax.vmap(one, in_axes=batched) if width > 1 else alone(one, batched)
        self._options = dict(options)
        self._traced = jax.jit(many, donate_argnums=donate)
        self._lock = threading.Lock()
        self._compiled: Any = None
        self.seconds = 0.0
        """Spent compiling."""

    def compile(self, arguments: tuple, wait: bool = True) -> None:
        """Compile for such arguments, unless that is done; or unless somebody is at it."""
        if self._compiled is not None or not self._lock.acquire(blocking=wait):
            return
        try:
            if self._compiled is None:
                began = time.perf_counter()
                lowered = self._traced.lower(*arguments)
                # On other devices these calls do not go through the pool of the host.
                if jax.default_backend() == "cpu" and (waits := pooled(lowered)):
                    raise BatchedFactorization(
                        f"A measure or model calls {', '.join(waits)}, which may wait for ever "
                        "inside a compiled program on the CPU. Take one matrix at a time (qr, svd "
                        "and solve_positive of primacy.measures.linalg); write a Fourier transform "
                        "as a matrix product."
                    )
                self._compiled = lowered.compile(self._options)
                self.seconds = time.perf_counter() - began
        finally:
            self._lock.release()

    def __call__(self, *arguments: Any) -> Any:
        self.compile(arguments)
        return self._compiled(*arguments)


def alone(one: Callable, batched: tuple) -> Callable:
    """The function for a single lane: no batch axis, which would change layout and rounding."""

    def many(*arguments: Any) -> Any:
        picked = [
            argument if axis is None else jax.tree.map(lambda a: a[0], argument)
            for argument, axis in zip(arguments, batched, strict=True)
        ]
        return jax.tree.map(lambda a: a[None], one(*picked))

    return many


class Programs:
    """Advance and evaluate for the lanes of a structure, `width` at a time."""

    def __init__(
        self, condition: Condition, measures: tuple[Measure, ...], width: int, device: Device
    ) -> None:
        self.measures, self.width, self.device = measures, width, device
        self.budget, self.examples = condition.budget, condition.examples
        self._rule = step.optimizer(condition.training, self.budget)
        facts = facts_of(condition.task)
        unlinks = columns_of(condition.task, condition.training.unlinked)
        order = None if condition.training.examples == "stream" else 0
        self._advance = Program(
            lambda c, state, *rest: step.advance(
                c, self.budget, state, *rest, heads=facts.heads, unlinks=unlinks
            ),
            (0, 0, 0, order, None, None, 0, None),
            width,
            donate=(1,),
            options=training_options(condition.model),
        )
        self._evaluate = Program(
            lambda c, params, sets, columns, donors, in_training: evaluate_condition(
                c, measures, params, sets, columns, donors, facts, in_training
            ),
            (0, 0, 0, None, 0, 0),
            width,
        )

    @property
    def seconds(self) -> float:
        """Spent compiling both."""
        return self._advance.seconds + self._evaluate.seconds

    def prepare(self, to_advance: tuple, to_evaluate: tuple) -> None:
        """Compile for such arguments, beside whoever is compiling already."""
        both = ((self._evaluate, to_evaluate), (self._advance, to_advance))
        for wait in (False, True):
            for program, arguments in both:
                program.compile(arguments, wait)

    def start(self, params: Any) -> Any:
        """The optimizer's first state of every lane: it remembers nothing, which is zeros.

        It needs no program: `tests/training/test_block.py` compares it with each optimizer's own.
        """
        shapes = jax.eval_shape(jax.vmap(self._rule.init), params)
        zeros = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
        return jax.device_put(zeros, self.device)

    def advance(self, conditions, state, draws, order, start: int, stop: int, *more: Any) -> Any:
        """The state of every lane after steps `start` to `stop - 1` of a page.

        `more` are the key of each lane and the targets that are trained, see `step.advance`.
        """
        at = np.int32(start), np.int32(stop)
        return self._advance(conditions, state, draws, order, *at, *more)

    @property
    def exchanges_in_training(self) -> bool:
        """Whether a measure interchanges columns among the training examples."""
        return bool({"donors", "swapped", "swapped_rest"} & wanted(self.measures, "train"))

    def evaluate(self, conditions, params, sets, columns, donors, in_training) -> Any:
        """Every measure of every lane, with the lane as the leading axis.

        Args:
            conditions: of the lanes.
            params: their parameters now.
            sets: their examples by split.
            columns: of the sites.
            donors: of each test example.
            in_training: of each training example; None where no measure asks.
        """
        return self._evaluate(conditions, params, sets, columns, donors, in_training)
