"""The linear model under gradient flow: its course of training has a closed form.

On the squared error of a fixed set, with S the second-moment matrix of [inputs, 1] and w* the
least-squares weights of that very sample, w(t) = w* + e^(-2 S t) (w(0) - w*). SGD on the whole set
follows it, one step being `learning_rate` of time, if the rate is small: at a hundredth of
1 / lambda_max, steps instead of a flow cost the fastest direction at most 1 % of its rate. The
slope of a linear model's output is its weight, so the measure `input_gradient_signed` reads it.
"""

import dataclasses
import functools
import tempfile

import numpy as np
import polars as pl
from jaxtyping import Float
from scipy.optimize import root_scalar

from primacy.calibration import Check, Curve, case
from primacy.engine.run import run
from primacy.models.linear import Linear
from primacy.rng import streams
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.regression import Affine, NoisyShortcut, Sum
from primacy.types import Task

N = 64
"""Examples of the fixed set; a batch is all of them."""
FINENESS = 0.01
"""Learning rate times the largest eigenvalue of S."""
HALVINGS = 2.0
"""So many half-lives of the slowest direction are trained."""
LOOKS = 120
SLOPE = "input_gradient_signed"

TASKS: dict[str, Task] = {
    "y": Affine(),
    "y / 10": Affine(scale=0.1),
    "y + 2": Affine(shift=2.0),
    "(N, y - N)": Sum(),
    "(y + N/5, M, y - M)": NoisyShortcut(),
}
"""N and M are standard normals: inputs of the feature notebook."""


@dataclasses.dataclass(frozen=True)
class Flow:
    """What the sample of a task says of the course of training."""

    second: Float[np.ndarray, "p p"]
    best: Float[np.ndarray, " p"]

    @functools.cached_property
    def modes(self) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p p"]]:
        """Eigenvalues of S, smallest first, and its eigenvectors as columns."""
        return np.linalg.eigh(self.second)

    @property
    def rates(self) -> Float[np.ndarray, " p"]:
        """Eigenvalues of S, smallest first."""
        return self.modes[0]

    @property
    def learning_rate(self) -> float:
        """The time that one step stands for."""
        return float(FINENESS / self.rates[-1])

    @property
    def steps(self) -> int:
        """The budget."""
        slowest = np.log(2) / (2 * self.rates[0])
        return max(4 * LOOKS, int(np.ceil(HALVINGS * slowest / self.learning_rate)))

    def weights(self, times: Float[np.ndarray, " e"]) -> Float[np.ndarray, "e p"]:
        """After so long from 0, bias last."""
        rates, vectors = self.modes
        missing = np.exp(-2 * times[:, None] * rates[None]) * (vectors.T @ self.best)[None]
        return self.best[None] - missing @ vectors.T

    def half_time(self, i: int) -> float:
        """When weight i first is half of what it will be."""

        def beyond(times: Float[np.ndarray, " e"]) -> Float[np.ndarray, " e"]:
            return np.abs(self.weights(times)[:, i]) - abs(self.best[i]) / 2

        times = np.geomspace(1e-3, 40, 400) / self.rates[-1]
        while beyond(times)[-1] < 0:
            times = 10 * times
        at = int(np.argmax(beyond(times) >= 0))
        bracket = (times[at - 1], times[at])
        return root_scalar(lambda t: beyond(np.array([t]))[0], bracket=bracket).root


def flow(task: Task, n: int = N) -> Flow:
    """The flow on the training examples that primacy draws for the first seed."""
    batch = task.build(task.draw("train", streams(0, "data"), n))
    x = np.concatenate([np.asarray(batch.inputs, float), np.ones((n, 1))], axis=1)
    y = np.asarray(batch.targets[:, 0], float)
    return Flow(x.T @ x / n, np.linalg.lstsq(x, y, rcond=None)[0])


def trained() -> tuple[dict[str, Flow], pl.DataFrame, dict[str, Float[np.ndarray, "..."]]]:
    """Flows, the stored slopes of the first seed, and its last weights (bias last), by task."""
    flows = {name: flow(task) for name, task in TASKS.items()}
    study = Study(
        name="linear-flow",
        conditions={
            name: Condition(
                task=task,
                model=Linear(),
                training=Training(
                    optimizer="sgd",
                    learning_rate=flows[name].learning_rate,
                    batch_size=N,
                    examples=N,
                    steps=flows[name].steps,
                    evaluations=LOOKS,
                    spacing="log",
                    fit_examples=2,
                    test_examples=8,
                ),
            )
            for name, task in TASKS.items()
        },
        measures=(SLOPE, "r_squared"),
        seeds=1,
        controls="none",
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run(study, folder)
        table = result.curves.filter(pl.col("measure").cast(pl.String) == SLOPE)
        ends = {}
        for name in TASKS:
            last = result.weights(name, 0)
            ends[name] = np.append(last["output/kernel"], last["output/bias"]).astype(float)
    return flows, table, ends


@case(
    "linear flow",
    title="The linear model against gradient flow",
    reference="closed form: w(t) = (I - exp(-2 S t)) w*, S and w* of the sample",
)
def linear_flow() -> list[Check | Curve]:
    """Half-times, weights on the way and at the end, and a feature learned first and dropped."""
    flows, table, ends = trained()
    found: list[Check | Curve] = []
    for name, task in TASKS.items():
        own = flows[name]
        size = float(np.abs(own.best).max())
        courses = _courses(table, name)
        ended = own.weights(np.array([own.steps * own.learning_rate]))[0]
        gaps = [np.abs(ends[name] - ended).max()]
        for i, feature in enumerate(f.name for f in task.declared):
            times = courses[feature]["step"].to_numpy() * own.learning_rate
            measured = courses[feature]["value"].to_numpy().astype(float)
            formula = own.weights(times)[:, i]
            gaps.append(np.abs(measured - formula).max())
            if abs(own.best[i]) > 0.1 * size:
                found.append(_half_time(own, name, feature, i, times, measured))
            if len(task.declared) > 1:
                found.append(
                    Curve(
                        chart=f"Linear model on {name}",
                        label=feature,
                        x=tuple(times.tolist()),
                        measured=tuple(measured.tolist()),
                        formula=tuple(formula.tolist()),
                        x_label="time (steps x learning rate)",
                        y_label="weight",
                    )
                )
        found.append(
            Check(
                quantity=f"{name}: largest gap of a weight on its way, as a share of the largest",
                expected=0.0,
                measured=float(max(gaps) / size),
                tolerance=0.01,
                measures=(SLOPE,),
            )
        )
    return found


def _courses(table: pl.DataFrame, name: str) -> dict[str, pl.DataFrame]:
    own = table.filter(pl.col("condition").cast(pl.String) == name).sort("step")
    return {
        str(feature): rows for (feature,), rows in own.partition_by("feature", as_dict=True).items()
    }


def _half_time(
    own: Flow,
    name: str,
    feature: str,
    i: int,
    times: Float[np.ndarray, " e"],
    measured: Float[np.ndarray, " e"],
) -> Check:
    reached = np.flatnonzero(np.abs(measured) >= abs(own.best[i]) / 2)
    half = None
    if reached.size and reached[0]:
        pair = slice(reached[0] - 1, reached[0] + 1)
        half = float(np.interp(abs(own.best[i]) / 2, np.abs(measured[pair]), times[pair]))
    return Check(
        quantity=f"{name}: half-time of {feature}",
        expected=own.half_time(i),
        measured=half,
        tolerance=0.02,
        relative=True,
        measures=(SLOPE,),
    )
