"""What is fitted or learned on some examples is scored on others: random labels show it.

A network of few examples memorizes labels that mean nothing; a measure with more units than
examples fits anything. Both must score at chance, because both are scored on other examples.
"""

import dataclasses
import tempfile

import jax
import numpy as np
import polars as pl

from primacy.calibration import Check, case
from primacy.calibration.controls import Controlled
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.registry import measures
from primacy.study.spec import Condition, Study, Training

SEEDS = 16
TEST = 512
ROWS, UNITS, LAYERS = 64, 32, 200
"""Of random layers: examples on which a measure fits, and as many on which it is scored."""


@case(
    "held out",
    title="Random labels: memorized in training, at chance on held-out examples, for measures too",
    reference="chance, by construction; variance explained of noise: degrees of freedom",
)
def held_out() -> list[Check]:
    """Memorized labels, measures of noise, and networks that differ only in the order."""
    return [*_memorized(), *_noise(), *_order()]


def _study(**changes) -> Study:
    training = Training(
        learning_rate=0.01,
        batch_size=16,
        examples=64,
        fit_examples=64,
        test_examples=TEST,
        epochs=60,
        evaluations=4,
    )
    condition = Condition(
        task=Controlled(shuffled=1.0),  # type: ignore[arg-type]
        model=MLP(widths=(64,)),
        training=training,
    )
    return dataclasses.replace(
        Study(
            name="held out",
            conditions={"default": condition},
            measures=("accuracy", "loss"),
            seeds=SEEDS,
            controls="none",
        ),
        **changes,
    )


def _ends(study: Study, measure: str, split: str) -> np.ndarray:
    """The last number of every network and target."""
    with tempfile.TemporaryDirectory() as folder:
        table = run(study, folder).curves
    names = pl.col("measure").cast(pl.String), pl.col("split").cast(pl.String)
    own = table.filter(names[0] == measure, names[1] == split, pl.col("target").is_not_null())
    return own.filter(pl.col("step") == table["step"].max())["value"].to_numpy()


def _memorized() -> list[Check]:
    """Labels dealt out anew: 64 examples are memorized, and nothing carries over."""
    study = _study()
    train, test = (_ends(study, "accuracy", split) for split in ("train", "test"))
    return [
        Check(
            quantity="random labels: mean accuracy on the training examples",
            expected=1.0,
            measured=float(train.mean()),
            tolerance=0.02,
            measures=("accuracy",),
        ),
        Check(
            quantity="random labels: mean accuracy on held-out examples",
            expected=0.5,
            measured=float(test.mean()),
            # 64 examples of few bits hold some inputs of the test set; their labels are as random.
            tolerance=float(4 * test.std() / np.sqrt(len(test)) + 0.01),
            measures=("accuracy",),
        ),
    ]


def _noise() -> list[Check]:
    """A layer of noise and a feature of noise: what is fitted on one half fails on the other."""
    rng = np.random.default_rng(0)
    reps = rng.standard_normal((LAYERS, 2 * ROWS, UNITS)).astype(np.float32)
    bits = (rng.permuted(np.tile([0.0, 1.0], (LAYERS, ROWS)), axis=1)).astype(np.float32)[..., None]
    registered = measures.load()

    def each(name: str) -> float:
        def one(r: jax.Array, f: jax.Array) -> jax.Array:
            return registered[name].function(r[:ROWS], f[:ROWS], r[ROWS:], f[ROWS:])

        return float(np.mean(jax.lax.map(lambda x: jax.jit(one)(*x), (reps, bits))))

    variance, probe = each("variance_explained"), each("probe_accuracy")
    return [
        Check(
            quantity="a layer of noise: variance explained by a random bit, held out",
            # The squared error of two class means and of the test mean, each fitted on 64 rows:
            # 1 + 1/64 + 1/64 over 1 - 1/64.
            expected=1 - (1 + 2 / ROWS) / (1 - 1 / ROWS),
            measured=variance,
            tolerance=0.004,
            measures=("variance_explained",),
        ),
        Check(
            quantity="a layer of noise: accuracy of a probe for a random bit, held out",
            expected=0.5,
            measured=probe,
            tolerance=float(4 * 0.5 / np.sqrt(LAYERS * ROWS)),
            measures=("probe_accuracy",),
        ),
    ]


def _order() -> list[Check]:
    """The order of the examples is drawn: networks that share all else end apart."""
    ends = _ends(_study(seed_axes=("order",), seeds=8), "loss", "train")
    return [
        Check(
            quantity="eight networks that differ in the order of examples only: distinct losses",
            expected=8.0,
            measured=float(len(np.unique(ends.reshape(8, -1)[:, 0]))),
            tolerance=0.0,
            measures=("loss",),
        )
    ]
