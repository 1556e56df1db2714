"""Nothing in, nothing out: untrained networks, shuffled labels and a constant input.

One study of small networks on a bit and an XOR, with the labels as they are and with labels that
are dealt out anew among the examples of each set. The first shows that the study can see learning
at all; without that the second would prove nothing.
"""

import tempfile

import jax.numpy as jnp
import numpy as np
import polars as pl

from primacy.calibration import Check, case
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.registry import spec
from primacy.result import Result
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.boolean import Boolean
from primacy.types import Batch, Draws, Feature, Streams, Target

SEEDS = 30
TEST = 1024
REAL, SHUFFLED = "real labels", "shuffled labels"
CONSTANT = "constant"
UNTRAINED = 0.05
"""Four standard errors of the untrained networks' mean accuracy: between networks the bit's has an
SD of .13 (as the random output happens to lie to it), the XOR's of .02."""


@spec
class Controlled:
    """A bit and an XOR of bits, one more input that never varies, and perhaps foreign labels."""

    shuffled: float = 0.0
    """1: each example has the labels of another one."""

    loss = "sigmoid_cross_entropy"

    @property
    def inner(self) -> Boolean:
        """The task without the constant input and with the labels as they are."""
        return Boolean(features=("linear", "parity2"), units_per_feature=8, balance="exact")

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The two features, and the constant one."""
        column = len(self.inner.input_names)
        constant = Feature(name=CONSTANT, columns=(column,), predictivity=None, reason="constant")
        return (*self.inner.declared, constant)

    @property
    def targets(self) -> tuple[Target, ...]:
        """One a feature that varies."""
        return self.inner.targets

    @property
    def input_names(self) -> tuple[str, ...]:
        """The units, and the constant."""
        return (*self.inner.input_names, CONSTANT)

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The bits, their labels, and the labels dealt out anew."""
        drawn = self.inner.draw(split, rng, n)
        order = rng(split, "shuffled labels").permutation(n)
        return {**drawn, "dealt": np.asarray(drawn["features"])[order]}

    def build(self, draws: Draws) -> Batch:
        """Examples; the features stay those of the input."""
        plain = self.inner.build(draws)
        ones = jnp.ones((plain.inputs.shape[0], 1))
        dealt = jnp.asarray(draws["dealt"]).astype(jnp.float32)
        return Batch(
            inputs=jnp.concatenate([plain.inputs, ones], axis=1),
            features=jnp.concatenate([plain.features, ones], axis=1),
            targets=jnp.where(self.shuffled > 0, dealt, plain.targets),
        )


def study() -> Study:
    """Networks that learn both features within the budget, if there is something to learn."""
    training = Training(
        learning_rate=0.01,
        batch_size=128,
        examples=1024,
        fit_examples=64,
        test_examples=TEST,
        epochs=30,
        evaluations=7,
    )
    return Study(
        name="controls",
        conditions={
            name: Condition(
                task=Controlled(shuffled=share),  # type: ignore[arg-type]
                model=MLP(widths=(32, 16)),
                training=training,
            )
            for name, share in ((REAL, 0.0), (SHUFFLED, 1.0))
        },
        measures=("accuracy", "reliance", "reliance_accuracy"),
        seeds=SEEDS,
        controls="none",
    )


@case(
    "controls",
    title="Untrained networks, shuffled labels, a constant input",
    reference="chance, by construction",
)
def controls() -> list[Check]:
    """Where there is nothing to learn, nothing is learned, and nothing is relied on."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(study(), folder)
        table = _plain(result.curves.filter(pl.col("split").cast(pl.String) == "test"))
        learned = _learned(result)
    accuracy = table.filter(measure="accuracy")
    end = pl.col("step") == table["step"].max()
    shuffled = accuracy.filter(end, condition=SHUFFLED)["value"]
    checks = [
        Check(
            quantity="untrained: mean accuracy",
            expected=0.5,
            measured=_mean(accuracy.filter(step=0, condition=REAL)["value"]),
            tolerance=UNTRAINED,
            measures=("accuracy",),
        ),
        Check(
            quantity="trained on real labels: mean accuracy",
            expected=1.0,
            measured=_mean(accuracy.filter(end, condition=REAL)["value"]),
            tolerance=0.01,
            measures=("accuracy",),
        ),
        Check(
            quantity="trained on shuffled labels: mean accuracy",
            expected=0.5,
            measured=_mean(shuffled),
            # Labels that nothing foretells: a binomial share.
            tolerance=4 * 0.5 / (len(shuffled) * TEST) ** 0.5,
            measures=("accuracy",),
        ),
        Check(
            quantity="trained on real labels: share of features learned",
            expected=1.0,
            measured=learned[REAL],
            tolerance=0.05,
        ),
        Check(
            quantity="trained on shuffled labels: share of features learned",
            expected=0.0,
            measured=learned[SHUFFLED],
            tolerance=0.0,
        ),
    ]
    for measure in ("reliance", "reliance_accuracy"):
        own = table.filter(measure=measure, feature=CONSTANT)["value"]
        checks.append(
            Check(
                quantity=f"constant input: largest {measure}",
                expected=0.0,
                measured=_largest(own),
                tolerance=0.0,
                measures=(measure,),
            )
        )
    return checks


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    names = ("condition", "measure", "feature")
    return table.with_columns(pl.col(name).cast(pl.String) for name in names)


def _learned(result: Result) -> dict[str, float]:
    """Of each condition, the share of features and seeds that were learned."""
    timed = _plain(
        result.summary.select("condition", "feature", "learned").with_columns(measure=pl.lit(""))
    ).drop_nulls("learned")
    return {
        name: float(np.mean(timed.filter(condition=name)["learned"].to_numpy()))
        for name in (REAL, SHUFFLED)
    }


def _mean(values: pl.Series) -> float | None:
    """The mean; null where one is null, for a missing number must not pass."""
    return None if values.null_count() else float(np.mean(values.to_numpy()))


def _largest(values: pl.Series) -> float | None:
    return None if values.null_count() or values.is_empty() else float(np.abs(values).max())
