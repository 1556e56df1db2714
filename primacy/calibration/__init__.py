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
from concurrent.futures import ThreadPoolExecutor

from primacy.certificate import Certificate, Check, Curve
from primacy.describe import versions
from primacy.devices import workers
from primacy.registry import Registry, measures, models, tasks

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

    Args:
        full: also those that take long.
        told: called as each case ends with the case, its checks and its seconds; by one thread
            or another.
    """
    # Before any case computes: JAX reads its settings when it starts, and a registry that one
    # thread is loading looks complete to the other.
    device = ", ".join(sorted({f"{d.platform} ({d.device_kind})" for d in workers()}))
    for registered in (tasks, models, measures):
        registered.load()
    began = time.monotonic()

    def timed(asked: Case) -> tuple[list[Check], list[Curve]]:
        start = time.monotonic()
        found = carry_out(asked)
        if told is not None:
            told(asked, found[0], time.monotonic() - start)
        return found

    chosen = [asked for _, asked in sorted(cases.load().items()) if full or not asked.full]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(timed, chosen))
    certificate = Certificate(
        versions=versions(),
        device=device,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        full=full,
        seconds=round(time.monotonic() - began, 1),
        checks=tuple(check for checks, _ in found for check in checks),
    )
    return certificate, [curve for _, curves in found for curve in curves]
