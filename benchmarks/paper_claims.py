"""The table of docs/paper.md, from finished runs: every claim, and our verdict in each reading.

    python benchmarks/paper_claims.py runs/order runs/depth ... > docs/paper.md
    python benchmarks/paper_claims.py runs/paper > docs/paper.md

A claim about shares of variance is judged by both definitions, pooled and unit mean, from the same
runs. Claims that were asked at two moments have a row for each. Nothing is trained.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from primacy.analysis.contrasts import estimate
from primacy.analysis.resolve import SelectionError
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import Verdict
from primacy.analysis.words import word_of
from primacy.records.study import Hypothesis
from primacy.result import Result

POOLED, UNIT = "variance_explained", "variance_explained_unit_mean"

EXPERIMENTS = {
    "order": "Learning order",
    "prevalence": "Prevalence, one bit",
    "prevalence-parity": "Prevalence, a parity",
    "how-many": "Number of features",
    "sub-terms": "Terms of a complex feature",
    "what-biases": "Dropout, width, normalization",
    "depth": "Depth",
    "predictivity": "Predictivity, few examples",
    "predictivity-large": "Predictivity, many examples",
    "bias-effects": "What follows from a layer's bias",
}

OURS = {
    "order-not-all", "block-no-effect", "rare-block-later", "parity-has-no-terms",
    "too-much-dropout",    "norm-frees", "norm-frees-end", "same-dose", "lean-easy-norm",
    "inner-or-stronger", "inner-first-layers",
}  # fmt: skip
"""Claims that the papers do not make; the expected direction is ours."""

HEAD = Path(__file__).with_name("paper.template.md")
"""What the page says before its tables."""


def moment(h: Hypothesis) -> str:
    """When the claim is read, in a word or two."""
    c = h.contrast
    given = [side["at"] for side in (c.of, c.minus or {}) if "at" in side] or [c.at]
    if c.measure == "time_to_learn":
        return "-"
    names = {"learned" if isinstance(at, dict) else str(at) for at in given}
    return " and ".join(sorted(names))


def other(runs: Runs, h: Hypothesis) -> str:
    """The verdict by the other definition of a share; `-` where there is none."""
    swapped = {POOLED: UNIT, UNIT: POOLED}.get(h.contrast.measure)
    if swapped is None or swapped not in runs.cards:
        return "-"
    contrast = dataclasses.replace(h.contrast, measure=swapped)
    try:
        return word_of(h, estimate(runs, contrast))
    except SelectionError as error:
        return f"not possible ({error.problems[0]})"


def value(v: Verdict) -> str:
    """The estimate and its interval."""
    if v.value is None:
        return "-"
    ends = "" if v.low is None or v.high is None else f" ({v.low:.3g} to {v.high:.3g})"
    return f"{v.value:.3g}{ends}"


def rows(result: Result) -> Iterator[str]:
    """The rows of one study."""
    record = result.record
    runs = Runs(result.curves, result.lanes, record)
    for h, v in zip(record.hypotheses, result.verdicts, strict=True):
        mark = "*" if h.id in OURS else ""
        pooled, unit = v.word, other(runs, h)
        if h.contrast.measure == UNIT:
            pooled, unit = unit, pooled
        elif h.contrast.measure != POOLED:
            pooled, unit = v.word, "-"
        yield (
            f"| {h.claim} | {h.expect}{mark} | {moment(h)} | {pooled} | {unit} | {value(v)} | "
            f"{v.pairs} of {v.n} |"
        )


def cost(result: Result) -> str:
    """Networks and training steps."""
    lanes = result.lanes
    return f"{lanes.height:,} networks, {int(lanes['end_step'].sum()):,} training steps"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    print(HEAD.read_text(encoding="utf-8"))
    for folder in parser.parse_args().folders:
        whole = Result(folder)
        for result in whole.members.values() or [whole]:
            record = result.record
            seeds = len(record.seeds)
            print(f"## {EXPERIMENTS.get(record.name, record.name)}: `{record.name}`\n")
            print(f"{record.question} {seeds} seeds; {cost(result)}.\n")
            print("| claim | expected | read at | pooled, or the measure's own | unit mean | "
                  "value (95 % interval) | seeds |")  # fmt: skip
            print("| --- | --- | --- | --- | --- | --- | --- |")
            print(*rows(result), sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
