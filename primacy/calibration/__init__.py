"""Known answers: small experiments whose outcome a formula or a paper gives, run through primacy.

A case is a function without arguments that returns checks (and curves, where a paper gives a
formula for a whole course), in a file of this folder:

```python
@case("saxe", title="Deep linear networks", reference="Saxe et al. 2013, arXiv 1312.6120")
def saxe() -> list[Check | Curve]:
    ...
    return [Check(quantity="half-time, s = 4", expected=1.0367, measured=found, tolerance=0.005,
                  relative=True)]
```
"""

import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from primacy.engine.hardware import workers
from primacy.records.certificate import Certificate, Check, Curve
from primacy.registry import Registry, measures, models, tasks
from primacy.study.describe import versions

__all__ = ["Case", "Certificate", "Check", "Curve", "calibrate", "carry_out", "case", "cases"]

cases = Registry("calibration case", "primacy.calibration")

SIDE_BY_SIDE = 2
"""Cases at a time: most of their time is compiling, which keeps one core busy."""

Finding = Check | Curve
Experiment = Callable[[], Sequence[Finding]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A registered case: the function, and what is known about it."""

    name: str
    function: Experiment
    title: str
    reference: str
    """Where the known answers come from."""
    full: bool
    """Takes long: only part of `primacy calibrate --full`."""


def case(
    name: str, *, title: str, reference: str, full: bool = False
) -> Callable[[Experiment], Experiment]:
    """Register a function as a case of the calibration.

    Raises:
        ValueError: the name is taken.
    """

    def register(function: Experiment) -> Experiment:
        cases.add(name)(
            Case(name=name, function=function, title=title, reference=reference, full=full)
        )
        return function

    return register


def carry_out(asked: Case) -> tuple[list[Check], list[Curve]]:
    """The checks and curves of one case, each with the case's name and reference.

    Raises:
        ValueError: the case checks nothing.
    """
    checks, curves = [], []
    for found in asked.function():
        if isinstance(found, Check):
            number = found.measured
            checks.append(
                dataclasses.replace(
                    found,
                    case=asked.name,
                    reference=found.reference or asked.reference,
                    expected=float(found.expected),
                    measured=None if number is None or not math.isfinite(number) else float(number),
                    tolerance=float(found.tolerance),
                )
            )
        else:
            curves.append(dataclasses.replace(found, case=asked.name))
    if not checks:
        raise ValueError(f"calibration case {asked.name!r} checks nothing")
    return checks, curves


def calibrate(
    *, full: bool = False, told: Callable[[Case, Sequence[Check], float], None] | None = None
) -> tuple[Certificate, list[Curve]]:
    """Carry out every case, two at a time; the outcome is in the order of their names.

    A case that raises is one missed check, which says what was raised; the others go on.

    Args:
        full: also those that take long.
        told: called as each case ends with the case, its checks and its seconds.
    """
    # Before any case computes: JAX reads its settings when it starts, and a registry that one
    # thread is loading looks complete to the other.
    device = ", ".join(sorted({f"{d.platform} ({d.device_kind})" for d in workers()}))
    for registered in (tasks, models, measures):
        registered.load()
    began = time.monotonic()
    starts: dict[str, float] = {}

    def started(asked: Case) -> tuple[list[Check], list[Curve]]:
        starts[asked.name] = time.monotonic()
        return carry_out(asked)

    chosen = [asked for _, asked in sorted(cases.load().items()) if full or not asked.full]
    found: dict[str, tuple[list[Check], list[Curve]]] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = {pool.submit(started, asked): asked for asked in chosen}
        try:
            for future in as_completed(running):
                asked, error = running[future], future.exception()
                found[asked.name] = future.result() if error is None else _ended(asked, error)
                if told is not None:
                    told(asked, found[asked.name][0], time.monotonic() - starts[asked.name])
        finally:  # interrupted: those that have not begun never do
            pool.shutdown(wait=False, cancel_futures=True)
    certificate = Certificate(
        versions=versions(),
        device=device,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        full=full,
        seconds=round(time.monotonic() - began, 1),
        checks=tuple(check for asked in chosen for check in found[asked.name][0]),
    )
    return certificate, [curve for asked in chosen for curve in found[asked.name][1]]


def _ended(asked: Case, error: BaseException) -> tuple[list[Check], list[Curve]]:
    """The one missed check of a case that raised.

    Raises:
        BaseException: what is no error of the case, such as an interrupt.
    """
    if not isinstance(error, Exception):
        raise error
    message = " ".join(str(error).split())
    return [
        Check(
            quantity=f"carried out to the end; ended by {type(error).__name__}: {message}",
            expected=1.0,
            measured=None,
            tolerance=0.0,
            reference=asked.reference,
            case=asked.name,
        )
    ], []
