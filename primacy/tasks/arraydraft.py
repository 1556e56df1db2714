"""A first study of a user's file, written from its columns, to be edited."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from primacy.tasks import arrayaudit, datafile
from primacy.tasks.arraycolumns import distinct, finite, identifies, named, numeric, wrong
from primacy.tasks.arraykinds import MAX_CLASSES, counts_up
from primacy.tasks.arraysplits import SPLITS, labels_of
from primacy.tasks.datatable import Missing

MAX_GROUPS = 12
"""Groups of columns that a draft names; more columns are grouped by the start of their names."""


@dataclasses.dataclass(frozen=True)
class _Columns:
    """What the columns of a file can be in a study."""

    split: str | None
    """Says of each row whether it trains."""
    inputs: list[str]
    two: dict[str, str]
    """Text of two values, and the one that becomes 1."""
    several: list[str]
    """Text of a few values."""
    missing: dict[str, int]
    left: dict[str, str]
    """Left out, and why."""
    repeated: list[str]
    """Identifiers that several rows have in common."""


def draft(path: Path, target: str | None = None) -> str:
    """A commented study file of kind `arrays`; it can be run as it is.

    Args:
        path: the file.
        target: the column to predict; None: the last that is 0/1, else of classes, else of numbers.

    Raises:
        ValueError: the file cannot be read, it has nothing to predict or to predict from, or the
            target cannot be predicted.
        OSError: it cannot be opened.
    """
    table, unnamed = named(datafile.read(path))
    if target is not None:
        _check_target(table, target)
    columns = _columns(table, unnamed, target)
    if len({*columns.inputs, target} - {None}) < 2:
        raise ValueError(f"{path.name} needs two columns of numbers, or of two levels, at least")
    given, target = target is not None, target or _target(table, columns)
    if target is None:
        raise ValueError(f"{path.name} has no column without missing values to predict")
    inputs = [c for c in columns.inputs if c != target]
    groups = _groups(table, inputs)
    rows = table.frame.height
    batch = max(1, min(32, rows // 5))
    lines = [
        f"# A study of {path.name} ({rows:,} rows), written from its columns. Edit and run it:",
        "#     primacy check FILE.toml",
        "#     primacy run FILE.toml",
        "",
        f"name = {_text(re.sub(r'[^A-Za-z0-9_-]+', '-', path.stem).strip('-') or 'own-data')}",
        f'question = "What does a network rely on to predict {_inner(target)}?"',
        "seeds = 10                      # 30 for a result",
        "",
        "[task]",
        'kind = "arrays"',
        f"file = {_text(path.name)}",
        *_targets(table, columns, target, given),
        *_made(columns, target, inputs),
        *_splits(columns),
        "",
        "[task.features]                 # named groups of columns: what do they describe?",
        *(f"{_key(name)} = [{', '.join(map(_text, own))}]" for name, own in groups),
        *(f"# left out: {_inner(name)} ({_inner(why)})" for name, why in columns.left.items()),
        *(
            f"# CAREFUL: {_inner(finding.what)}: {_inner(finding.cure)}"
            for finding in (*_leaks(table, target, inputs), *arrayaudit.repeats(table, inputs))
        ),
        *("", "[model]", 'kind = "mlp"', "widths = [32, 16]", ""),
        *("[training]", "learning_rate = 1e-3", f"batch_size = {batch}", "epochs = 50"),
        *_claim([name for name, _ in groups]),
    ]
    return "\n".join(lines) + "\n"


def _check_target(table: datafile.Table, target: str) -> None:
    """Refuse a column that cannot be predicted, as `primacy audit-data` does."""
    arrayaudit.check_target(table, target)
    if not table.text(target):
        try:
            table.numbers(target)
        except ValueError as problem:
            raise ValueError(f"target {target!r} {problem}") from None


def _target(table: datafile.Table, columns: _Columns) -> str | None:
    """The column that is meant, perhaps: what is predicted mostly stands last."""
    full = [c for c in reversed(columns.inputs) if c not in columns.missing]
    binary = next((c for c in full if _binary(table, columns, c)), None)
    return binary or next((c for c in full if c in columns.several), next(iter(full), None))


def _binary(table: datafile.Table, columns: _Columns, name: str) -> bool:
    """Whether a column has two values, as far as it has some."""
    if not numeric(table, name):
        return name in columns.two
    values = finite(table, name)
    return set(values[np.isfinite(values)]) == {0.0, 1.0}


def _targets(table: datafile.Table, columns: _Columns, target: str, given: bool) -> Iterator[str]:
    """The target, what it is where that is not clear, and what was passed over for it."""
    asked = "" if given else ": is it this one? If not: init --target NAME"
    yield f"target = [{_text(target)}]      # the column to predict{asked}"
    binary = _binary(table, columns, target)
    if not table.text(target) and not binary:
        values = np.unique(finite(table, target))
        if len(values) <= MAX_CLASSES and not counts_up(values):
            yield 'target_kind = "number"          # if these are classes: "class"'
    names = list(table.frame.columns)
    later = names[names.index(target) + 1 :] if binary else names
    for name in later if not given else ():
        if name != target and _binary(table, columns, name) and (why := _gaps(table, name)):
            own = _inner(name)
            yield (
                f"# CAREFUL: {own} has two values, but is not the target: {_inner(why)}. "
                f"To predict it, correct or remove such rows and repeat with --target {own}"
            )


def _splits(columns: _Columns) -> Iterator[str]:
    """How rows are dealt out, and what else could be said of them."""
    anew = 'split = "seed"                  # 60 % train, 20 % fit, 20 % test, anew for each seed'
    yield f"split = {_text(columns.split)}" if columns.split else anew
    example = f"# split_by = {_text((*columns.repeated, 'patient')[0])}"
    yield f"{example:<31} # a column that says which rows belong together"
    yield '# shortcut = ["..."]            # groups that may predict in training only'


def _leaks(
    table: datafile.Table, target: str, inputs: Sequence[str]
) -> Iterator[arrayaudit.Finding]:
    """Inputs that alone predict the target too well to be known before it."""
    found = arrayaudit.audit(table, target)
    own = tuple(c for c in found.columns if c.name in inputs)
    return arrayaudit.leaks(dataclasses.replace(found, columns=own))


def _claim(groups: Sequence[str]) -> list[str]:
    """A first hypothesis, commented out: whoever expects something says so before the run."""
    if len(groups) < 2:
        return []
    more = f"in the end the output relies more on {groups[0]} than on {groups[1]}"
    return [
        "",
        "# What do you expect? A claim that stands here before the run gets a verdict:",
        "# [[hypothesis]]",
        '# id = "first-claim"',
        f"# claim = {_text(more)}",
        '# measure = "reliance"',
        f"# of = {{ feature = {_text(groups[0])} }}",
        f"# minus = {{ feature = {_text(groups[1])} }}",
        '# expect = "greater"',
        "# margin = 0.02                 # a difference of less is none",
    ]


def _made(columns: _Columns, target: str, inputs: Sequence[str]) -> Iterator[str]:
    """How columns of text, and those with missing values, become numbers."""
    ones = {c: level for c, level in columns.two.items() if c == target or c in inputs}
    if ones:
        told = ", ".join(f"{_key(c)} = {_text(level)}" for c, level in ones.items())
        yield f"as_binary = {{ {told} }}   # 1 where it holds this, else 0"
    if classes := [c for c in columns.several if c in inputs]:
        told = ", ".join(map(_text, classes))
        yield f"as_class = [{told}]   # a 0/1 input for each of its values"
    if missing := {c: count for c, count in columns.missing.items() if c in inputs}:
        told = ", ".join(f"{c}: {count}" for c, count in missing.items())
        yield f'impute = "median"               # of missing values ({_inner(told)})'


def _columns(table: datafile.Table, unnamed: Mapping[str, str], target: str | None) -> _Columns:
    """What each column can be; the target is never left out."""
    split, inputs = None, []
    several: list[str] = []
    two: dict[str, str] = {}
    missing: dict[str, int] = {}
    left = dict(unnamed)
    for name in (c for c in table.frame.columns if c not in unnamed):
        if cells := wrong(table, name):
            left[name] = f"{cells.what}: {cells.cure}"
            continue
        if numeric(table, name):
            known = finite(table, name)
            gaps = int(np.isnan(known).sum())
            levels = np.unique(known[np.isfinite(known)]).tolist()
        else:
            gaps = table.frame[name].null_count()
            levels = sorted(set(labels_of(table, name)) - {""})
        if set(levels) == set(SPLITS) and name != target:
            split = name
        elif len(levels) < 2:
            left[name] = "never changes"
        elif numeric(table, name) or (len(levels) == 2 and table.text(name)):
            inputs.append(name)
            missing |= {name: gaps} if gaps else {}
            two |= {} if numeric(table, name) else {name: levels[1]}
        elif _few(table, name, levels):
            inputs.append(name)
            several.append(name)
        elif name != target:
            left[name] = f"not numbers, {len(levels)} different values"
    found = _Columns(split, inputs, two, several, missing, left, [])
    return _without_identifiers(table, found, target)


def _without_identifiers(table: datafile.Table, columns: _Columns, target: str | None) -> _Columns:
    """The same without the columns that number the rows, where enough others are left."""
    every, rows = distinct(table), table.frame.height
    ids = [
        c
        for c in columns.inputs
        if c != target and c not in columns.several and identifies(every, c)
    ]
    others = [c for c in columns.inputs if c not in ids]
    if len({*others, target} - {None}) < 2:  # there is nothing else to ask of
        return columns
    count = {c: table.frame[c].n_unique() for c in ids}
    why = {c: f"{count[c]:,} different values in {rows:,} rows: an identifier?" for c in ids}
    return dataclasses.replace(
        columns,
        inputs=others,
        left={**columns.left, **why},
        repeated=[c for c in ids if count[c] < rows],
    )


def _few(table: datafile.Table, name: str, levels: list[str]) -> bool:
    """Whether a column of text says which of a few classes each row is of."""
    full = table.frame[name].null_count() == 0
    return table.text(name) and full and 2 < len(levels) <= min(MAX_CLASSES, len(table.frame) // 3)


def _gaps(table: datafile.Table, name: str) -> str:
    """Why a column cannot be a target as it is; empty where it can."""
    if cells := wrong(table, name):
        return cells.what
    try:
        table.missing(name)
    except Missing as problem:
        return str(problem)
    return ""


def _groups(table: datafile.Table, inputs: list[str]) -> list[tuple[str, list[str]]]:
    """A group a column; of many, one for each npz array and each start of a name."""
    family = {column: name for name, own in table.families.items() for column in own}
    if len(inputs) <= MAX_GROUPS:
        return [(name, [name]) for name in inputs]
    found: dict[str, list[str]] = {}
    for name in inputs:
        start = re.match(r"[^\W\d_]*", name)
        found.setdefault(family.get(name, (start and start[0]) or name), []).append(name)
    if len(found) > MAX_GROUPS:
        return [("inputs", inputs)]
    return list(found.items())


def _text(value: str) -> str:
    """TOML text."""
    return json.dumps(value, ensure_ascii=False)


def _inner(value: str) -> str:
    """The same without its quotes, on one line."""
    return _text(value)[1:-1]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
