"""`primacy audit-data`: a data file looked at before anything is trained on it."""

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from primacy.cli.shared import Json, Refused, new_console
from primacy.errors import closest, shown

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

    try:
        table = datafile.read(file)
        if target is not None and target not in table.frame.columns:
            names = table.frame.columns
            raise ValueError(
                f"no column {target!r}.{closest(target, names)} There are: {', '.join(names[:20])}"
            )
        found = arrayaudit.audit(table, target)
    except ValueError as problem:
        raise Refused(f"{file}: {problem}") from None
    if as_json:
        # JSON knows no infinity: a condition number beyond every bound is text.
        print(json.dumps(dataclasses.asdict(found), default=str).replace("Infinity", '"infinite"'))
        return 0
    _print(file, found)
    return 0


def _print(file: Path, found: "Audit") -> None:
    from rich.table import Table

    console = new_console()
    console.print(f"{shown(file.name)}: {found.rows:,} rows, {len(found.columns):,} columns")
    if found.classes:
        told = ", ".join(f"{shown(name)} {count:,}" for name, count in found.classes.items())
        console.print(f"{shown(found.target)} has classes: {told}; chance {found.chance:.3f}")
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
    if len(found.columns) > MAX_SHOWN:
        console.print(f"... and {len(found.columns) - MAX_SHOWN:,} more columns (--json)")
    if not found.findings:
        console.print("\nNothing that would mislead was found.")
    for finding in found.findings:
        console.print(f"\n{shown(finding.what)}\n  -> {shown(finding.cure)}")
    if found.target is None:
        console.print("\n--target NAME also shows what each column predicts alone.")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "infinite" if math.isinf(value) else f"{value:,.4g}"


def _interval(alone: tuple[float, float, float] | None) -> str:
    return "-" if alone is None else f"{alone[0]:.3f} [{alone[1]:.2f}, {alone[2]:.2f}]"
