"""A first study of a user's file, written from its columns, to be edited."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from primacy.tasks import arrayaudit, datafile
from primacy.tasks.arraykinds import MAX_CLASSES, counts_up, identifies, is_binary
from primacy.tasks.arraysplits import SPLITS, labels_of

MAX_GROUPS = 12
"""Groups of columns that a draft names; more columns are grouped by the start of their names."""


def draft(path: Path) -> str:
    """A commented study file of kind `arrays`; it can be run as it is.

    Raises:
        ValueError: the file cannot be read, or it has nothing to predict or to predict from.
        OSError: it cannot be opened.
    """
    table = datafile.read(path)
    split, inputs, two, several, missing, left = _columns(table)
    binary = [c for c in inputs if c in two or is_binary(_known(table, c))]
    if not inputs or len(inputs) < 2:
        raise ValueError(f"{path.name} needs two columns of numbers, or of two levels, at least")
    target = next((c for c in reversed(binary) if c not in missing), None)
    target = target or next((c for c in reversed(inputs) if c in several), None)
    target = target or next((c for c in reversed(inputs) if c not in missing), None)
    if target is None:
        raise ValueError(f"{path.name} has no column without missing values to predict")
    inputs.remove(target)
    rows = table.frame.height
    values = np.unique(_known(table, target))
    numbers = target not in binary and target not in several and not counts_up(values)
    few = numbers and len(values) <= MAX_CLASSES
    ones = {c: level for c, level in two.items() if c == target or c in inputs}
    missing = {c: count for c, count in missing.items() if c in inputs}
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
        f"target = [{_text(target)}]      # the column to predict: is it this one?",
    ]
    if few:
        lines.append('target_kind = "number"          # if these are classes: "class"')
    lines += _made(ones, [c for c in several if c in inputs], missing)
    anew = 'split = "seed"                  # 60 % train, 20 % fit, 20 % test, anew for each seed'
    lines += [
        f"split = {_text(split)}" if split else anew,
        '# split_by = "patient"          # a column that says which rows belong together',
        '# shortcut = ["..."]            # groups that may predict in training only',
        "",
        "[task.features]                 # named groups of columns: what do they describe?",
        *(f"{_key(name)} = [{', '.join(map(_text, own))}]" for name, own in _groups(table, inputs)),
    ]
    lines += [f"# left out: {_inner(name)} ({why})" for name, why in left.items()]
    lines += [
        f"# CAREFUL: {_inner(leak.what)}: {_inner(leak.cure)}"
        for leak in _leaks(table, target, inputs)
    ]
    batch = max(1, min(32, rows // 5))
    lines += ["", "[model]", 'kind = "mlp"', "widths = [32, 16]", ""]
    lines += ["[training]", "learning_rate = 1e-3", f"batch_size = {batch}", "epochs = 50"]
    lines += _claim([name for name, _ in _groups(table, inputs)])
    return "\n".join(lines) + "\n"


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


def _made(
    ones: Mapping[str, str], classes: Sequence[str], missing: Mapping[str, int]
) -> Iterator[str]:
    """How columns of text, and those with missing values, become numbers."""
    if ones:
        told = ", ".join(f"{_key(c)} = {_text(level)}" for c, level in ones.items())
        yield f"as_binary = {{ {told} }}   # 1 where it holds this, else 0"
    if classes:
        told = ", ".join(map(_text, classes))
        yield f"as_class = [{told}]   # a 0/1 input for each of its values"
    if missing:
        told = ", ".join(f"{c}: {count}" for c, count in missing.items())
        yield f'impute = "median"               # of missing values ({_inner(told)})'


def _columns(
    table: datafile.Table,
) -> tuple[str | None, list[str], dict[str, str], list[str], dict[str, int], dict[str, str]]:
    """What splits, what can be an input, levels of two, columns of several, missing values, and
    what is left out."""
    split, inputs = None, []
    several: list[str] = []
    two: dict[str, str] = {}
    missing: dict[str, int] = {}
    left: dict[str, str] = {}
    for name in table.frame.columns:
        try:
            values = table.numbers(name, missing=True)
        except ValueError:
            levels = sorted(set(labels_of(table, name)) - {""})
            if set(levels) == set(SPLITS):
                split = name
            elif len(levels) == 2 and table.text(name):
                inputs.append(name)
                two[name] = levels[1]
                if gaps := table.frame[name].null_count():
                    missing[name] = gaps
            elif _few(table, name, levels):
                inputs.append(name)
                several.append(name)
            else:
                left[name] = f"not numbers, {len(levels)} different values"
            continue
        known = values[np.isfinite(values)]
        if not known.size or (known == known[0]).all():
            left[name] = "never changes"
            continue
        inputs.append(name)
        if known.size < values.size:
            missing[name] = values.size - known.size
    for name in (rows := [c for c in inputs if c not in several and identifies(table, c)]):
        if len(inputs) - len(rows) >= 2:  # else there is nothing to ask of
            inputs.remove(name)
            count = f"{table.frame.height:,}"
            left[name] = f"{count} different values in {count} rows: an identifier?"
    return split, inputs, two, several, missing, left


def _few(table: datafile.Table, name: str, levels: list[str]) -> bool:
    """Whether a column of text says which of a few classes each row is of."""
    full = table.frame[name].null_count() == 0
    return table.text(name) and full and 2 < len(levels) <= min(MAX_CLASSES, len(table.frame) // 3)


def _known(table: datafile.Table, name: str) -> np.ndarray:
    if table.text(name):
        return np.zeros(1)
    values = table.numbers(name, missing=True)
    return values[np.isfinite(values)]


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
