"""The instrument broken on purpose, one part at a time: does the calibration notice?

Each mutant replaces one function by a wrong one, in a process of its own (a compiled program would
keep the right one). The cases then run until one misses a known answer. A mutant that none notices
is a place where a real mistake would go unnoticed, too.
"""

import dataclasses
import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

MODULE = "primacy.calibration.mutants"


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One part, broken."""

    name: str
    """What is wrong, in words."""
    likely: str
    """The case that should notice; it runs first."""
    apply: Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the calibration makes of a mutant."""

    mutant: str
    case: str | None
    """That missed a known answer; null: none did."""
    quantity: str | None
    """The known answer that was missed first."""


MUTANTS: dict[str, Mutant] = {}


def mutant(name: str, likely: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that breaks something as a mutant."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        MUTANTS[name] = Mutant(name, likely, function)
        return function

    return register


def known() -> dict[str, Mutant]:
    """All mutants, by name: those of this file and of mutants_of_words.py."""
    importlib.import_module("primacy.calibration.mutants_of_words")
    return MUTANTS


def outcomes(told: Callable[[Outcome], None] | None = None) -> list[Outcome]:
    """What the calibration makes of each mutant, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        found = []
        for outcome in pool.map(_in_own_process, known()):
            found.append(outcome)
            if told is not None:
                told(outcome)
        return found


def _in_own_process(name: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", MODULE, name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"mutant {name!r}: {done.stderr.strip()[-500:]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def noticed(name: str) -> Outcome:
    """Break one part of this process for good, and run cases until one misses an answer."""
    from primacy import calibration
    from primacy.registry import measures, models, tasks

    for registry in (tasks, models, measures):
        registry.load()
    cases = calibration.cases.load()
    own = known()[name]
    own.apply()
    quick = [n for n in sorted(cases) if not cases[n].full]
    for case in sorted(quick, key=lambda n: n != own.likely):
        try:
            checks, _ = calibration.carry_out(cases[case])
        except (ValueError, ArithmeticError, LookupError, AssertionError) as error:
            return Outcome(name, case, f"raises {type(error).__name__}")
        missed = [check.quantity for check in checks if not check.passed]
        if missed:
            return Outcome(name, case, missed[0])
    return Outcome(name, None, None)


def replace(module: str, name: str, new: Callable[[Any], Any]) -> None:
    """Put `new(old)` in the place of a function wherever the package has it under its name."""
    old = getattr(sys.modules[module], name)
    changed = functools.wraps(old)(new(old)) if not isinstance(old, type) else new(old)
    for place in _package():
        if getattr(place, name, None) is old:
            setattr(place, name, changed)


def replace_measure(name: str, new: Callable[[Any], Any]) -> None:
    """The same of a registered measure, whose argument names say what it asks for."""
    from primacy.registry import measures

    own = measures[name]
    measures[name] = dataclasses.replace(
        own, function=functools.wraps(own.function)(new(own.function))
    )


def _package() -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "primacy":
            yield module


LEARNING = "primacy.analysis.learning_times"


@mutant("a lucky moment counts as learned", "hand-written curves")
def _lucky() -> None:
    replace(LEARNING, "time_to_learn", lambda old: lambda v, s, t, confirm: old(v, s, t, 1))


@mutant("what was not learned counts as learned at the end", "hand-written curves")
def _uncensored() -> None:
    def new(old: Any) -> Any:
        def wrong(*given: Any) -> Any:
            found = old(*given)
            return found._replace(learned=np.ones_like(found.learned))

        return wrong

    replace(LEARNING, "time_to_learn", new)


@mutant("networks of different seeds are paired", "hand-written curves")
def _strangers() -> None:
    from primacy.analysis.sides import View

    values = View.values

    def wrong(self: Any, group: Any, end: Any) -> Any:
        side = values(self, group, end)
        if group is not self.plan.minus:
            return side
        return dataclasses.replace(side, values=np.roll(side.values, 1))

    View.values = wrong  # type: ignore[method-assign]


@mutant("p is one-sided", "exact probabilities")
def _one_sided() -> None:
    from primacy.analysis.inference import SignFlip

    both = SignFlip.p
    SignFlip.p = lambda self, r: both(self, r) / 2  # type: ignore[method-assign]


@mutant("Holm's correction does nothing", "exact probabilities")
def _no_holm() -> None:
    replace("primacy.analysis.inference", "holm", lambda old: lambda p: np.asarray(p))


@mutant("examples are never shuffled", "held out")
def _never_shuffled() -> None:
    class Still:
        def permuted(self, rows: np.ndarray, axis: int) -> np.ndarray:
            return rows

    def new(old: Any) -> Any:
        def unshuffled(condition: Any, orders: Any) -> Any:
            return old(condition, [lambda *names: Still()] * len(orders))

        return unshuffled

    replace("primacy.training.batches", "orders_of_a_set", new)


@mutant("networks are tested on their training examples", "held out")
def _tested_in_training() -> None:
    from primacy.training import block

    drawn = block._Work._drawn_sets

    def wrong(self: Any, *given: Any) -> Any:
        sets = drawn(self, *given)
        sizes = self.programs.examples
        rows = np.arange(sizes["test"]) % sizes["train"]
        same = block.control_data.mapped(
            lambda tree: jax.tree.map(lambda a: a[:, rows], tree), sets["train"]
        )
        return {**sets, "test": same}

    block._Work._drawn_sets = wrong  # type: ignore[method-assign]


@mutant("shuffled labels are not shuffled", "control path")
def _not_shuffled() -> None:
    replace(
        "primacy.training.control_data",
        "of_set",
        lambda old: lambda control, split, draws, rng: old(None, split, draws, rng),
    )


@mutant("every example is its own donor", "control path")
def _own_donor() -> None:
    from primacy.training import block

    donors = block._Work._donors

    def wrong(self: Any, look: int) -> Any:
        def ordered(a: Any) -> Any:
            return (
                None
                if a is None
                else np.broadcast_to(np.arange(a.shape[1], dtype=np.int32), a.shape)
            )

        return tuple(ordered(a) for a in donors(self, look))

    block._Work._donors = wrong  # type: ignore[method-assign]


@mutant("control columns are the feature's own columns", "control path")
def _own_null() -> None:
    def new(old: Any) -> Any:
        def wrong(features: Any, d: int) -> Any:
            given = [
                dataclasses.replace(f, null_columns=f.columns if f.null_columns else ())
                for f in features
            ]
            return old(tuple(given), d)

        return wrong

    replace("primacy.study.describe", "sites", new)


@mutant("the learning rate is twice what was asked for", "linear flow")
def _twice_as_fast() -> None:
    def new(old: Any) -> Any:
        return lambda training, steps: old(
            dataclasses.replace(training, learning_rate=2 * training.learning_rate), steps
        )

    replace("primacy.training.step", "optimizer", new)


@mutant("reliance is divided by the variance, not by twice it", "planted models")
def _reliance() -> None:
    replace_measure("reliance", lambda old: lambda **given: 2 * old(**given))


@mutant("accuracy asks whether a logit is above .5", "hand-written curves")
def _accuracy() -> None:
    replace_measure("accuracy", lambda old: lambda outputs, **given: old(outputs - 0.5, **given))


@mutant("variance explained is fitted where it is scored", "held out")
def _fitted_on_test() -> None:
    for name in ("variance_explained", "probe_accuracy"):
        replace_measure(
            name,
            lambda old: (
                lambda fit_reps, fit_features, reps, features, **given: old(
                    reps, features, reps, features, **given
                )
            ),
        )


@mutant("a margin is not looked at", "simulated studies")
def _no_margin() -> None:
    def new(old: Any) -> Any:
        return lambda h, *given, **named: old(dataclasses.replace(h, margin=0.0), *given, **named)

    replace("primacy.analysis.words", "judged", new)


if __name__ == "__main__":
    # Not this copy of the module, whose mutants nobody registered.
    from primacy.calibration import mutants

    print(json.dumps(dataclasses.asdict(mutants.noticed(sys.argv[1]))))
