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
from collections.abc import Callable, Sequence

from primacy.certificate import Check, Curve
from primacy.registry import Registry

__all__ = ["Case", "Check", "Curve", "carry_out", "case", "cases"]

cases = Registry("calibration case", "primacy.calibration")

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
            reference = found.reference or asked.reference
            checks.append(dataclasses.replace(found, case=asked.name, reference=reference))
        else:
            curves.append(dataclasses.replace(found, case=asked.name))
    if not checks:
        raise ValueError(f"calibration case {asked.name!r} checks nothing")
    return checks, curves
