"""Regression tasks in common: their one target, their numbers, and what second moments tell.

The target `y` is a standard normal, drawn afresh like everything else. An input is a linear mixture
of `y` and other standard normals plus a constant, or has the second moments of one. Those moments
alone decide the least-squares optimum and how fast a linear network gets there: under gradient flow
on the mean squared error its weights follow w(t) = (I - exp(-2 S t)) w*.
"""

import dataclasses
import functools
import typing
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, create_model

from primacy.types import Feature, LossName, Target

SINGULAR = 1e-14
"""An eigenvalue so many times smaller than the largest is rounding."""

MOST_COLUMNS = 4_096

# Of single precision.
LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)

NOT_IDENTIFIED = "not identified by the data: its copy says the same"
IGNORED = "the best predictor ignores it"


def _single(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError("too large for single precision (3.4e38)")
    return value


def _not_zero(value: float) -> float:
    if abs(value) < SMALLEST:
        raise ValueError("must not be 0 (or nearer to it than 1.2e-38): nothing would be left")
    return value


Number = Annotated[float, AfterValidator(_single)]
NotZero = Annotated[float, AfterValidator(_single), AfterValidator(_not_zero)]
Positive = Annotated[NotZero, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

Mixing = tuple[Float[np.ndarray, "d v"], Float[np.ndarray, " d"]]


class Regression:
    """What regression tasks share: one number target `y`, as many examples as asked for."""

    loss: LossName = "squared_error"

    def __post_init__(self) -> None:
        """Check what was written in Python as a study file is checked; list all that is wrong.

        Raises:
            ValueError: some field is no good.
        """
        given = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
        try:
            _checks(type(self))(**given)
        except ValidationError as error:
            raise ValueError(
                "\n".join(
                    f"{'.'.join(map(str, detail['loc']))} = {detail['input']}: "
                    f"{detail.get('ctx', {}).get('error', detail['msg'])}"
                    for detail in error.errors(include_url=False)
                )
            ) from None

    @property
    def targets(self) -> tuple[Target, ...]:
        """`y`, standard normal. Its ceiling is the R^2 of the best predictor from all inputs."""
        return (Target(name="y", kind="number", chance=0.0, ceiling=self.ceiling),)

    @property
    def ceiling(self) -> float:
        """R^2 of the best predictor: 1, the inputs determine the target."""
        return 1.0

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    @property
    def mixing(self) -> Mixing:
        """Matrix A and constant b of inputs = A v + b; v is `y`, then others, all standard normal.

        Of a task that is not linear: none.

        Raises:
            ValueError: the inputs are no linear mixture, nor as good as one.
        """
        raise ValueError(f"{type(self).__name__} is not linear: second moments do not decide it")


@functools.cache
def _checks(cls: type) -> Any:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], ...)
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return create_model(
        cls.__name__, __config__=ConfigDict(strict=True, allow_inf_nan=False), **fields
    )


def second_moments(
    task: Regression,
) -> tuple[Float[np.ndarray, "p p"], Float[np.ndarray, " p"]]:
    """S = E[x~ x~^T] and c = E[x~ y], where x~ is the inputs with a 1 behind them.

    S^-1 c is the least-squares optimum, slopes first and the intercept last; 2 c is the speed at
    which the weights of a linear network leave 0, and 2 S holds the rates at which they settle.

    Raises:
        ValueError: the task is not linear.
    """
    mixing, constant = task.mixing
    d = len(constant)
    s = np.empty((d + 1, d + 1))
    s[:d, :d] = mixing @ mixing.T + np.outer(constant, constant)
    s[:d, d] = s[d, :d] = constant
    s[d, d] = 1.0
    return s, np.append(mixing[:, 0], 0.0)


@functools.lru_cache(maxsize=1000)
def condition_number(task: Regression) -> float | None:
    """Largest over smallest eigenvalue of S: how much slower the slowest direction is learned.

    1: all directions alike. Null: S is singular, several weights do equally well. Inputs that are
    always 0 are left out.

    Raises:
        ValueError: the task is not linear.
    """
    mixing, constant = task.mixing
    live = (mixing != 0).any(1) | (constant != 0)
    mixing, constant = mixing[live], constant[live]
    if (
        not constant.any()
        and (np.count_nonzero(mixing, axis=1) == 1).all()
        and (np.count_nonzero(mixing, axis=0) <= 1).all()
    ):
        # Unrelated inputs, perhaps thousands: no decomposition is needed.
        values = np.sort(np.append((mixing**2).sum(1), 1.0))
    else:
        live = np.append(live, True)
        values = np.linalg.eigvalsh(second_moments(task)[0][np.ix_(live, live)])
        if values[0] < SINGULAR * values[-1]:
            return None
    return float(values[-1] / values[0])


def linear_terms(
    task: Regression,
    names: Sequence[str],
    best: Sequence[float | None],
    reasons: Sequence[str | None] | None = None,
) -> tuple[Feature, ...]:
    """Features of one column each, in the order of the columns, with what moments say of them.

    None has a target of its own: they share `y`, and are learned as their slopes are right.
    `predictivity` is Cov^2 / Var and `solo` Cov / Var: from one such input alone the best predictor
    is a line. Columns beyond the names are no such feature.

    Args:
        task: a linear one.
        names: one a feature.
        best: each one's slope in the best predictor.
        reasons: why one has no time-to-learn; by default, that the best predictor ignores it.
    """
    mixing, constant = task.mixing
    reasons = reasons or [IGNORED if slope == 0 else None for slope in best]
    number = condition_number(task)
    features = []
    for i, name in enumerate(names):
        covariance, spread = mixing[i, 0], (mixing[i] ** 2).sum()
        features.append(
            Feature(
                name=name,
                columns=(i,),
                predictivity=float(covariance**2 / spread),
                complexity=1.0,
                best=best[i],
                solo=float(covariance / spread),
                reason=reasons[i],
                facts={
                    "mean": float(constant[i]),
                    "standard_deviation": float(np.sqrt(spread)),
                    "condition_number": number,
                },
            )
        )
    return tuple(features)
