"""docs/performance.md, rendered from results.json: no figure in it is typed by hand."""

import json
import sys
from pathlib import Path
from statistics import median

from goals import Found, against_lightning, by_peer, computing, goals, off_the_line, tiny_memory

HEAT = ("cold", "warm")

PEERS = {
    "sequential": "A plain program of the demo's shape, seeds one after another: one jit call a "
    "batch, a Python loop that redraws examples, metrics through gradients, scikit-learn",
    "JAX vmap": "JAX, one jitted program, `vmap` over seeds",
    "JAX map": "JAX, one jitted program, `lax.map` over seeds",
    "PyTorch loop": "PyTorch, eager loop",
    "PyTorch ensemble": "PyTorch, `torch.func` ensemble of all seeds",
    "primacy, cold": "`primacy run benchmarks/demo.toml`, nothing in the cache",
    "primacy, warm": "the same, its programs in the cache",
    "complexity, cold": "`primacy run complexity`: all measures, verdicts, the page; cold",
    "complexity, warm": "the same, warm",
}


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table; columns after the first are right-aligned."""
    return [
        f"| {' | '.join(head)} |",
        f"| --- |{' ---: |' * (len(head) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def spread(values: list[float], digits: int = 1) -> str:
    """Median, and the range where there is more than one."""
    middle = f"{median(values):,.{digits}f}"
    if len(values) < 2:
        return middle
    return f"{middle} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def raced(part: Found) -> list[str]:
    found = part["found"]
    seeds, gflop = found["seeds"], found["gflop"] * found["seeds"]
    runs = by_peer(part)
    walls = {name: [run["wall"] for run in mine] for name, mine in runs.items()}
    if "primacy, cold" not in runs:
        return ["## The demo's work", "", "Interrupted before primacy's own turn.", ""]
    ours = median(walls["primacy, cold"])
    both = [run["gemm"][1] for run in found["runs"]]
    rows = [
        [PEERS[name] + torch_cores(name, found["torch"]), spread(walls[name]), str(len(mine)),
         f"{median(walls[name]) / ours:.2f}",
         spread([run["user"] for run in mine], 0),
         spread([run["memory"] / 1e6 for run in mine], 0)]
        for name, mine in sorted(runs.items(), key=lambda item: list(PEERS).index(item[0]))
    ]  # fmt: skip
    limit = gflop / median(both)
    rows.append([f"The matrix products alone ({gflop:,.0f} GFLOP) at the speed of the machine's "
                 "GEMM", f"{limit:.1f}", "", f"{limit / ours:.2f}", "", ""])  # fmt: skip
    lines = [
        "## The demo's work",
        "",
        f"{seeds} seeds, 100 epochs, 101 evaluations with the demo's measures. Every run is a "
        "process of its own, imports and compilation included. All took turns; medians of n runs, "
        "and the range in brackets. Between the runs the machine's speed in f32 matrix products "
        f"was taken: {spread([run['gemm'][0] for run in found['runs']], 0)} GFLOP/s on one core, "
        f"{spread(both, 0)} on all {part['cores']} at once.",
        "",
        *table(["", "seconds", "n", "of primacy, cold", "CPU seconds",
                "MB at the peak, largest process"], rows),
        "### Where the time goes",
        "",
        "Seconds of primacy's runs. Programs are compiled by all workers at the same time. The "
        "rest of training and evaluation beyond the matrix products is what surrounds them: "
        "activations, the optimizer, the measures, storing, and waiting for the last network.",
        "",
    ]  # fmt: skip
    rows = []
    for name in (name for name in PEERS if name in runs and runs[name][0]["inside"]):
        mine = runs[name]
        least = gflop / median(run["gemm"][1] for run in mine)
        work = [computing(run, part["cores"]) for run in mine]
        rows.append([
            name, spread(walls[name]),
            spread([run["wall"] - run["inside"]["total"] for run in mine]),
            spread([run["inside"]["compile"] / part["cores"] for run in mine]),
            spread(work), f"{least:.1f}", f"{least / median(work):.0%}",
        ])  # fmt: skip
    lines += table(
        ["", "in all", "imports, verdicts, page", "compiling", "training, evaluation, storing",
         "the demo's matrix products at the GEMM's speed", "their share"], rows,
    )  # fmt: skip
    return lines + (agreement(found) if found["agreement"] else [])


def torch_cores(name: str, trials: list[Found]) -> str:
    """How a PyTorch peer used the cores: the way that was faster in a trial."""
    way = name.removeprefix("PyTorch ")
    mine = sorted((t for t in trials if t["as"] == way), key=lambda t: t["wall"])
    if not mine:
        return ""
    ways = [f"{t['processes']} x {t['threads']}" for t in mine]
    return (
        f"; {ways[0]} (processes x threads), in a trial of 10 epochs {mine[0]['wall']:.1f} s "
        f"against {mine[1]['wall']:.1f} s of {ways[1]}"
    )


def agreement(found: Found) -> list[str]:
    """Whether the peers' networks behave alike."""
    lines = [
        "### Do they compute the same thing?",
        "",
        "Each peer draws its own data and weights, so the answers are compared as distributions "
        "over seeds: median (lowest-highest). A rank test (Mann-Whitney) against `primacy, cold`, "
        "level 1 % over all of them; with few seeds it can miss a difference.",
        "",
    ]
    told = found["agreement"]
    what = list(dict.fromkeys(row["what"] for row in told))
    names = list(dict.fromkeys(row["peer"] for row in told))
    cells = {(row["peer"], row["what"]): row for row in told}
    rows = []
    for name in sorted(names, key=list(PEERS).index):
        row = [name]
        for thing in what:
            cell = cells[name, thing]
            mark = "" if cell["agrees"] is not False else " **differs**"
            digits = 0 if cell["high"] > 20 else 2
            row.append(
                f"{cell['median']:.{digits}f} ({cell['low']:.{digits}f}-"
                f"{cell['high']:.{digits}f}){mark}"
            )
        rows.append(row)
    lines += table(["", *what], rows)
    differs = sum(row["agrees"] is False for row in told)
    lines += [f"{differs} of {sum(row['p'] is not None for row in told)} comparisons differ.", ""]
    return lines


def stepped(part: Found) -> list[str]:
    found = part["found"]
    lines = ["## A step of a tiny network", ""]
    ours = {each["network"]: each for each in found["ours"]}
    notebook, thousand = ours["notebook"], ours["thousand"]
    rows = [
        ["1-8-1 network, one example a step, primacy", f"{notebook['ns']:,.0f}",
         f"{notebook['low']:,.0f}-{notebook['high']:,.0f}"],
        ["1,000-8-1 network, one example a step, primacy", f"{thousand['ns']:,.0f}",
         f"{thousand['low']:,.0f}-{thousand['high']:,.0f}"],
    ]  # fmt: skip
    for how, said in (("bare", "no log, bar, checkpoints"), ("usual", "as it comes, logging")):
        mine = [run for run in found["lightning"] or [] if run["as"] == how]
        if mine:
            each = [run["seconds"] / run["steps"] * 1e9 for run in mine]
            rows.append([f"1-8-1 network, Lightning ({said})", f"{median(each):,.0f}",
                         f"{min(each):,.0f}-{max(each):,.0f}"])  # fmt: skip
    lines += [
        f"Nanoseconds of the whole machine ({notebook['cores']} cores) for a training step of one "
        f"network, {notebook['networks']} (1-8-1) and {thousand['networks']} (1,000-8-1) at once; "
        "examples drawn, start-up and compilation apart.",
        "",
        *table(["", "ns", "range"], rows),
    ]
    if not against_lightning(found):
        lines += ["Lightning was not installed: not compared.", ""]
    return lines


def grown(part: Found) -> list[str]:
    lines = [
        "## Growth",
        "",
        "Each row is one `primacy run` with its programs in the cache, page included. `inside` is "
        "training, evaluation and storing. Rows of `seeds` are medians of runs that took turns.",
        "",
    ]
    rows = part["found"]
    cells = [
        [row["what"], f"{row['count']:,}", f"{row['trained']:,}", f"{row['inside']['total']:.2f}",
         f"{row['wall']:.1f}", f"{row['memory'] / 1e6:.0f}"]
        for row in rows
    ]  # fmt: skip
    head = ["varied", "how many", "networks trained", "seconds inside", "seconds in all", "MB"]
    lines += table(head, cells)
    if line := off_the_line(rows):
        start, slope, off = line
        told = ", ".join(f"{x:+.1%} at {n}" for n, x in off.items())
        lines += [
            f"Time inside the run against seeds: {start:.2f} s + {slope * 1e3:.1f} ms a "
            f"seed; off the line by {told}.",
            "",
        ]
    if tiny := tiny_memory(rows):
        few, many, ratio = tiny
        lines += [
            f"Peak memory of {many:,} seeds of tiny networks over that of {few}: {ratio:.2f}.",
            "",
        ]
    return lines


def scaled(part: Found) -> list[str]:
    lines = [
        "## Blocks and rows",
        "",
        "Blocks: networks trained one to a block, 100 steps of a 1-8-1 net, programs in the cache; "
        "medians of runs that took turns, then the last one resumed and compacted. Judge and "
        "report: made-up runs of so many rows. `each` is milliseconds a block, or microseconds a "
        "row.",
        "",
    ]
    cells = []
    for row in part["found"]:
        unit = 1e3 if "blocks" in row["what"] else 1e6
        cells.append([row["what"], f"{row['count']:,}", f"{row['wall']:.1f}",
                      f"{row['wall'] / row['count'] * unit:.2f}",
                      f"{row['memory'] / 1e6:.0f}"])  # fmt: skip
    head = ["", "how many", "seconds in all", "each", "MB"]
    return lines + table(head, cells)


def equivalent(part: Found) -> list[str]:
    rows = part["found"]
    lines = [
        "## Side by side or one by one",
        "",
        f"The same {rows[0]['seeds']} seeds of a small network in blocks of {rows[0]['width']} "
        "(the plan's choice) and alone. Two one-sided paired t tests (statsmodels), margin 5 % of "
        "the time-to-learn and .02 of variance explained; p below .05 shows equality.",
        "",
    ]
    cells = [
        [f"{row['what'].replace('_', ' ')}, {row['feature']}", f"{row['together']:.4g}",
         f"{row['alone']:.4g}", f"{row['difference']:+.2g}", f"{row['largest']:.2g}",
         f"{row['equal_bits']} of {row['seeds']}", f"±{row['margin']:.2g}", f"{row['p']:.1g}",
         "equal" if row["equal"] else "**not shown**"]
        for row in rows
    ]  # fmt: skip
    head = ["", "in blocks", "alone", "mean difference", "largest", "same value", "margin", "p", ""]
    return lines + table(head, cells)


def predicted(part: Found) -> list[str]:
    """What `--dry-run` says and what runs take."""
    lines = [
        "## Memory and time, predicted and measured",
        "",
        "What `--dry-run` says, and what a run takes that compiles its programs (cold) and one "
        "that finds them in the cache (warm); page included; in brackets predicted / measured. By "
        "the memory a run is refused. The seconds are for a cold run.",
        "",
    ]
    cells = []
    for row in part["found"]:
        mb = [f"{row[how] / 1e6:.0f} ({row['predicted'] / row[how]:.2f})" for how in HEAT]
        asked = row["predicted_seconds"]
        cold = f"{row['cold_seconds']:.1f} ({asked / row['cold_seconds']:.2f})"
        cells.append([row["study"], f"{row['predicted'] / 1e6:.0f}", *mb, f"{asked:.0f}", cold,
                      f"{row['warm_seconds']:.1f}"])  # fmt: skip
    head = ["", "MB predicted", "cold, MB", "warm, MB", "seconds predicted", "cold", "warm"]
    return lines + table(head, cells)


def started(part: Found) -> list[str]:
    runs: dict[str, list[float]] = {}
    for row in part["found"]:
        runs.setdefault(row["what"], []).append(row["user"])
    lines = ["## Start-up", "", "CPU seconds of whole processes, interleaved.", ""]
    cells = [[name, spread(values, 2), str(len(values))] for name, values in runs.items()]
    lines += table(["", "seconds", "n"], cells)
    return lines


def asked_for(results: Found) -> list[str]:
    """Each line of "Done when" of issue 4 that figures can answer, and what was reached."""
    rows = [
        [
            goal.asked,
            goal.measured,
            ("reached" if goal.reached else "**not reached**")
            + (", in one run" if goal.single else ""),
        ]
        for goal in goals(results)
    ]
    return [
        "## What was asked for, and what was reached",
        "",
        "Ratios are of medians, with those of the extreme pairs of runs in brackets; of one run "
        "each, the next race may say otherwise. That the golden trace, bands and oracles hold is "
        "for the tests to say, not for this page.",
        "",
        *table(["asked", "measured", ""], rows),
    ]


SECTIONS = {
    "race": raced, "steps": stepped, "growth": grown, "scale": scaled, "equivalence": equivalent,
    "memory": predicted, "startup": started,
}  # fmt: skip


def rendered(results: Found) -> str:
    """The page."""
    parts = [part for part in SECTIONS if part in results]
    first = results[parts[0]]
    lines = [
        "# Performance",
        "",
        "Written by `make bench` from `benchmarks/results.json`; nothing here is typed by hand.",
        "",
        f"{first['cpu']}, {first['cores']} cores, {first['memory'] / 1e9:.0f} GB. "
        + ", ".join(f"{name} {version}" for name, version in first["versions"].items())
        + ".",
        "",
    ]
    lines += asked_for(results)
    for part in parts:
        lines += SECTIONS[part](results[part])
        mine = results[part]
        took = f"; took {mine['seconds'] / 60:.1f} min" if "seconds" in mine else ""
        half = "" if mine.get("complete", True) else " **Interrupted: these are the runs so far.**"
        lines += [f"*Measured {mine['date']}, at {mine['commit']}{took}.*{half}", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(rendered(json.loads(Path(sys.argv[1]).read_text())))
