"""Commands about data: look at a file before training, show what a stored network saw."""

import dataclasses
import json
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from primacy.cli.shared import Json, Overrides, Plugins, Refused, RunFolder, load, new_console
from primacy.errors import shown

if TYPE_CHECKING:
    from primacy.tasks.arrayaudit import Audit

MAX_SHOWN = 40
"""Columns in the table; --json has all."""


def audit_data(file: Path, /, *, target: str | None = None, as_json: Json = False) -> int:
    """Look at a data file before training: scales, missing values, copies, leaks, and the cures.

    Each column is also tried alone: how well does it predict the target, on rows left out?

    Args:
        file: A CSV, Parquet or npz file.
        target: The column to predict. Without it, nothing is said about prediction.
        as_json: Print everything as a JSON object.
    """
    from primacy.tasks import arrayaudit, datafile

    if not file.is_file():
        raise Refused(f"{file}: no such file")
    try:
        found = arrayaudit.audit(datafile.read(file), target)
    except ValueError as problem:
        raise Refused(f"{file}: {problem}") from None
    if as_json:
        # JSON knows no infinity: a condition number beyond every bound is text.
        print(json.dumps(dataclasses.asdict(found), default=str).replace("Infinity", '"infinite"'))
        return 0
    _print(file, found)
    return 0


def data(
    run: RunFolder,
    *,
    condition: str | None = None,
    seed: int = 0,
    split: Literal["train", "fit", "test"] = "test",
    task: str | None = None,
    overrides: Overrides = (),
    out: Path | None = None,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Show the exact examples that a stored network was trained on, or measured on.

    Drawn again from the seed, the same to the last bit: inputs, the value of each feature, targets
    and, of test examples, the donor of each row at the last evaluation.

    Args:
        run: A run folder.
        condition: Its display name; may be left out where there is only one.
        seed: Which network.
        split: train, fit (on which measures fit) or test (on which they are scored).
        task: The study file that names the data file, where the run was on your own data.
        overrides: Change a key of that task. Repeatable.
        out: Write all rows to this file, .parquet or .csv, instead of printing some.
        as_json: Print a JSON object: the number of rows, the columns and the first rows.
    """
    load(plugins)
    from primacy.networks.evaluation import read_task
    from primacy.networks.examples import examples
    from primacy.report.export import one_condition
    from primacy.result import open as open_run

    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise Refused(f"{out}: must end in .parquet or .csv")
    result = open_run(run)
    own = one_condition(result.record, condition)
    given = None if task is None else read_task(task, overrides)
    rows = examples(result, own.name, seed, split, task=given)
    if out is not None:
        rows.write_parquet(out) if out.suffix == ".parquet" else rows.write_csv(out)
    if as_json:
        first = rows.head(MAX_SHOWN).to_dicts()
        print(json.dumps({"rows": rows.height, "columns": rows.columns, "first": first}))
    elif out is not None:
        print(f"{rows.height:,} rows: {shown(str(out))}")
    else:
        print("\n".join(map(shown, str(rows).split("\n"))))
        print("--out FILE.parquet writes all of them.")
    return 0


def _print(file: Path, found: "Audit") -> None:
    from rich.table import Table

    from primacy.tasks.arrayaudit import listed

    console = new_console()
    console.print(f"{shown(file.name)}: {found.rows:,} rows, {len(found.columns):,} columns")
    if found.classes:
        told = ", ".join(f"{shown(name)} {count:,}" for name, count in found.classes.items())
        console.print(f"{shown(str(found.target))} has classes: {told}; chance {found.chance:.3f}")
    if found.condition_number is not None:
        console.print(
            f"Condition number of the inputs: {_number(found.condition_number)}; standardized: "
            f"{_number(found.condition_number_standardized)} (1 is best)"
        )
    score = "accuracy" if found.classes else "R^2"
    table = Table(box=None, pad_edge=False)
    for name in ("column", "kind", "values", "missing", "SD"):
        table.add_column(name, justify="left" if name in ("column", "kind") else "right")
    if found.target:
        table.add_column(f"alone: {score} [95 %]", justify="right", no_wrap=True)
    best = sorted(found.columns, key=lambda c: -(c.alone or (-math.inf,))[0])
    for c in best[:MAX_SHOWN]:
        cells = [shown(c.name), c.kind, f"{c.levels:,}", f"{c.missing or '-'}"]
        cells.append(_number(c.sd))
        if found.target:
            cells.append("target" if c.name == found.target else _interval(c.alone))
        table.add_row(*cells)
    console.print(table)
    chance = found.chance or 0.0
    if below := [c.name for c in found.columns if c.alone and c.alone[2] < chance]:
        console.print(
            f"\nNo better than chance: {shown(listed(below))}. A score below chance is no finding: "
            "in cross-validation a column without information often has one."
        )
    if len(found.columns) > MAX_SHOWN:
        console.print(f"... and {len(found.columns) - MAX_SHOWN:,} more columns (--json)")
    if not found.findings:
        console.print("\nNothing that would mislead was found.")
    for finding in found.findings:
        console.print(f"\n{shown(finding.what)}\n  -> {shown(finding.cure)}")
    if found.target is None:
        console.print("\n--target NAME also shows what each column predicts alone.")
    command = f"primacy init --own-data {shlex.quote(str(file))}"
    if found.target is not None:
        command += f" --target {shlex.quote(found.target)}"
    console.print(
        f"\nNext: a first study of these columns, to edit:\n  {command} --out mine.toml",
        markup=False,
        soft_wrap=True,
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "infinite" if math.isinf(value) else f"{value:,.4g}"


def _interval(alone: tuple[float, float, float] | None) -> str:
    return "-" if alone is None else f"{alone[0]:.3f} [{alone[1]:.2f}, {alone[2]:.2f}]"
