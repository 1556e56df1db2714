"""What issue 4 asked for, line by line, and what was reached: computed from results.json alone."""

from statistics import median
from typing import Any, NamedTuple

import numpy as np

Found = dict[str, Any]


class Goal(NamedTuple):
    """A line of "Done when": what was asked for, what was measured, whether that is enough."""

    asked: str
    measured: str
    reached: bool
    single: bool = False
    """One run of each only: the next may say otherwise."""


RATIOS = (
    ("primacy, cold", "sequential", 6.0, 8.0),
    ("primacy, warm", "sequential", 7.0, None),
    ("primacy, cold", "JAX vmap", 1.7, None),
    ("primacy, cold", "JAX map", 1.7, None),
    ("primacy, cold", "PyTorch loop", 1.7, None),
    ("primacy, cold", "PyTorch ensemble", 1.7, None),
    ("complexity, cold", "sequential", 4.5, None),
)
"""Who is compared with whom, how many times faster was asked for, and what was hoped for."""

SHARE, HOPED_SHARE = 0.65, 0.8
"""Of the speed of matrix products that training and evaluation were to reach."""

EARLIER_THOUSAND = (34e3, 102e3)
"""Nanoseconds of a core for a step of a thousand-input network, before the engine was built."""


def by_peer(part: Found) -> dict[str, list[Found]]:
    """The runs of a race, by peer."""
    found: dict[str, list[Found]] = {}
    for run in part["found"]["runs"]:
        found.setdefault(run["peer"], []).append(run)
    return found


def ratio(slow: list[Found], fast: list[Found]) -> tuple[float, float, float]:
    """How many times longer: of the medians, and of the extreme pairs of runs."""
    a, b = [run["wall"] for run in slow], [run["wall"] for run in fast]
    return median(a) / median(b), min(a) / max(b), max(a) / min(b)


def computing(run: Found, cores: int) -> float:
    """Seconds of training, evaluation and writing, compiling apart.

    Programs are compiled by all workers at the same time; where one compiles alone, this is too
    large, never too small.
    """
    return run["inside"]["total"] - run["inside"]["compile"] / cores


def share(run: Found, part: Found) -> float:
    """The work's matrix products a second, over what both cores did beside the run."""
    gflop = part["found"]["gflop"] * part["found"]["seeds"]
    return gflop / computing(run, part["cores"]) / run["gemm"][1]


def raced(part: Found) -> list[Goal]:
    runs, goals = by_peer(part), []
    for name, peer, asked, hoped in RATIOS:
        if name not in runs or peer not in runs:
            continue
        middle, low, high = ratio(runs[peer], runs[name])
        asks = f"{name}: {asked:g} times faster than {peer}"
        more = f" (hoped for: {hoped:g})" if hoped else ""
        single = len(runs[peer]) == len(runs[name]) == 1
        spread = "" if single else f" ({low:.2f}-{high:.2f})"
        goals.append(Goal(asks + more, f"{middle:.2f}{spread}", middle >= asked, single))
    if "primacy, warm" in runs:
        shares = [share(run, part) for run in runs["primacy, warm"]]
        goals.append(
            Goal(
                "training and evaluation (primacy, warm) at 65 % of the speed of matrix products "
                "beside it (hoped for: 80 %)",
                f"{median(shares):.1%} ({min(shares):.1%}-{max(shares):.1%})",
                median(shares) >= SHARE,
                len(shares) == 1,
            )
        )
    return goals


def against_lightning(found: Found) -> list[tuple[str, float]]:
    """How many times as many model-steps a second as Lightning takes, in both its ways."""
    ours = next(each for each in found["ours"] if each["network"] == "notebook")
    told = {"bare": "no log, bar, checkpoints", "usual": "as it comes, logging the loss"}
    found_ratios = []
    for how, said in told.items():
        each = [r["seconds"] / r["steps"] * 1e9 for r in found["lightning"] or [] if r["as"] == how]
        if each:
            found_ratios.append((said, median(each) / ours["ns"]))
    return found_ratios


def stepped(part: Found) -> list[Goal]:
    goals = [
        Goal(
            f"10,000 times the model-steps a second of Lightning ({said})",
            f"{times:,.0f}",
            times >= 10_000,
        )
        for said, times in against_lightning(part["found"])
    ]
    ours = next(each for each in part["found"]["ours"] if each["network"] == "thousand")
    core = ours["ns"] * ours["cores"]
    low, high = (before / core for before in EARLIER_THOUSAND)
    goals.append(
        Goal(
            "thousand-input networks 5 times better than 34 to 102 µs of a core for a step",
            f"{core / 1e3:.1f} µs of a core: {low:.1f} to {high:.1f} times",
            low >= 5,
        )
    )
    return goals


def off_the_line(rows: list[Found]) -> tuple[float, float, dict[int, float]] | None:
    """Seconds at the start and a seed, and by how much each point is off that line."""
    mine = [row for row in rows if row["what"] == "seeds"]
    if len(mine) < 3:
        return None
    n = np.array([row["count"] for row in mine], float)
    seconds = np.array([row["inside"]["total"] for row in mine])
    # Weighted so that every point counts by its relative error.
    slope, start = np.polyfit(n, seconds, 1, w=1 / seconds)
    off = seconds / (start + slope * n) - 1
    return float(start), float(slope), {int(k): float(x) for k, x in zip(n, off, strict=True)}


def tiny_memory(rows: list[Found]) -> tuple[int, int, float] | None:
    """Two numbers of seeds of a tiny study and the ratio of their peaks of memory."""
    mine = [row for row in rows if row["what"] == "seeds of tiny networks"]
    if len(mine) < 2:
        return None
    return mine[0]["count"], mine[-1]["count"], mine[-1]["memory"] / mine[0]["memory"]


def grown(part: Found) -> list[Goal]:
    goals = []
    if line := off_the_line(part["found"]):
        worst = max(line[2].values(), key=abs)
        goals.append(Goal("time grows linearly with seeds, within 10 %",
                          f"off the line by {worst:+.1%} at most", abs(worst) <= 0.1))  # fmt: skip
    if tiny := tiny_memory(part["found"]):
        few, many, times = tiny
        goals.append(Goal(f"{many:,} seeds of a tiny study in 1.3 times the memory of {few}",
                          f"{times:.2f}", times <= 1.3))  # fmt: skip
    return goals


def equivalent(part: Found) -> list[Goal]:
    rows = part["found"]
    held = sum(row["equal"] for row in rows)
    return [
        Goal(
            f"side by side or one by one changes no result, over {rows[0]['seeds']} seeds",
            f"{held} of {len(rows)} tests show it (largest p {max(row['p'] for row in rows):.1g})",
            held == len(rows),
        )
    ]


def predicted(part: Found) -> list[Goal]:
    rows, goals = part["found"], []
    for row in rows:
        if row["study"] == "notebook x 30":
            for how, asked in (("cold", 60), ("warm", 30)):
                took = row[f"{how}_seconds"]
                goals.append(Goal(f"`primacy run notebook --seeds 30`, {how}: {asked} s",
                                  f"{took:.1f} s", took <= asked))  # fmt: skip
    worst = max(max(x, 1 / x) for row in rows for x in [row["predicted"] / row["cold"]])
    goals.append(Goal("memory predicted before the start, within a factor 1.3 (cold)",
                      f"off by a factor {worst:.2f} at most", worst <= 1.3))  # fmt: skip
    return goals


def started(part: Found) -> list[Goal]:
    runs: dict[str, list[float]] = {}
    for row in part["found"]:
        runs.setdefault(row["what"], []).append(row["user"])
    own = median(runs["import primacy"]) - median(runs["python"])
    helped = median(runs["primacy --help"])
    return [
        Goal("`primacy --help` in .5 s of CPU", f"{helped:.2f} s", helped < 0.5),
        Goal("`import primacy` in .2 s of CPU", f"{own:.3f} s", own < 0.2),
    ]


GOALS = {
    "race": raced, "steps": stepped, "growth": grown, "equivalence": equivalent,
    "memory": predicted, "startup": started,
}  # fmt: skip


def goals(results: Found) -> list[Goal]:
    """Every line of which there are figures."""
    return [goal for part, of in GOALS.items() if part in results for goal in of(results[part])]
