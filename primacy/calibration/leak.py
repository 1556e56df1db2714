"""A leaky pipeline: rows are copied before they are split, so test rows also train.

The labels are drawn at random, so a score above chance on held-out rows can only be memory of their
copies. A control must find it, and the page must say so before anything else. With the copies kept
together (`split_by`) the same study is sound.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from primacy.calibration import Check, case
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.study.spec import Condition, Study, Training
from primacy.tasks import arrays

SEEDS = 6
ROWS, COPIES, COLUMNS = 60, 3, 8
GROUP = "who"


def table() -> pl.DataFrame:
    """Rows of noise with random labels, half of each, every row three times."""
    rng = np.random.default_rng(4)
    once = {f"x{i}": rng.normal(size=ROWS) for i in range(COLUMNS)}
    once |= {"y": rng.permutation(ROWS) % 2, GROUP: np.arange(ROWS)}
    return pl.DataFrame({name: np.repeat(values, COPIES) for name, values in once.items()})


def study(folder: Path, together: bool) -> Study:
    """Networks that memorize; `together`: the copies of a row are kept on one side."""
    told: dict[str, Any] = {
        "file": "data.csv",
        "target": ["y"],
        "features": {"left": ["x0..x3"], "right": ["x4..x7"]},
    }
    if together:
        told["split_by"] = GROUP
    training = Training(
        learning_rate=0.01,
        batch_size=32,
        examples="all",
        fit_examples="all",
        test_examples="all",
        steps=600,
        evaluations=4,
    )
    condition = Condition(
        task=arrays.load(folder, told),  # type: ignore[arg-type]
        model=MLP(widths=(64,)),
        training=training,
    )
    return Study(
        name="leaky pipeline",
        conditions={"default": condition},
        measures=("accuracy", "reliance"),
        seeds=SEEDS,
        controls="none",
    )


@case(
    "leaky pipeline",
    title="Rows copied before the split: a control fails, and the page says so first",
    reference="random labels: chance on held-out rows, by construction; copies: counting",
)
def leaky_pipeline() -> list[Check]:
    """The score that the leak brings, the control that finds it, and what the page opens with."""
    return [check for together in (False, True) for check in _of(together)]


def _of(together: bool) -> list[Check]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table().write_csv(folder / "data.csv")
        result = run(study(folder, together), folder / "run")
        failed = [o for o in result.controls if o.word == "failed" and o.control == "rows in both"]
        score = result.summary["final_accuracy"].to_numpy()
        page = result.report(folder / "page.html").read_text(encoding="utf-8")
    top = page.partition("<main>")[0]
    named = 'id="controls-failed"' in top and "test rows also train" in top
    what = "copies together" if together else "copies apart"
    rows = ROWS * COPIES // 5
    return [
        Check(
            quantity=f"{what}: control of rows in both sets fails",
            expected=float(not together),
            measured=float(len(failed)),
            tolerance=0.0,
        ),
        Check(
            quantity=f"{what}: the leak is named at the top of the page",
            expected=float(not together),
            measured=float(named),
            tolerance=0.0,
        ),
        Check(
            quantity=f"{what}: mean held-out accuracy on random labels",
            # A test row has no copy that trains where both others fit or test: .4^2 = .16.
            expected=0.5 if together else 1 - 0.16 / 2,
            measured=float(score.mean()),
            # Twelve distinct rows a network, each thrice; and what memory misses.
            tolerance=4 * 0.5 / (SEEDS * rows / COPIES) ** 0.5 if together else 0.1,
            measures=("accuracy",),
        ),
    ]
