"""A wide network on the circle learns each frequency at the rate that its kernel gives.

Of the network f(x) = sum_i a_i relu(w_i x + b_i) / sqrt(m) with a_i = +-1 fixed and w_i normal,
trained by gradient descent on half the summed squared error of n points on the circle, the
amplitude of cos k t in the output is 1 - (1 - rate n lambda_k)^steps: lambda_k is the eigenvalue
of the kernel of its first layer, (cos(theta) + 1) (pi - theta) / 2 pi, without biases
cos(theta) (pi - theta) / 2 pi. Without biases it is exactly 0 for odd k of 3 and more, which are
never learned. Our squared error is the mean: rate / 2 times n of that is the learning rate.
"""

import functools
import tempfile

import numpy as np
import polars as pl
from jaxtyping import Float
from scipy.integrate import quad

from primacy.calibration import Check, Curve, case
from primacy.engine.run import run
from primacy.models.two_layer import TwoLayer
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.circle import Circle

POINTS = 64
RATE = 0.02
UNITS = 4000
STEPS = {True: 240, False: 500}
"""With biases and without."""
SEEDS = 3
JUDGED = (2, 3, 4, 5)
"""Frequencies whose half-time is judged: at 1 a single step is 40 % of it."""
SILENT = (3, 5)
"""Those that a network without biases never learns."""
AMPLITUDE = "output_coefficient"


@functools.cache
def eigenvalue(k: int, bias: bool = True) -> float:
    """lambda_k: how fast cos k t is learned, per step, point and unit of the rate.

    Reference: Basri, Jacobs, Kasten, Kritchman 2019, arXiv 1906.00425, section 3.
    """

    def kernel(angle: float) -> float:
        return (np.cos(angle) + bias) * (np.pi - angle) / (2 * np.pi)

    return float(quad(kernel, 0, np.pi, weight="cos", wvar=k)[0] / np.pi)


def amplitude(steps: Float[np.ndarray, " e"], k: int) -> Float[np.ndarray, " e"]:
    """What a network with biases has learned of cos k t after so many steps."""
    return 1 - (1 - RATE * POINTS * eigenvalue(k)) ** steps


def half_time(k: int) -> float:
    """Steps until half of cos k t is learned, of a network with biases."""
    return float(np.log(2) / (RATE * POINTS * eigenvalue(k)))


def condition(k: int, bias: bool) -> Condition:
    """One frequency, trained as in the theory."""
    return Condition(
        task=Circle(frequency=float(k)),  # type: ignore[arg-type]
        model=TwoLayer(units=UNITS, bias=bias, output="mirrored"),
        training=Training(
            optimizer="sgd",
            learning_rate=RATE * POINTS / 2,
            batch_size=POINTS,
            examples=POINTS,
            steps=STEPS[bias],
            evaluations=STEPS[bias] // 4 + 1,
            fit_examples=POINTS,
            test_examples=POINTS,
            theta=0.5,
        ),
    )


def amplitudes() -> dict[
    tuple[int, bool], tuple[Float[np.ndarray, " e"], Float[np.ndarray, "s e"]]
]:
    """Steps, and the amplitude of each seed, by frequency and whether there are biases."""
    asked = {(k, True): condition(k, True) for k in JUDGED}
    asked |= {(k, False): condition(k, False) for k in SILENT}
    study = Study(
        name="circle",
        conditions={f"{k} {bias}": one for (k, bias), one in asked.items()},
        measures=(AMPLITUDE,),
        seeds=SEEDS,
        controls="none",
    )
    with tempfile.TemporaryDirectory() as folder:
        table = run(study, folder).curves
    rows = table.filter(pl.col("measure").cast(pl.String) == AMPLITUDE).sort("seed", "step")
    found = {}
    for at, one in asked.items():
        own = rows.filter(pl.col("condition").cast(pl.String) == f"{at[0]} {at[1]}")
        values = own["value"].to_numpy().astype(float).reshape(SEEDS, -1)
        found[at] = np.array(one.evaluations, float), values
    return found


def first_half(steps: Float[np.ndarray, " e"], values: Float[np.ndarray, " e"]) -> float | None:
    """When an amplitude first is half, on the line between evaluations; null: never."""
    reached = np.flatnonzero(values >= 0.5)
    if not reached.size:
        return None
    pair = slice(reached[0] - 1, reached[0] + 1)
    return float(np.interp(0.5, values[pair], steps[pair]))


@case(
    "circle",
    title="A wide network on the circle learns low frequencies first",
    reference="Basri, Jacobs, Kasten, Kritchman 2019, arXiv 1906.00425; eigenvalues of the kernel",
)
def circle() -> list[Check | Curve]:
    """Steps to half amplitude with biases; what is left of odd frequencies without."""
    found: list[Check | Curve] = []
    for (k, bias), (steps, values) in amplitudes().items():
        if not bias:
            found.append(
                Check(
                    quantity=f"without biases: largest amplitude of cos {k}t, {STEPS[bias]} steps",
                    expected=0.0,
                    measured=float(np.abs(values).max()),
                    tolerance=0.1,
                    measures=(AMPLITUDE,),
                )
            )
            continue
        middle = np.median(values, axis=0)
        found.append(
            Check(
                quantity=f"steps to half of cos {k}t",
                expected=half_time(k),
                measured=first_half(steps, middle),
                tolerance=0.12,
                relative=True,
                measures=(AMPLITUDE,),
            )
        )
        found.append(
            Curve(
                chart="A wide network on the circle",
                label=f"cos {k}t",
                x=tuple(steps.tolist()),
                measured=tuple(middle.tolist()),
                formula=tuple(amplitude(steps, k).tolist()),
                x_label="steps",
                y_label="amplitude of the wave in the output",
            )
        )
    return found
