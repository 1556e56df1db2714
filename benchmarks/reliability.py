"""`make reliability`: the figures of docs/reliability.md, written by what they are figures of.

    python benchmarks/reliability.py [--only NAME ...] [--trials 200] [--seed 0]

Each line is the last one that a test or script printed. One that fails keeps its old line and ends
this with exit code 1. All of it takes hours; `--only` names the lines to write anew.
"""

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
START, END = "<!-- figures -->", "<!-- end of figures -->"
TEST = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:xdist"]
LINES = {
    "failing system calls": (
        [*TEST, "tests/faults/test_faults.py"], r"\w+: \d+ faults at \d+ operations, \d+ states"
    ),
    "power cuts": (
        [*TEST, "tests/faults/test_crash_states.py"], r"\d+ states, \d+ with the old .*"
    ),
    "compaction": (
        [*TEST, "tests/records/test_compact.py"], r"\d+ operations, \d+ states"
    ),
    "kills of real runs": (
        [sys.executable, "benchmarks/kills.py", "--trials", "{trials}", "--seed", "{seed}"],
        r"\d+ trials with \d+ kills .*",
    ),
    "damaged and forged files": (
        [sys.executable, "-m", "tests.faults.mutations", "--trials", "{trials}",
         "--seed", "{seed}"],
        r"\d+ trials from .*",
    ),
}  # fmt: skip
"""What is run, and what its figures look like."""


def figures(name: str, trials: int, seed: int) -> str | None:
    """What it printed; None: it failed."""
    command, pattern = LINES[name]
    words = [word.format(trials=trials, seed=seed) for word in command]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.findall(pattern, ended.stdout)
    if ended.returncode or not found:
        print(f"{name} failed:\n{ended.stdout[-3000:]}{ended.stderr[-1000:]}", flush=True)
        return None
    return "; ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=LINES)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    failed = False
    for name in asked.only or LINES:
        if (told := figures(name, asked.trials, asked.seed)) is None:
            failed = True
            continue
        before, rest = PAGE.read_text().split(START)
        old, after = rest.split(END)
        rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", old, re.M))
        rows |= {name: f"{told} | {datetime.date.today()}"}
        cells = [f"| {n} | {rows[n]} |" for n in LINES if n in rows]
        table = "\n".join(["| what | figures | on |", "| --- | --- | --- |", *cells])
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}")
        print(f"{name}: {told}", flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
