"""Does it matter that networks train side by side? The same seeds in blocks and one by one.

Rounding differs between the two, and training is chaotic, so single networks drift apart; what
must not change is the result. Oracle: statsmodels' two one-sided paired tests, over seeds, for
time-to-learn (margin 5 % of its mean) and for the variance explained at the end (margin .02).
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

import primacy
from primacy.engine import plan
from primacy.models.mlp import MLP
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.boolean import Boolean

FEATURES = ("linear", "xor_xor_xor")
MARGINS = {"time_to_learn": 0.05, "variance_explained": 0.02}


def study(seeds: int) -> Study:
    training = Training(
        batch_size=64, examples=1024, epochs=100, evaluations=101, fit_examples=256,
        test_examples=256, learning_rate=3e-3,
    )  # fmt: skip
    condition = Condition(
        task=Boolean(features=FEATURES, units_per_feature=8),
        model=MLP(widths=(32, 16)),
        training=training,
    )
    return Study(
        name="equivalence",
        conditions={"default": condition},
        measures=("accuracy", "variance_explained"),
        seeds=seeds,
        controls="none",
    )


def one_by_one(asked: Study, folder: Path) -> primacy.Result:
    if "exact_solo" in {field.name for field in dataclasses.fields(Study)}:
        return primacy.run(asked.replace(exact_solo=True), folder)
    plan.width = lambda *_: 1
    return primacy.run(asked, folder)


def values(result: primacy.Result, column: str, feature: str) -> np.ndarray:
    """A number a seed; what was not learned counts as the last step that can be confirmed."""
    (condition,) = result.record.conditions
    tau = condition.steps[-condition.confirm]
    rows = result.summary.filter(feature=feature).sort("seed")
    return rows[column].fill_null(tau if column == "time_to_learn" else np.nan).to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    asked = study(parser.parse_args().seeds)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        together = primacy.run(asked, Path(scratch) / "together")
        width = max(part["block_width"] for part in together.store.manifest().values())
        alone = one_by_one(asked, Path(scratch) / "alone")
        for column, margin in MARGINS.items():
            for feature in FEATURES:
                a, b = (values(r, column, feature).astype(float) for r in (together, alone))
                margin_here = margin * b.mean() if column == "time_to_learn" else margin
                if (a == b).all():
                    p = 0.0  # the differences have no spread that a t-test could use
                else:
                    p = float(ttost_paired(a, b, -margin_here, margin_here)[0])
                rows.append({
                    "what": column, "feature": feature, "seeds": len(a), "width": width,
                    "together": a.mean(), "alone": b.mean(), "difference": (a - b).mean(),
                    "largest": np.abs(a - b).max(), "equal_bits": int((a == b).sum()),
                    "margin": margin_here, "p": p, "equal": p < 0.05,
                })  # fmt: skip
    print(json.dumps(rows, default=float))


if __name__ == "__main__":
    main()
