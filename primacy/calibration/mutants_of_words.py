"""More mutants: of events, contrasts, verdicts, controls, measures and training."""

import dataclasses
from typing import Any

import numpy as np

from primacy.calibration.mutants import LEARNING, mutant, replace, replace_measure

INFERENCE, WORDS = "primacy.analysis.inference", "primacy.analysis.words"


@mutant("a time is that of the evaluation before", "hand-written curves")
def _evaluation_before() -> None:
    def new(old: Any) -> Any:
        def wrong(values: Any, steps: Any, *given: Any) -> Any:
            found = old(values, steps, *given)
            before = steps[np.maximum(np.searchsorted(steps, found.time) - 1, 0)]
            return found._replace(time=before)

        return wrong

    replace(LEARNING, "time_to_learn", new)


@mutant("networks that diverged are left out of times", "hand-written curves")
def _diverged_left_out() -> None:
    from primacy.analysis.sides import View

    value = View.value

    def wrong(self: Any, pick: Any, end: Any) -> Any:
        side = value(self, pick, end)
        if not self.plan.is_event:
            return side
        return dataclasses.replace(
            side, reasons=np.where(side.diverged, "diverged", side.reasons).astype(object)
        )

    View.value = wrong  # type: ignore[method-assign]


@mutant("the last evaluation is not looked at", "hand-written curves")
def _last_ignored() -> None:
    from primacy.analysis.runs import Runs

    last = Runs.last
    Runs.last = lambda self, *given: np.maximum(last(self, *given) - 1, 0)  # type: ignore[method-assign]


@mutant("a ratio is the mean of the networks' ratios", "hand-written curves")
def _mean_of_ratios() -> None:
    def new(old: Any) -> Any:
        return lambda a, b: old(a / b, np.ones(len(a))) if (b > 0).all() else old(a, b)

    replace("primacy.analysis.contrasts", "SignFlip", lambda old: new(old))


@mutant("ties of a trend count as pairs that fall", "counted")
def _ties() -> None:
    def new(old: Any) -> Any:
        def wrong(values: Any, levels: Any) -> Any:
            i, j = np.triu_indices(len(levels), k=1)
            rises = np.sign(levels[j] - levels[i]) * np.sign(values[:, j] - values[:, i]) > 0
            return 2 * rises.mean(axis=1) - 1

        return wrong

    replace(INFERENCE, "kendall", new)


@mutant("a test at .05 has .05 on each side", "simulated studies")
def _each_side() -> None:
    def new(old: Any) -> Any:
        def wrong(h: Any, found: Any) -> Any:
            p = old(h, found)
            return None if p is None else p._replace(above=p.above / 2, below=p.below / 2)

        return wrong

    replace(WORDS, "chances", new)


@mutant("the margin of a ratio is added", "counted")
def _added() -> None:
    def new(old: Any) -> Any:
        def wrong(h: Any, found: Any) -> Any:
            low, high = old(h, found)
            return (
                (high / (1 + h.margin) - h.margin, high) if found.scale == "ratio" else (low, high)
            )

        return wrong

    replace(WORDS, "bounds", new)


@mutant("equality takes one of the two one-sided tests", "simulated studies")
def _one_of_two() -> None:
    replace(
        INFERENCE,
        "equivalence",
        lambda old: lambda test, low, high: min(test.p_above(low), test.p_below(high)),
    )


@mutant("intervals called 95 % are of 90 %", "exact probabilities")
def _narrow() -> None:
    from primacy.analysis.inference import SignFlip

    interval = SignFlip.interval
    SignFlip.interval = lambda self, level: interval(self, level - 0.05)  # type: ignore[method-assign]


@mutant("no control ever fails", "counted")
def _never_fails() -> None:
    replace("primacy.analysis.outcomes", "_beyond", lambda old: lambda *given: 1.0)


@mutant("a probe's examples weigh the same, whatever their class", "counted")
def _probe_weights() -> None:
    replace("primacy.measures.probes", "_importance", lambda old: lambda label: old(label) ** 0)


@mutant("variance is taken around 0, not around the mean", "planted representations")
def _around_zero() -> None:
    def new(old: Any) -> Any:
        def wrong(fit_reps: Any, fit_features: Any, reps: Any, features: Any, **given: Any) -> Any:
            found = old(fit_reps, fit_features, reps, features, **given)
            return found * ((reps - reps.mean(axis=0)[None]) ** 2).sum() / (reps**2).sum()

        return wrong

    replace_measure("variance_explained", new)


@mutant("all seeds start from the same weights", "counted")
def _same_start() -> None:
    replace(
        "primacy.training.lane",
        "generators",
        lambda old: lambda lanes, axis, axes: old(lanes, axis, () if axis == "init" else axes),
    )


@mutant("the loss is summed over targets, not averaged", "saxe")
def _summed() -> None:
    def new(old: Any) -> Any:
        def wrong(*given: Any) -> Any:
            loss = old(*given)
            return lambda outputs, targets: loss(outputs, targets) * targets.shape[-1]

        return wrong

    replace("primacy.training.losses", "loss_of", new)
