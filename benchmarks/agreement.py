"""Do the peers' networks behave alike? Their answers are other draws of the same distribution.

Compared, a value a seed: held-out accuracy at the end, time-to-learn and total variance of the
last hidden layer. Oracle: each peer is another program for the same experiment.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import mannwhitneyu

FEATURES = ("linear", "xor_xor_xor")
CRITERION, CONFIRM = 0.95, 3
ALPHA = 0.01


def handed_in(folder: Path) -> dict[str, np.ndarray]:
    """A peer's answers: accuracy and share `[seed, epoch, feature]`, variance `[seed, epoch]`."""
    if (folder / "answers.json").exists():
        told = json.loads((folder / "answers.json").read_text())
        return {name: np.asarray(values) for name, values in told.items()}
    from primacy import result

    rows = result.open(folder / "run").curves.filter(pl.col("split") == "test")

    def stacked(measure: str, feature: str | None) -> np.ndarray:
        mine = rows.filter(pl.col("measure") == measure)
        if feature is not None:
            mine = mine.filter(pl.col("feature") == feature)
        mine = mine.filter(pl.col("layer").is_null() | (pl.col("layer") == "hidden4"))
        table = mine.sort("seed", "step").select("seed", "value")
        return table["value"].to_numpy().reshape(table["seed"].n_unique(), -1)

    both = {
        name: np.stack([stacked(measure, f) for f in FEATURES], -1)
        for name, measure in (
            ("accuracy", "accuracy"),
            ("variance_explained", "variance_explained_unit_mean"),
        )
    }
    return both | {"total_variance": stacked("total_variance", None)}


def learned(curve: np.ndarray) -> float:
    """The first epoch from which three evaluations in a row reach 95 %; infinity if none."""
    there = curve >= CRITERION
    held = np.convolve(there, np.ones(CONFIRM), "valid") == CONFIRM
    return float(np.argmax(held)) if held.any() else np.inf


def values(answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is compared, a number a seed."""
    found = {"total variance at the end": answers["total_variance"][:, -1]}
    for f, name in enumerate(FEATURES):
        found[f"accuracy at the end, {name}"] = answers["accuracy"][:, -1, f]
        found[f"epoch of learning, {name}"] = np.array(
            [learned(c) for c in answers["accuracy"][..., f]]
        )
        found[f"variance explained (mean over units), {name}"] = answers["variance_explained"][
            :, -1, f
        ]
    return found


def compared(folders: dict[str, str], ours: str) -> list[dict[str, Any]]:
    """A row for each peer and value: medians, ranges and whether a rank test tells them apart.

    The level of each test is 1 % over all of them (Bonferroni); with few seeds a test cannot
    reject, and the row says how many there are.
    """
    every = {name: values(handed_in(Path(folder))) for name, folder in folders.items()}
    tests = (len(every) - 1) * len(every[ours])
    rows = []
    for name, theirs in every.items():
        for what, numbers in theirs.items():
            p = None
            if name != ours:
                p = float(mannwhitneyu(numbers, every[ours][what]).pvalue)
            rows.append({
                "peer": name, "what": what, "seeds": len(numbers),
                "median": float(np.median(numbers)),
                "low": float(numbers.min()), "high": float(numbers.max()), "p": p,
                "agrees": None if p is None else p >= ALPHA / tests,
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(compared(asked["folders"], asked["ours"])))
