"""Gradient starvation: a feature learned well leaves the loss nothing to learn another one from.

Two examples with labels y = (1, -1) and inputs X such that diag(y) X = U diag(strengths): a linear
model of weights theta has responses z = U^T (y yhat) = strengths theta, one a feature. The stronger
the first feature, the weaker the response of the second, though nothing about the second changed.
Spectral decoupling penalizes outputs and not weights, and then it is always the same.

The paper sums the loss over examples; ours is the mean, so that its ridge 1/C becomes 1/(2 C) here,
while the coefficient of spectral decoupling stays as it is.
"""

import tempfile

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from primacy.calibration import Check, Curve, case
from primacy.engine.run import run
from primacy.models.deep_linear import DeepLinear
from primacy.registry import spec
from primacy.study.spec import Condition, Study, Training
from primacy.types import Batch, Draws, Feature, Streams, Target

U = np.array([[np.sqrt(0.75), -0.5], [0.5, np.sqrt(0.75)]])
LABELS = np.array([1.0, -1.0])
SECOND = 2.0
"""Strength of the second feature; the first one's is varied."""
C = 100.0

RIDGE = {2.0: 1.6400, 3.0: 1.5831, 4.0: 1.4668, 5.0: 1.3290, 6.0: 1.1853}
"""|z2| by the first feature's strength, where the summed loss has .5/C |theta|^2 added."""
DECOUPLED = 1.7076
"""|z2| at every strength, where .1/C sum yhat^2 is added instead."""


@spec
class TwoExamples:
    """The two examples, over and over."""

    loss = "sigmoid_cross_entropy"

    strength: float = 2.0
    """Of the first feature."""

    @property
    def declared(self) -> tuple[Feature, ...]:
        """One feature an input column."""
        return tuple(Feature(name=f"feature {i + 1}", columns=(i,)) for i in range(2))

    @property
    def targets(self) -> tuple[Target, ...]:
        """The label."""
        return (Target(name="label", kind="binary", chance=0.5),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """One a feature."""
        return ("x1", "x2")

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Which example each is; nothing is random."""
        return {"example": np.arange(n) % 2}

    def build(self, draws: Draws) -> Batch:
        """Inputs y U diag(strengths), and the labels."""
        rows = jnp.asarray(draws["example"])
        strengths = jnp.array([self.strength, SECOND], jnp.float32)
        inputs = jnp.asarray(LABELS[:, None] * U, jnp.float32)[rows] * strengths[None]
        return Batch(inputs, inputs, jnp.asarray(LABELS > 0, jnp.float32)[rows, None])


def response(strength: float, weights: Float[np.ndarray, "2 1"]) -> float:
    """|z2| of a linear model of these weights."""
    inputs = LABELS[:, None] * U * np.array([strength, SECOND])
    z = U.T @ (LABELS * (inputs @ weights.astype(float))[:, 0])
    return float(abs(z[1]))


def responses() -> dict[str, dict[float, float]]:
    """|z2| after training, by penalty and strength."""
    n = len(LABELS)
    penalties = {"ridge": (1 / (C * n), None), "spectral decoupling": (None, 0.2 / C)}
    conditions = {
        f"{name} {strength:g}": Condition(
            task=TwoExamples(strength=strength),  # type: ignore[arg-type]
            model=DeepLinear(widths=(), scale=0.0),
            training=Training(
                optimizer="sgd",
                learning_rate=0.3,
                batch_size=n,
                examples=n,
                steps=8_000,
                evaluations=3,
                fit_examples=n,
                test_examples=n,
                ridge=ridge,
                spectral_decoupling=decoupling,
            ),
        )
        for name, (ridge, decoupling) in penalties.items()
        for strength in RIDGE
    }
    study = Study(
        name="starvation", conditions=conditions, measures=("loss",), seeds=1, controls="none"
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run(study, folder)
        return {
            name: {
                strength: response(
                    strength, result.weights(f"{name} {strength:g}", 0)["output/kernel"]
                )
                for strength in RIDGE
            }
            for name in penalties
        }


@case(
    "gradient starvation",
    title="A stronger feature starves a weaker one, unless spectral decoupling frees it",
    reference="Pezeshki et al. 2020, arXiv 2011.09468; the minimum of a convex loss of two numbers",
)
def starvation() -> list[Check | Curve]:
    """|z2| under ridge and under spectral decoupling, for five strengths of the first feature."""
    found: list[Check | Curve] = []
    for name, by_strength in responses().items():
        expected = RIDGE if name == "ridge" else dict.fromkeys(RIDGE, DECOUPLED)
        found += [
            Check(
                quantity=f"{name}, strengths {strength:g} and 2: response |z2| of the second "
                "feature",
                expected=expected[strength],
                measured=measured,
                tolerance=5e-4,
            )
            for strength, measured in by_strength.items()
        ]
        found.append(
            Curve(
                chart="Gradient starvation: the response of the second feature",
                label=name,
                x=tuple(by_strength),
                measured=tuple(by_strength.values()),
                formula=tuple(expected.values()),
                x_label="strength of the first feature",
                y_label="|z2|",
            )
        )
    return found
