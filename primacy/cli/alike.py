"""`primacy alike`: how alike networks are that differ in their seed."""

import itertools
import json
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from primacy.cli.shared import Json, Plugins, RunFolder, load, new_console

if TYPE_CHECKING:
    from rich.table import Table

Names = Annotated[tuple[str, ...], Parameter(name="--condition", negative=())]


def alike(
    run: RunFolder,
    *,
    conditions: Names = (),
    layer: str | None = None,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Show how alike networks of different seeds are, within and between conditions.

    RSA: the distances between 256 common inputs in one network's layer, correlated with those in
    another's. 1: the same geometry. 0: unrelated. Seeds are paired (0 with 1, 2 with 3, ...), so
    that no network counts twice; a difference is tested from 6 pairs on, which take 12 seeds.

    Example: primacy run consistency, then primacy alike runs/consistency

    Args:
        run: A run folder whose networks are stored.
        conditions: Compare only this one, by its display name. Repeatable. Of a run with more than
            12 conditions, those to be compared with each other must be named.
        layer: The last hidden layer of each when left out.
        as_json: Print the rows as a JSON object.
    """
    load(plugins)
    from primacy.analysis.contrasts import FEWEST
    from primacy.networks.consistency import MOST
    from primacy.networks.consistency import alike as compared
    from primacy.report.terminal import plain
    from primacy.result import open as open_run

    result = open_run(run)
    rows = compared(result, conditions, layer=layer).to_dicts()
    if as_json:
        print(json.dumps({"alike": rows}, ensure_ascii=False, allow_nan=False))
        return 0
    console = new_console()
    console.print(_table(rows))
    console.print(
        f"RSA, mean ± SD over {rows[0]['pairs']} pairs of networks. Difference: how much more "
        "alike two networks of the first condition are than one of each, with a 95 % interval over "
        "pairs; negative: they resemble the other condition's networks more than each other. Not "
        "adjusted for the number of rows."
    )
    pairs, names = rows[0]["pairs"], list(dict.fromkeys(row["condition"] for row in rows))
    if pairs < FEWEST and any(row["own_minus_other"] is not None for row in rows):
        console.print(f"No p: a test takes {FEWEST} pairs, which are {2 * FEWEST} seeds.")
    inputs = {c.name: c.inputs for c in result.record.conditions}
    apart = [f"{a} and {b}" for a, b in itertools.combinations(names, 2) if inputs[a] != inputs[b]]
    if apart and (conditions or len(inputs) <= MOST):
        more = "" if len(apart) == 1 else f", and {len(apart) - 1} more"
        console.print(f"Not compared, as they read different inputs: {plain(apart[0])}{more}.")
    if not conditions and len(result.record.conditions) > MOST:
        console.print("To compare conditions with each other, name some: --condition NAME, twice.")
    return 0


def _table(rows: list[dict]) -> "Table":
    from rich import box
    from rich.table import Table

    from primacy.report.terminal import plain

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("networks of", "and of"):
        table.add_column(name, overflow="fold")
    for name in ("alike", "difference [95 %]", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        same = row["condition"] == row["other"]
        spread = "" if row["sd"] is None else f" ± {row['sd']:.3f}"
        ends = "" if row["low"] is None else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
        apart = row["own_minus_other"]
        table.add_row(
            plain(row["condition"]),
            plain("themselves" if same else row["other"]),
            f"{row['mean']:.3f}{spread}",
            "" if apart is None else f"{apart:+.3f}{ends}",
            "" if row["p"] is None else f"{row['p']:.2g}",
        )
    return table
