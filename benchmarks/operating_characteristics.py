"""Writes docs/statistics.md: what a verdict means, and how often each word errs.

`make statistics`, or `python benchmarks/operating_characteristics.py` (a few minutes on one core).
The trials are those of statistics_trials.py, with fixed seeds, so that the same numbers come
again. tests/oracles/test_operating_characteristics.py holds a smaller version of them to exact
binomial bands.
"""

import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import other_intervals
import statistics_trials as trials
import words_at_margins
from simulated_studies import ASYMMETRIC, SYMMETRIC, TIED
from statistics_trials import Rate, Timing, t_power

OUT = Path(__file__).parent.parent / "docs" / "statistics.md"
SIZES = (6, 10, 30, 100)


def some(n: int, most: int = 1_000) -> int:
    """Simulated studies of n seeds; fewer where each takes longer."""
    return most if n <= 10 else most // 2


def said(most: int = 1_000) -> str:
    """The same in words."""
    return f"{most:,} studies a cell ({most // 2:,} from n = 30 on)."


TEMPLATE = Path(__file__).with_name("statistics.template.md")

HOW = """\
Each cell is a number of simulated studies, n seeds each, judged by the functions that judge a real
study. Tables 5 to 7 write curves into a study's table and go the whole way; the others start from
numbers, one a seed. Differences are in units of their SD. Monte Carlo standard errors, in points:

| studies a cell | at 5 % | at 50 % |
| --- | --- | --- |
{errors}"""


def standard_error(p: float, studies: int) -> float:
    """Monte Carlo standard error of a rate, in percent."""
    return 100 * (p * (1 - p) / studies) ** 0.5


def marked(found: Rate | str, nominal: float | None) -> str:
    """A rate as it is printed; bold where it lies above the band of its nominal rate."""
    if nominal is None or isinstance(found, str):
        return str(found)
    return f"**{found}**" if found.hits > found.band(nominal)[1] else str(found)


def table(
    head: Sequence[str],
    rows: Mapping[str, Mapping[str, Rate | str]],
    nominal: Mapping[str, float] | float | None = None,
) -> str:
    """A Markdown table: a row a key, a column a key of its cells."""
    columns = list(next(iter(rows.values())))
    lines = [f"| {' | '.join([*head, *columns])} |", "|" + " --- |" * (len(head) + len(columns))]
    for name, cells in rows.items():
        ends = (nominal.get(c) if isinstance(nominal, Mapping) else nominal for c in columns)
        shown = [marked(cells[c], end) for c, end in zip(columns, ends, strict=True)]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def by_size(
    trial: Callable[[str, int, int], Rate], shapes: Sequence[str], studies: int
) -> dict[str, dict[str, Rate | str]]:
    """A trial of each shape at each number of seeds."""
    return {
        shape: {f"n = {n}": trial(shape, n, some(n, studies)) for n in SIZES} for shape in shapes
    }


def misses(held: Rate) -> Rate:
    """How often an interval did not hold the truth."""
    return Rate(held.studies - held.hits, held.studies)


def sections() -> list[tuple[str, str, str]]:
    """Title, text and table of each trial."""
    found = []
    shapes = [*SYMMETRIC, *TIED, *ASYMMETRIC]
    found.append((
        "Table 1. A word where the mean difference is 0",
        f"`less` or `greater`, margin 0: \"supported\" or \"contradicted\", nominal 5 %. The first "
        f"{len(SYMMETRIC)} rows are symmetric without ties, the next {len(TIED)} symmetric with "
        f"ties, the last {len(ASYMMETRIC)} have mean 0 but are not symmetric. {said(5_000)}",
        table(["differences"], by_size(trials.no_difference, shapes, 5_000), 0.05),
    ))  # fmt: skip
    shapes = [*SYMMETRIC, *ASYMMETRIC]
    held = by_size(lambda s, n, k: misses(trials.coverage(s, n, k)), shapes, 1_000)
    found.append((
        "Table 2. The 95 % interval misses the truth",
        "A true mean difference of .5 SD; nominal 5 %, so that coverage is 100 % less this. "
        f"{said()}",
        table(["differences"], held, 0.05),
    ))  # fmt: skip
    shapes = ["normal", "heavy tails (t, 3 degrees of freedom)",
              "one bimodal side against a constant",
              "one log-normal side against a constant"]  # fmt: skip
    nominal = {
        "at the margin, greater: supported": 0.025, "at the margin, greater: no effect": 0.05,
        "at the margin, equal: supported": 0.05, "at 0, equal: contradicted": 0.05,
        "at 0, greater: supported or contradicted": 0.05,
    }  # fmt: skip
    rows = {f"{s} | {n}": trials.margins(s, n, some(n)) for s in shapes for n in SIZES}
    found.append((
        "Table 3. Margins",
        "A margin of .5 SD. Where the true difference is the margin itself, \"supported\" "
        "(`greater`: nominal 2.5 %, `equal`: 5 %) and \"no effect\" (5 %) are errors. Where it is "
        "0, \"no effect\" and `equal` supported are right: their rate is the power to say so. "
        f"{said()}",
        table(["differences", "n"], rows, nominal),
    ))  # fmt: skip
    shapes = ["normal", "heavy tails (t, 3 degrees of freedom)",
              "difference of two bimodal sides (as in the demo)"]  # fmt: skip
    rows = {
        f"{s} | {effect:g}": {
            f"n = {n}": trials.power(s, effect, n, some(n)) for n in SIZES[1:]
        } for effect in (0.25, 0.5, 0.8, 1.0) for s in shapes
    }  # fmt: skip
    rows |= {
        f"normal, t test (closed form) | {effect:g}": {
            f"n = {n}": f"{100 * t_power(effect, n):.1f}" for n in SIZES[1:]
        } for effect in (0.25, 0.5, 0.8, 1.0)
    }  # fmt: skip
    found.append((
        "Table 4. Power of `less` and `greater`, margin 0",
        "How often a true difference is \"supported\"; beside it the power of Student's paired t "
        f"test for normal differences, in closed form. {said()}",
        table(["differences", "true difference (SD)"], rows),
    ))  # fmt: skip
    nominal = {"a word, tau 0": 0.05, "supported at tau .3, margin .3": 0.025,
               "no effect at tau .3, margin .3": 0.05}  # fmt: skip
    rows = {str(n): trials.trends(n, some(n)) for n in SIZES}
    found.append((
        "Table 5. Trends over a dose",
        "Four doses, Kendall's tau of each seed; the true mean tau is 0 or .3. "
        f"{said()} The whole way.",
        table(["n"], rows, nominal),
    ))  # fmt: skip
    kinds = {
        "learned, all within tau": Timing(),
        "learned, 500 steps later": Timing(factor=1.0, later=500),
        "learned, 30 % later than tau": Timing(late=0.3),
        "learned, 60 % later than tau": Timing(late=0.6),
        "learned, grid of 8 evaluations": Timing(evaluations=8),
        "learned, 10 % of networks diverged": Timing(lost=0.1, evaluations=20),
        "picked up, 10 % later than tau": Timing("time_to_pick_up", late=0.1),
    }
    nominal = {"alike: a word": 0.05, "at the margin: supported": 0.025,
               "at the margin: no effect": 0.05, "interval of the difference misses": 0.05,
               "interval of the ratio misses": 0.05}  # fmt: skip
    rows = {
        f"{name} | {n}": _missing(trials.times(kind, n, some(n, 500)))
        for name, kind in kinds.items() for n in SIZES
    }  # fmt: skip
    found.append((
        "Table 6. Times: learned, picked up",
        "Log-normal times (SD of the logarithm .6, a seed's two networks correlated by .5) on a "
        "grid of 40 evaluations where not said otherwise. \"Alike\": both sides have the same "
        "distribution. \"Longer\": `minus` takes 1.5 times as long, or 500 steps more. The truth "
        "is the restricted mean, in closed form; \"at the margin\" means a margin that is the true "
        "difference. Only the second row stays symmetric there. Intervals are counted where there "
        f"is one. {said(500)} The whole way.",
        table(["times", "n"], rows, nominal),
    ))  # fmt: skip
    rows = {str(n): _missing(trials.means(n, some(n))) for n in SIZES}
    found.append((
        "Table 7. Mean over training (`at = \"mean\"`)",
        "S-shaped curves of accuracy, each network with its own midpoint; alike, or half as slow "
        f"again on one side. {said()} The whole way.",
        table(["n"], rows, {"alike: a word": 0.05, "interval misses": 0.05}),
    ))  # fmt: skip
    nominal = {"a word at 1": 0.05, "interval misses 1": 0.05,
               "at 1.25, margin .25: supported": 0.025,
               "at 1.25, margin .25: no effect": 0.05}  # fmt: skip
    rows = {
        f"{name} | {n}": _missing(trials.ratios(alike, n, some(n)))
        for name, alike in (("alike but for the factor", True), ("one hardly spreads", False))
        for n in SIZES
    }  # fmt: skip
    found.append((
        "Table 8. Ratios of means",
        "Log-normal sides. In the first rows one side is distributed as the other times r; in the "
        f"last it has hardly any spread of its own. {said()}",
        table(["sides", "n"], rows, nominal),
    ))  # fmt: skip
    rows = {
        f"{expect}, margin {margin:g} | {effect:g}": trials.after_advice(
            effect, 1_000, expect=expect, margin=margin)
        for expect, margin, effect in (
            ("greater", 0, 0), ("greater", 0, 0.3), ("greater", 0, 0.5), ("greater", 0, 0.8),
            ("greater", 0.5, 0), ("equal", 0.5, 0),
        )
    }  # fmt: skip
    found.append((
        "Table 9. The advice on more seeds, followed",
        "10 seeds, normal differences. Where that was inconclusive and the advice was at most 490 "
        "more, they were run and judged: together with the first 10, or as many new seeds alone. "
        "The advice aims at a power of 80 % if the mean and spread of the first 10 are the true "
        "ones, which they are not; a true difference of 0 (first row) cannot be settled without a "
        "margin. The last column is how often the two tests together end in \"supported\" or "
        "\"contradicted\": in the first row an error, nominal 5 %. 1,000 studies a row.",
        table(["claim", "true difference (SD)"], rows),
    ))  # fmt: skip
    rows = {str(n): trials.family(n, some(n)) for n in SIZES[1:]}
    found.append((
        "Table 10. Six true nulls in one study",
        "How often at least one gets a word, and one that Holm's correction leaves standing "
        f"(nominal 5 %). {said()}",
        table(["n"], rows, {"any that Holm leaves": 0.05}),
    ))  # fmt: skip
    rows = {f"{m:g} | {n}": trials.never(m, n) for m in (0.12, 0.3) for n in SIZES}
    found.append((
        "Table 11. Never",
        "Exact, from the binomial distribution: chances of the word for networks of which a share "
        "learns; the first two columns are errors, nominal 2.5 % each at most.",
        table(["margin", "n"], rows),
    ))  # fmt: skip
    shapes = ["normal", *ASYMMETRIC]
    rows = {
        f"{s} | {n}": other_intervals.missed(s, n, some(n, 2_000)) for s in shapes for n in SIZES
    }
    found.append((
        "Table 12. Other intervals of a mean",
        "How often a 90 % interval ends before the true mean, on the side of the longer tail, "
        "where it falls short: the rate of a false \"no effect\" at that margin, nominal 5 %. "
        f"{said(2_000)}",
        table(["differences", "n"], rows, 0.05),
    ))  # fmt: skip
    return found + at_margins()


def at_margins() -> list[tuple[str, str, str]]:
    """The trials of words_at_margins.py, and what n can say."""
    rows = {
        f"{s} | {n}": words_at_margins.family_at_margins(s, n, 600)
        for s in words_at_margins.SHAPES for n in (10, 30)
    }  # fmt: skip
    found = [(
        "Table 13. Six claims at their margins in one study",
        "A margin of .5 SD, which is the true difference of each. A wrong word is any of "
        '"supported" and "no effect" (`equal`: "contradicted" and "supported"). "That Holm left '
        'before": with the p of no difference, which was adjusted until these verdicts had one of '
        'their own. "That Holm leaves": nominal 5 %. The last four columns are the power, a '
        f"claim: true differences that lie {words_at_margins.BEYOND} SD beyond the margin, and of "
        "0. What Holm costs is the distance of each two. 600 studies a row.",
        table(["differences", "n"], rows, {"that Holm leaves": 0.05}),
    )]  # fmt: skip
    kinds = {
        "all within tau": Timing(),
        "20 % later than tau": Timing(late=0.2),
        "40 % later than tau": Timing(late=0.4),
        "two thirds of the networks diverged": Timing(lost=2 / 3),
    }
    nominal = {"less: supported": 0.025, "less: no effect": 0.05, "equal: supported": 0.05}
    rows = {
        f"{name} | {n}": words_at_margins.times_at_margins(kind, n, 600)
        for name, kind in kinds.items() for n in (10, 30)
    }  # fmt: skip
    found.append((
        "Table 14. Times at the margin, some of them never known",
        "Times as in table 6; every network of `minus` takes 1.25 times as long, which is the "
        "margin of the ratio. That is the truth of the times themselves, not of their means within "
        "tau, which are nearer to each other the more is censored. 600 studies a row. The whole "
        "way.",
        table(["times", "n"], rows, nominal),
    ))  # fmt: skip
    return [*found, what_n_can_say()]


def what_n_can_say() -> tuple[str, str, str]:
    """Which words can come out at all: seconds, so that a test compares the page with it."""
    sizes = (5, 6, 10, 30)
    by_claim = {n: words_at_margins.possible(n) for n in sizes}
    rows = {c: {f"n = {n}": by_claim[n][c] for n in sizes} for c in by_claim[6]}
    return (
        "Table 15. Which words n pairs can come to",
        "Found by judging pairs that speak as clearly as pairs can, for and against. A word that "
        "is not listed cannot come out, whatever the networks do. Differences are of values or of "
        "times; a threshold in place of 0 changes nothing here.",
        table(["claim"], rows),
    )


def _missing(row: Mapping[str, Rate]) -> dict[str, Rate | str]:
    """The row with misses in place of coverage, so that all nominal rates are upper bounds."""
    return {
        name.replace("holds", "misses"): misses(r) if "holds" in name else r
        for name, r in row.items()
    }


def page(found: Sequence[tuple[str, str, str]]) -> str:
    """The whole file."""
    errors = "\n".join(
        f"| {k:,} | {standard_error(0.05, k):.1f} | {standard_error(0.5, k):.1f} |"
        for k in (5_000, 2_500, 1_000, 500, 250)
    )
    how = HOW.format(errors=errors)
    parts = [TEMPLATE.read_text().format(how=how)]
    for title, text, rows in found:
        parts.append(f"### {title}\n\n{textwrap.fill(text, 100)}\n\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    start = time.perf_counter()
    OUT.write_text(page(sections()))
    print(f"{OUT} written in {time.perf_counter() - start:.0f} s")
