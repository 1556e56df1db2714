"""Which test each mutant of the calibration dies in; `python benchmarks/mutants_in_tests.py`.

Each mutant is put in place in a process of its own, which then runs the tests that should notice.
It survives where they pass. With --write the table goes to the end of docs/calibration.md, beside
what `primacy calibrate --mutants --json` found (given as a file). Minutes on one core.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from primacy.calibration import mutants

ROOT = Path(__file__).parent.parent
HEADING = "## The instrument broken on purpose"

ANALYSIS, CASES = "tests/analysis", "tests/calibration/test_cases.py"
TIMES, CONTRASTS = f"{ANALYSIS}/test_learning_times.py", f"{ANALYSIS}/test_contrasts.py"
INFERENCE, VERDICTS = f"{ANALYSIS}/test_inference.py", f"{ANALYSIS}/test_verdicts.py"

TESTS: dict[str, tuple[str, str]] = {
    "a lucky moment counts as learned": (TIMES, ""),
    "what was not learned counts as learned at the end": (TIMES, ""),
    "networks of different seeds are paired": (CONTRASTS, ""),
    "p is one-sided": (INFERENCE, ""),
    "Holm's correction does nothing": (INFERENCE, "holm"),
    "examples are never shuffled": ("tests/training/test_batches.py", ""),
    "networks are tested on their training examples": (CASES, "known_answers and held"),
    "shuffled labels are not shuffled": (CASES, "known_answers and path"),
    "every example is its own donor": (CASES, "known_answers and path"),
    "control columns are the feature's own columns": (CASES, "known_answers and path"),
    "the learning rate is twice what was asked for": ("tests/training/test_step.py", ""),
    "reliance is divided by the variance, not by twice it": (CASES, "known_answers and path"),
    "accuracy asks whether a logit is above .5": (CASES, "known_answers and hand"),
    "variance explained is fitted where it is scored": (CASES, "known_answers and held"),
    "a margin is not looked at": (VERDICTS, "five_words"),
    "a time is that of the evaluation before": (TIMES, ""),
    "networks that diverged are left out of times": (f"{ANALYSIS}/test_survivors.py", ""),
    "the last evaluation is not looked at": (CONTRASTS, ""),
    "a ratio is the mean of the networks' ratios": (CONTRASTS, ""),
    "ties of a trend count as pairs that fall": (INFERENCE, "kendall"),
    "a test at .05 has .05 on each side": (VERDICTS, ""),
    "the margin of a ratio is added": (VERDICTS, ""),
    "equality takes one of the two one-sided tests": (INFERENCE, ""),
    "intervals called 95 % are of 90 %": (INFERENCE, ""),
    "no control ever fails": ("tests/engine/test_controls.py", ""),
    "a probe's examples weigh the same, whatever their class": (
        "tests/measures/test_probes.py", "",
    ),
    "variance is taken around 0, not around the mean": (
        CASES, "known_answers and representations",
    ),
    "all seeds start from the same weights": (CASES, "known_answers and counted"),
    "the loss is summed over targets, not averaged": ("tests/training/test_step.py", ""),
}  # fmt: skip
"""Of each mutant, a file of tests and what to choose of it (pytest's -k)."""

CHILD = """\
import sys
import pytest
from primacy import calibration
from primacy.calibration import mutants
from primacy.registry import measures, models, tasks

for registry in (tasks, models, measures, calibration.cases):
    registry.load()
name, file, chosen = sys.argv[1:]
mutants.known()[name].apply()
# The package was imported first, so that pytest's plugins find it there already: jaxtyping, which
# would check its shapes, refuses that and is left out.
quiet = ["-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
quiet += ["-o", "addopts=--import-mode=importlib"]
asked = [*quiet, file, *(["-k", chosen] if chosen else [])]
sys.exit(pytest.main(asked))
"""


def dies_in(name: str) -> str | None:
    """The test that fails first; null: all pass.

    Raises:
        RuntimeError: the tests did not run.
    """
    file, chosen = TESTS[name]
    asked = [sys.executable, "-c", CHILD, name, file, chosen]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    failed = re.findall(rf"^FAILED ({re.escape(file)}::.+?)(?: - .*)?$", done.stdout, re.M)
    if done.returncode != 1 or not failed:
        raise RuntimeError(f"{name}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return failed[0]


def section(noticed: list[dict], died: dict[str, str | None]) -> str:
    """The table as Markdown; a mutant whose tests were not run says so."""
    k = sum(own["case"] is not None for own in noticed)
    lines = [
        HEADING,
        "",
        f"Each of {len(noticed)} mutants breaks one part. {k} are noticed by a case that runs in "
        f"every calibration (`primacy calibrate --mutants`). The tests that should notice were run "
        f"for {len(died)} of them (benchmarks/mutants_in_tests.py): "
        f"{sum(test is not None for test in died.values())} die there.",
        "",
        "| what is broken | noticed by | the answer that was missed | dies in |",
        "|---|---|---|---|",
    ]
    for own in noticed:
        test = died.get(own["mutant"], "not run") or "nothing"
        cells = (own["mutant"], own["case"] or "nothing", own["quantity"] or "-", test)
        lines.append(f"| {' | '.join(str(c).replace('|', '/') for c in cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the tests of the mutants named, or of all; exit code 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MUTANT")
    parser.add_argument("--write", type=Path, help="what `calibrate --mutants --json` printed")
    asked = parser.parse_args()
    died = {}
    for name in asked.names or mutants.known():
        died[name] = dies_in(name)
        print(json.dumps({"mutant": name, "dies in": died[name]}), flush=True)
    if asked.write is not None:
        write(json.loads(asked.write.read_text()), died)
    return 1 if None in died.values() else 0


def write(noticed: list[dict], died: dict[str, str | None]) -> None:
    """Put the table at the end of docs/calibration.md."""
    place = ROOT / "docs" / "calibration.md"
    rest = place.read_text().split(f"\n{HEADING}")[0].rstrip("\n")
    place.write_text(f"{rest}\n\n{section(noticed, died)}")


if __name__ == "__main__":
    sys.exit(main())
