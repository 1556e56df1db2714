"""Means of finished paper runs beside the bands that prototypes gave beforehand; for docs/paper.md.

    python benchmarks/paper_bands.py runs/paper
    python benchmarks/paper_bands.py runs/order runs/depth ...

The bands are those of prototypes in plain JAX (their mean plus or minus about two spreads, 4 or 6
networks), written before the studies. A mean outside is printed as what it is. Nothing is trained.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast
from primacy.result import Result

SHARE, UNIT = "variance_explained", "variance_explained_unit_mean"


class Band(NamedTuple):
    """A mean that was expected between two numbers."""

    study: str
    what: str
    low: float
    high: float
    contrast: Contrast


def of(measure: str, of: dict[str, Any], minus: dict[str, Any] | None = None, **more) -> Contrast:
    """A contrast; `minus` of the same network where it only names another feature."""
    return Contrast(
        measure=measure, of=of, minus=None if minus is None else {**of, **minus}, **more
    )


def rare(feature: str, prevalence: float) -> dict[str, Any]:
    """A side of the prevalence studies, by label."""
    return {"task.prevalence_of": "label", f"task.prevalence.{feature}": prevalence}


EASY, HARD = {"feature": "linear"}, {"feature": "parity4"}
FIRST = {"condition": "equal, A first", "feature": "parity2"}
SECOND = {"feature": "parity2 #2"}
SUB = {"condition": "xor_xor_xor"}
ENDS = {"feature": "linear2", "layer": "inputs"}
LAST = {"feature": "linear2 #4"}
COLOR, SHAPE = {"feature": "color"}, {"feature": "shape"}
BANDS = (
    Band("order", "parity2, A first: A - B when B has just been learned", 0.1, 0.6,
         of(SHARE, FIRST, SECOND, at={"learned": "parity2 #2"})),
    Band("order", "the same at the end", -0.3, -0.03, of(SHARE, FIRST, SECOND)),
    Band("order", "hard first: linear - parity4 at the end", 0.35, 0.70,
         of(SHARE, {"condition": "hard first", **EASY}, HARD)),
    Band("prevalence", "linear, label of 3 %: change of its share", -0.27, -0.07,
         of(SHARE, {"feature": "linear #2", **rare("linear #2", 0.03)}, rare("linear #2", 1.0))),
    Band("prevalence-parity", "parity2, label of 10 %: change of the gap", 0.05, 0.20,
         of(SHARE, {"feature": "parity2", **rare("parity2 #2", 0.1)}, rare("parity2 #2", 1.0),
            relative_to=SECOND)),
    Band("how-many", "parity2, variance in absolute terms, of 8 to alone", 0.2, 0.5,
         of("variance_absolute", {"condition": "parity2", "feature": "parity2", "task.trained": 8},
            {"task.trained": 1}, scale="ratio")),
    Band("how-many", "linear, share of one of four", 0.20, 0.28,
         of(SHARE, {"condition": "linear", "feature": "linear", "task.trained": 4})),
    Band("sub-terms", "and_xor_xor: a xor b in the last layer", 0.05, 0.25,
         of(SHARE, {"condition": "and_xor_xor", "feature": "and_xor_xor: a xor b"})),
    *(Band("sub-terms", f"xor_xor_xor: {pair} in the last layer", -0.03, 0.03,
           of(SHARE, {**SUB, "feature": f"xor_xor_xor: {pair}"}))
      for pair in ("a xor b", "c xor d", "a xor c")),
    Band("depth", "2 layers: linear - parity4", 0.30, 0.55,
         of(SHARE, {"model.depth": 2, **EASY}, HARD)),
    Band("depth", "4 layers: linear - parity4", 0.10, 0.26,
         of(SHARE, {"model.depth": 4, **EASY}, HARD)),
    Band("what-biases", "dropout .1: linear - parity4, unit mean", -0.25, -0.05,
         of(UNIT, {"condition": "dropout .1", **EASY}, HARD)),
    Band("what-biases", "layer norm: linear - parity4", -0.08, 0.12,
         of(SHARE, {"condition": "layer norm", **EASY}, HARD)),
    Band("predictivity", "easy right in 80 %: use of easy - use of hard", 0.1, 0.45,
         of("agreement", {"feature": "linear1", "task.predictivity.linear1": 0.8},
            {"feature": "parity2"})),
    Band("predictivity-large", "the same with 8,192 examples", -0.33, -0.15,
         of("agreement", {"feature": "linear1", "task.predictivity.linear1": 0.8},
            {"feature": "parity2"})),
    Band("transformer", "decoder, inputs: first - last", 0.2, 0.6,
         of(SHARE, {"condition": "decoder", **ENDS}, LAST)),
    Band("transformer", "decoder reversed, inputs: first - last", -0.5, -0.1,
         of(SHARE, {"condition": "decoder, reversed", **ENDS}, LAST)),
    Band("transformer", "queries, outputs: first - last, unit mean", -0.03, 0.03,
         of(UNIT, {"condition": "queries", **ENDS, "layer": "outputs"}, LAST)),
    Band("vision", "plain: color - shape", 0.25, 0.7,
         of(SHARE, {"condition": "plain", **COLOR}, SHAPE)),
    Band("vision", "plain, batch norm: color - shape", 0.0, 0.08,
         of(SHARE, {"condition": "plain, batch norm", **COLOR}, SHAPE)),
    Band("vision", "residual, batch norm: color - shape", 0.05, 0.27,
         of(SHARE, {"condition": "residual, batch norm", **COLOR}, SHAPE)),
    Band("bias-effects", "push that flips half, parity4 to linear", 0.65, 0.92,
         of("steering_push", {"condition": "plain", "feature": "parity4", "target": "parity4"},
            {"feature": "linear", "target": "linear"}, scale="ratio")),
    Band("bias-effects", "a classifier on the layer follows linear", 0.85, 1.0,
         of("downstream_lean", {"condition": "plain", **EASY})),
)  # fmt: skip
"""Of those that studies of `paper` hold; the circle, the staircase and the leaks are tests."""


def compared(result: Result) -> Iterator[str]:
    """A row for each band of a study."""
    own = [band for band in BANDS if band.study == result.record.name]
    if not own or not result.complete:
        return
    runs = Runs(result.rows, result.lanes, result.record)
    for band in own:
        found = estimate(runs, band.contrast)
        mean, (low, high) = found.value, found.interval
        if mean is None:
            yield f"| {band.study} | {band.what} | - | [{band.low:g}, {band.high:g}] | no value |"
            continue
        word = "inside" if band.low <= mean <= band.high else "**outside**"
        told = f"{mean:+.3g} [{low:+.3g}, {high:+.3g}], n = {found.pairs}"
        told = told.replace("-", "−")
        yield f"| {band.study} | {band.what} | {told} | [{band.low:g}, {band.high:g}] | {word} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    print(
        "| study | mean | measured [95 % interval] | expected | |\n| --- | --- | --- | --- | --- |"
    )
    for folder in parser.parse_args().folders:
        whole = Result(folder)
        for result in whole.members.values() or [whole]:
            for row in compared(result):
                print(row)


if __name__ == "__main__":
    main()
