"""The control networks of a real study: what they must not find, and what its own networks do."""

import tempfile

import numpy as np
import polars as pl

from primacy.calibration import Check, case
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.result import Result
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.boolean import Boolean

SEEDS = 8
TEST = 512


def study() -> Study:
    """A bit and an XOR, each with its output, and every control that a study can have."""
    training = Training(
        learning_rate=0.01,
        batch_size=64,
        examples=512,
        fit_examples=128,
        test_examples=TEST,
        epochs=20,
        evaluations=6,
    )
    task = Boolean(features=("linear1", "parity2"), units_per_feature=6, balance="exact")
    condition = Condition(
        task=task,  # type: ignore[arg-type]
        model=MLP(widths=(32,)),
        training=training,
    )
    return Study(
        name="control path",
        conditions={"default": condition},
        measures=("accuracy", "reliance", "variance_explained"),
        seeds=SEEDS,
        controls="full",
    )


@case(
    "control path",
    title="A study with all its controls: found where it is, not found where it is not",
    reference="chance, by construction; reliance on the only cause of an output is 1",
)
def control_path() -> list[Check]:
    """The study's own networks and its controls, by the code that runs every study."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(study(), folder)
        return [*_own(result), *_controls(result)]


def _own(result: Result) -> list[Check]:
    """Each output depends on its own feature alone."""
    end = result.curves.filter(pl.col("step") == result.curves["step"].max())
    names = [pl.col(c).cast(pl.String) for c in ("measure", "feature", "target")]
    relied = end.filter(names[0] == "reliance")
    own = relied.filter(names[1] == names[2])["value"].to_numpy()
    null = relied.filter(names[1] == names[2] + " null")["value"].to_numpy()
    return [
        # Interchanging all that an output depends on: expectation 1; the donors of 512 examples
        # give the feature's other value with an SD of .02.
        _near("reliance of each output on its own feature, mean", 1.0, own, 0.05),
        _near("reliance of each output on the control columns, mean", 0.0, null, 0.02),
    ]


def _controls(result: Result) -> list[Check]:
    """Networks with shuffled labels score at chance; no control fails."""
    shuffled = [o for o in result.controls if o.control == "shuffled labels"]
    random = [o for o in result.controls if o.control == "random feature"]
    failed = sum(o.word == "failed" for o in result.controls)
    scores = np.array([o.value for o in shuffled], float)
    explained = np.array([o.value for o in random], float)
    return [
        # A binomial share of 8 networks and 512 examples, and how a memorizing network errs.
        _near("shuffled labels: mean accuracy", 0.5, scores, 0.05),
        # Two class means fitted on 128 examples: expectation -2/128, as `held out` works out.
        _near("random feature: mean variance explained", -2 / 128, explained, 0.02),
        _near("controls that fail", 0.0, np.array([float(failed)]), 0.0),
    ]


def _near(quantity: str, expected: float, values: np.ndarray, tolerance: float) -> Check:
    measures = {"reliance": ("reliance",), "variance": ("variance_explained",)}
    found = [own for word, own in measures.items() if word in quantity]
    return Check(
        quantity=quantity,
        expected=expected,
        measured=float(values.mean()) if values.size else None,
        tolerance=tolerance,
        measures=found[0] if found else (),
    )
