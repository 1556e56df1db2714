"""What `--set` may change: which keys hold lists, and which ones [grid] sets anyway."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin, get_type_hints

from primacy.errors import quoted
from primacy.registry import models, tasks
from primacy.study.spec import Training
from primacy.study.toml.grid import axes
from primacy.study.toml.lines import Path
from primacy.study.toml.mistakes import Mistake, dotted, value_at


def holds_list(document: Mapping[str, Any], path: Path, head: type | None = None) -> bool:
    """Whether a key of a study file holds a list, by its type or by what is there now.

    Args:
        document: the study file.
        path: of the key.
        head: the type of the keys at the top.
    """
    table, key = path[0], str(path[-1])
    if table == "grid":
        return len(path) > 1
    cls: Any = None
    if len(path) == 1:
        cls = head
    elif len(path) == 2 and table == "training":
        cls = Training
    elif len(path) == 2 and table in ("task", "model"):
        kind = value_at(document, (table, "kind"))
        kinds = (tasks if table == "task" else models).load()
        cls = kinds.get(kind) if isinstance(kind, str) else None
    hint = get_type_hints(cls).get(key) if cls else None
    return get_origin(hint) is tuple or isinstance(value_at(document, path), list)


def across_grid(document: Mapping[str, Any], overridden: Sequence[Path]) -> Iterator[Mistake]:
    """Overrides of keys to which [grid] gives values: they would change nothing."""
    grid = document.get("grid")
    for axis in axes(grid) if isinstance(grid, dict) else ():
        key = tuple(axis.key.split("."))
        for path in overridden:
            if path[: len(key)] == key:
                cure = f"{dotted(axis.path)}={quoted([value_at(document, key)])}"
                text = f"[grid] sets it to {quoted(axis.values)}: write --set {shlex.quote(cure)}"
                yield Mistake(path, text)
