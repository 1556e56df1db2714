"""Slabs: a network that could tell the label by any coordinate uses the line and none of the slabs.

LMS-5: one linear coordinate and 5-slabs, each of which tells the label without error; MS-(5,7): one
5-slab and 7-slabs. Rotated, so that no input column is the simple one. The area under the ROC curve
falls to chance when the simple coordinate is interchanged among examples, and stays when all
others are, together.
"""

import tempfile

import numpy as np
import polars as pl

from primacy.calibration import Check, case
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.rng import streams
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.slabs import Slabs

MOMENTS = {5: 0.1984, 7: 0.19864}
DRAWN = 400_000
CHANCE = 0.03
"""Five standard errors of an area under the curve of 5,000 examples or more by chance."""

REFERENCE = "Shah et al. 2020, The pitfalls of simplicity bias, arXiv 2006.07710"


def areas(
    d: int, width: int, examples: int, epochs: int, test: int, pieces: tuple[int, int] = (1, 5)
) -> dict[str, float]:
    """Area under the curve of a network of one simple coordinate and d - 1 others: as it is, and by
    what is interchanged."""
    study = Study(
        name="slabs",
        conditions={
            "slabs": Condition(
                task=Slabs(pieces=pieces, copies=(1, d - 1), rotation=0),  # type: ignore[arg-type]
                model=MLP(widths=(width, width), activation="relu"),
                training=Training(
                    optimizer="sgd",
                    learning_rate=0.1,
                    batch_size=256,
                    examples=examples,
                    epochs=epochs,
                    evaluations=2,
                    confirm=1,
                    fit_examples=2,
                    test_examples=test,
                ),
            )
        },
        measures=("auc", "randomized_auc"),
        seeds=1,
        controls="none",
    )
    with tempfile.TemporaryDirectory() as folder:
        table = run(study, folder).curves
    table = table.with_columns(pl.col("measure", "split", "feature").cast(pl.String)).filter(
        (pl.col("split") == "test") & (pl.col("step") == pl.col("step").max())
    )
    own = table.filter(pl.col("measure") == "auc")
    each = table.filter(pl.col("measure") == "randomized_auc")
    return {"": own["value"].item()} | dict(zip(each["feature"], each["value"], strict=True))


def _checks(
    found: dict[str, float], named: str, simple: str = "linear", others: str = "5-slabs"
) -> list[Check]:
    what = {"linear": "the linear coordinate", "5-slab": "the 5-slab"}[simple]
    return [
        Check(
            quantity=f"{named}: area under the ROC curve",
            expected=1.0,
            measured=found[""],
            tolerance=0.01,
            measures=("auc",),
        ),
        Check(
            quantity=f"{named}: the same with {what} interchanged",
            expected=0.5,
            measured=found[simple],
            tolerance=CHANCE,
            measures=("randomized_auc",),
        ),
        Check(
            quantity=f"{named}: the same with all {others} interchanged together",
            expected=1.0,
            measured=found[others],
            tolerance=0.01,
            measures=("randomized_auc",),
        ),
    ]


@case("slabs", title="Simple coordinates are used alone: 10 coordinates", reference=REFERENCE)
def slabs() -> list[Check]:
    """Second moments of drawn coordinates under each label, and a small LMS-5 network."""
    found = []
    for pieces, expected in MOMENTS.items():
        draws = Slabs(pieces=(pieces,), copies=(1,)).draw("test", streams(0, "data"), DRAWN)
        squares = draws["coordinates"][:, 0].astype(np.float64) ** 2
        found += [
            Check(
                quantity=f"{pieces}-slab: second moment under label {label}, {DRAWN:,} examples",
                expected=expected,
                measured=float(squares[draws["label"] == label].mean()),
                tolerance=0.005,  # five standard errors
            )
            for label in (0, 1)
        ]
    return found + _checks(areas(d=10, width=32, examples=8_192, epochs=20, test=8_192), "LMS-5")


@case(
    "lms-5",
    title="Simple coordinates are used alone: 50 coordinates, 2 x 100 units",
    reference=REFERENCE,
    full=True,
)
def lms_5() -> list[Check]:
    """The network of the paper's size: SGD .1, batches of 256, 20 epochs of 40,960 examples."""
    found = areas(d=50, width=100, examples=40_960, epochs=20, test=8_192)
    return _checks(found, "LMS-5, d = 50")


@case(
    "ms-5-7",
    title="The simplest slab is used alone: one of 5 pieces beside nine of 7",
    reference=REFERENCE,
    full=True,
)
def ms_5_7() -> list[Check]:
    """MS-(5,7): no coordinate is linear, and the network still uses the simplest of all."""
    found = areas(d=10, width=100, examples=20_480, epochs=40, test=8_192, pieces=(5, 7))
    return _checks(found, "MS-(5,7)", simple="5-slab", others="7-slabs")
