"""How results look in a terminal.

Names that a user chose are data: they are shown as text, never as markup, and control characters
are shown escaped.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from rich import box
from rich.table import Table
from rich.text import Text

from primacy import errors
from primacy.analysis.first_layer import Unit
from primacy.analysis.outcomes import Outcome, failed
from primacy.analysis.verdicts import Verdict
from primacy.records.certificate import Certificate, Check, allowed, shown
from primacy.records.run_folders import RunFolder
from primacy.records.study import ConditionRecord, StudyRecord

STYLES = {
    "supported": ("✔", "bold green"),
    "contradicted": ("✘", "bold red"),
    "no effect": ("=", "bold blue"),
    "inconclusive": ("?", "yellow"),
    "untestable": ("–", "dim"),
}


def plain(text: str) -> Text:
    """A name as text, with hidden characters as escapes (`errors.shown`)."""
    return Text(errors.shown(text))


def lines(text: str) -> Text:
    """Sentences of ours as text, a line each; what a user named in them is shown as in `plain`."""
    return Text("\n").join(plain(line) for line in text.split("\n"))


def number(value: float | None) -> str:
    """Three digits, or a dash for null."""
    return "–" if value is None else f"{value:.3g}"


def plan_text(facts: Mapping[str, Any]) -> Text:
    """What a run would do (`forecast.facts`); the first 50 conditions by name."""
    head = f"{len(facts['conditions'])} condition(s) x {facts['seeds']} seeds"
    names = [Text("   ") + plain(name) for name in facts["conditions"][:50]]
    shared = facts["networks_shared"]
    stored = f"{facts['networks_stored']} stored"
    stored += f", {shared} shared between members" if shared else ""
    work = (
        f"{facts['networks_to_train']} networks to train ({stored}) and "
        f"{facts['control_networks']} controls, {facts['blocks']} blocks, "
        f"{facts['programs']} compiled program pair(s), {facts['seed_steps']:,} training steps"
    )
    cost = (
        f"roughly {facts['seconds']} s at the machine's speed just now ({facts['gflops']} "
        f"GFLOP/s), {facts['memory_bytes'] / 1e9:.1f} GB of memory, "
        f"{facts['disk_bytes'] / 1e6:.0f} MB of disk. Nothing was run."
    )
    told = [Text(head, style="bold"), *names, Text(work), Text(cost)]
    if facts["refused"]:
        told.append(Text(f"refused: {facts['refused']}", style="bold red"))
    return Text("\n").join(told)


def card_text(name: str, card: Mapping[str, Any], held: Certificate | None) -> Text:
    """A measure's card (`Measure.card`), with its known answers measured on this machine."""
    told = [Text(name, style="bold")]
    told += [Text(" ".join(paragraph.split())) for paragraph in card["means"].split("\n\n")]
    for key, value in card.items():
        if key != "means" and value != "":  # not every measure has a reference
            told.append(Text(f"  {key}: {value}"))
    checks = () if held is None else held.of_measure(name)
    if held is None:
        told.append(Text("  calibration: not on this machine yet; run `primacy calibrate`"))
    elif not checks:
        told.append(Text(f"  calibration: no known answer of its own ({held.date})"))
    else:
        hits = sum(check.passed for check in checks)
        of = f"{hits} of {len(checks)} known results reproduced ({held.date})"
        told.append(Text(f"  calibration: {of}"))
    for check in checks:
        missed = "" if check.passed else "; MISSED"
        quantity = check.quantity.removeprefix(f"{name}: ")
        answer = f"{shown(check)}, expected {check.expected:.5g}{missed}"
        told.append(Text(f"    {check.case}: {quantity}: {answer}"))
    return Text("\n").join(told)


def entry_text(name: str, facts: Mapping[str, Any]) -> Text:
    """What is not a measure: what it means, a line for each fact, a line for each key."""
    told = [Text(name, style="bold")]
    told += [
        plain(" ".join(paragraph.split())) for paragraph in facts.get("means", "").split("\n\n")
    ]
    told += [plain(f"  {key}: {facts[key]}") for key in facts if key not in ("means", "keys")]
    for row in facts.get("keys", ()):
        default = f" [{row['default']}]" if row["default"] else ""
        line = plain(f"  {row['key']}").append(f": {row['value']}{default}", style="dim")
        told += [line, *([plain(f"    {row['means']}")] if row["means"] else [])]
    return Text("\n").join(line for line in told if line)


def runs_table(found: Sequence[RunFolder]) -> Table:
    """A line a run folder."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("folder", "state", "networks", "verdicts"):
        table.add_column(column, overflow="fold", no_wrap=column in ("state", "networks"))
    for own in found:
        told = ", ".join(f"{k} {word}" for word, k in own.verdicts.items()) or own.problem
        table.add_row(
            plain(own.folder), own.state, f"{own.networks:,} of {own.of:,}", lines(told or "–")
        )
    return table


def failed_controls(controls: Sequence[Outcome]) -> Text | None:
    """What stands above the answer where a control failed; null where none did."""
    told = [
        f"{o.control}, {o.condition}: {o.measure}{f' of {o.of}' if o.of else ''} is "
        f"{number(o.value)} where {o.expected} was expected"
        for o in failed(controls)
    ]
    if not told:
        return None
    count = f"{len(told)} of {len(controls)} controls failed"
    # A task that was not learned, or rows that also train, are told in the answer itself.
    null = any(o.control not in ("task learned", "rows in both") for o in failed(controls))
    so = ": the numbers below are not to be trusted." if null else ":"
    return lines("\n".join([f"{count}{so}", *told]))


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """A line a hypothesis."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("claim", min_width=20)
    table.add_column("verdict", no_wrap=True)
    table.add_column("effect [95 % interval]", min_width=22)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("p\n(Holm)", justify="right", no_wrap=True)
    for verdict in verdicts:
        symbol, style = STYLES[verdict.word]
        word = Text(f"{symbol} {verdict.word}", style=style)
        for flag in verdict.flags:
            word.append(f"\n  {flag}", style="dim")
        effect = Text(f"{verdict.bound or ''} {number(verdict.value)}".strip())
        if verdict.low is not None and verdict.high is not None:
            effect.append(f" [{number(verdict.low)}, {number(verdict.high)}]")
        if verdict.value is not None:
            effect.append(f"\n{verdict.unit}", style="dim")
        if verdict.word == "untestable" and verdict.why:
            effect.append("\n").append(plain(verdict.why))
        table.add_row(
            plain(verdict.claim),
            word,
            effect,
            str(verdict.pairs),
            "–" if verdict.p is None else f"{number(verdict.p)}\n({number(verdict.p_holm)})",
        )
    return table


BLOCKS = "▁▂▃▄▅▆▇█"
COLUMNS = 60
"""Characters of a sketched function."""


def parameter_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A line a parameter."""
    table = Table("parameter", "shape", "mean", "SD", "min", "max", box=None, pad_edge=False)
    for row in rows:
        shape = " x ".join(map(str, row["shape"]))
        cells = [f"{row[key]:.4g}" for key in ("mean", "sd", "min", "max")]
        table.add_row(plain(row["parameter"]), shape, *cells)
    return table


def numbers(rows: Sequence[Mapping[str, Any]]) -> Text:
    """The parameters themselves: a column a unit, and of a kernel a line each that it reads."""
    text = Text("A column a unit; of a kernel, a line for each number that it reads.\n")
    for row in rows:
        text.append_text(plain(row["parameter"])).append("\n")
        values = np.array(row["values"])
        for line in np.atleast_2d(values).reshape(-1, values.shape[-1]):
            text.append(" ".join(f"{v:>9.3g}" for v in line) + "\n")
    return text


FEW_UNITS = 8
"""Units that are shown one by one without being asked for."""


def unit_summary(units: Sequence[Unit]) -> Table:
    """A line a feature: how many units read it most, and its share of all squared weights."""
    table = Table(box=None, pad_edge=False, title=f"What the {len(units)} units of layer 1 read")
    for column in ("feature", "read most by", "share of the squared weights"):
        table.add_column(column, justify="left" if column == "feature" else "right")
    total = sum(unit.size**2 for unit in units) or 1.0
    shares = {
        name: sum(unit.size**2 * (unit.shares[name] or 0.0) for unit in units) / total
        for name in units[0].shares
    }
    for name in sorted(shares, key=lambda name: -shares[name]):
        most = sum(unit.largest == name for unit in units)
        table.add_row(plain(name), f"{most} of {len(units)}", f"{shares[name]:.2f}")
    return table


def unit_table(units: Sequence[Unit], *, scaled: bool) -> Table:
    """A line a unit of the first layer: the feature that it reads most, and all shares."""
    told = "weight x SD" if scaled else "weight"
    table = Table(box=None, pad_edge=False, title=f"What the first layer reads: squared {told}")
    for column in ("unit", "size", "reads most", "share", "all shares"):
        table.add_column(column)
    for unit in units:
        largest = unit.largest
        shares = [f"{name} {number(share)}" for name, share in unit.shares.items()]
        table.add_row(
            str(unit.unit),
            number(unit.size),
            plain("–" if largest is None else largest),
            number(None if largest is None else unit.shares[largest]),
            plain(", ".join(shares)),
        )
    return table


def sketch(
    condition: ConditionRecord, inputs: Float[np.ndarray, "n 1"], outputs: Float[np.ndarray, "n t"]
) -> Text:
    """The function of a network of one input: for each output a line of blocks of eight heights."""
    text = Text()
    at = np.linspace(0, len(inputs) - 1, COLUMNS).round().astype(int)
    for target, column in zip(condition.targets, outputs[at].T, strict=True):
        low, high = float(column.min()), float(column.max())
        span = high - low if np.isfinite(high - low) and high > low else 1.0
        heights = np.nan_to_num((column - low) / span * (len(BLOCKS) - 1)).round().astype(int)
        text.append_text(plain(target.name)).append(f": {low:.3g} to {high:.3g}\n")
        text.append("".join(BLOCKS[height] for height in heights) + "\n")
    ends = f"{inputs[0, 0]:.3g} to {inputs[-1, 0]:.3g}"
    return text.append_text(plain(condition.inputs[0])).append(f": {ends}")


def spread_table(record: StudyRecord, spread: pl.DataFrame) -> Table:
    """A line a measured number, median and quantiles over seeds; only the last hidden layer.

    What is the same in all lines stands in the title, so that the lines fit a narrow terminal.
    """
    rows = [row for row in spread.to_dicts() if _of_last_layer(record, row)]
    columns = [c for c in ("condition", "measure") if len({row[c] for row in rows}) > 1]
    same = [str(rows[0][c]) for c in ("condition", "measure") if rows and c not in columns]
    told = ", ".join(plain(name).plain for name in same)
    title = f"{told}; last hidden layer, median over seeds".lstrip("; ")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for column in (*columns, "of", "median", "10 % to 90 %", "n"):
        numeric = column in ("median", "10 % to 90 %", "n")
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or column == "measure",
            overflow="fold",
        )
    for row in rows:
        of = [row[c] for c in ("feature", "target") if row[c] is not None]
        table.add_row(
            *(plain(row[c]) for c in columns),
            plain(", ".join(dict.fromkeys(of))),
            number(row["median"]),
            f"{number(row['p10'])} to {number(row['p90'])}",
            f"{row['n'] - row['null']} of {row['n']}" if row["null"] else str(row["n"]),
        )
    return table


def _of_last_layer(record: StudyRecord, row: Mapping[str, Any]) -> bool:
    layers = record.condition(row["condition"]).layers
    return row["layer"] is None or row["layer"] == layers[-1]


def check_table(checks: Sequence[Check]) -> Table:
    """A line a known answer: what was expected and what came."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("case", no_wrap=True)
    table.add_column("quantity", min_width=24)
    for column in ("expected", "measured", "tolerance", ""):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    case = ""
    for check in checks:
        hit = Text("✔", "bold green") if check.passed else Text("✘ missed", "bold red")
        table.add_row(
            plain(check.case if check.case != case else ""),
            plain(check.quantity),
            f"{check.expected:.5g}",
            shown(check),
            allowed(check),
            hit,
        )
        case = check.case
    return table
