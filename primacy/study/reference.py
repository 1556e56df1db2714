"""What every key of a study file may say, as text: `docs/study-file.md` and `primacy explain`."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from primacy.errors import quoted
from primacy.registry import models, tasks
from primacy.study.schema import study_schema
from primacy.tasks import boolean

Row = tuple[str, str, str, str]
"""Key, what it may be, what it is where it is left out, what it means."""

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}

_BITS = 6
"""Of the largest parity in the table of features."""


def of(kind: str) -> tuple[str, list[Row]] | None:
    """What a task or a model is, and its keys; None: there is no such."""
    for part in ("task", "model"):
        if own := _kinds(study_schema()["properties"][part]).get(kind):
            thing = {"task": tasks, "model": models}[part].load()[kind]
            return inspect.getdoc(thing) or "", list(_rows(own))
    return None


def _kinds(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {own["properties"]["kind"]["const"]: own for own in schema["oneOf"]}


def study_file() -> str:
    """The reference of study files, as Markdown."""
    keys = study_schema()["properties"]
    tables = ("task", "model", "training", "grid", "condition", "hypothesis")
    head = {"properties": {k: v for k, v in keys.items() if k not in tables}}
    lines = [
        "# Study files",
        "",
        "Every key that a study file may have, and the language of features. Written from the code "
        "(`primacy.study.reference.study_file`): edit that, not this page. "
        "`primacy init complexity` prints a commented example, "
        "`primacy check FILE` lists every mistake.",
        "",
        "## At the top",
        "",
        *_table(_rows(head)),
    ]
    for part, title in (("task", "tasks"), ("model", "models")):
        lines += ["", f"## `[{part}]`", "", f"`kind` names one of these {title}."]
        registry = {"task": tasks, "model": models}[part].load()
        for kind, own in sorted(_kinds(keys[part]).items()):
            lines += ["", f'### `kind = "{kind}"`', "", inspect.getdoc(registry[kind]) or ""]
            if rows := list(_rows(own)):
                lines += ["", *_table(rows)]
    lines += ["", "## `[training]`", "", *_table(_rows(keys["training"]))]
    phase = study_schema()["$defs"]["Phase"]
    lines += ["", "Keys of a phase:", "", *_table(_rows(phase))]
    lines += [
        "",
        "## `[grid]` and `[[condition]]`",
        "",
        f"`[grid]`: {keys['grid']['description']} "
        '`"training.learning_rate" = [1e-3, 3e-3]` makes two conditions.',
        "",
        f"`[[condition]]`: {keys['condition']['description']} `name` is what it is called; "
        "`task`, `model` and `training` are tables of the keys that differ.",
        "",
        "## `[[hypothesis]]`",
        "",
        *_table(_rows(keys["hypothesis"]["items"])),
        "",
        *_features(),
    ]
    return "\n".join(lines) + "\n"


_LANGUAGE = """\
## Features of the task `boolean`

Each feature has `units_per_feature` random bits of its own and is a function of them:

- `linear` is one bit, given four times (units 0 to 3 are equal); `linearK` gives it K times.
  Because it is in four inputs it is also easier to see: the study `complexity-controls` gives it
  once, twice and four times.
- `top_left_right` is a gate of four bits: top(left(0, 1), right(2, 3)), each of the three `and`,
  `or` or `xor`. `xor_xor_xor` is the parity of four bits.
- `parityK` is the parity of K bits: 1 where an odd number of them is 1.
- An expression names its bits: `a and (b xor not c)`. `not` binds first, then `and`, `xor`, `or`.
  The bit named first is unit 0, the next unit 1. To combine two bits write `a xor b`.

Two features share no bits. A term of a feature shares its bits:
`watched = ["xor_xor_xor: a xor b"]` measures the exclusive or of units 0 and 1 of the block of
`xor_xor_xor`, in every measure of what is represented, and trains nothing on it. The
study `sub-terms` asks whether terms are represented more strongly than what is made of them.

The average sensitivity is the expected number of bits whose flip changes the value. The leap is
the most new bits that must be found at once: 1 where the function can be learned bit by bit.
"""


def _features() -> Iterator[str]:
    """The language of features, and what is known about those that have a name."""
    yield from _LANGUAGE.splitlines()
    yield ""
    yield "| feature | bits that matter | average sensitivity | leap | linearly separable |"
    yield "| --- | --- | --- | --- | --- |"
    for name in boolean.NAMED:
        rule = boolean.function(name)
        if name.startswith("parity") and rule.units > _BITS:
            continue
        known = boolean.facts(name, True)
        bits = len(rule.columns) // rule.copies
        given = f"{bits}" if rule.copies == 1 else f"{bits}, {rule.copies} times"
        separable = "yes" if known["linearly_separable"] else "no"
        sensitivity = f"{known['average_sensitivity']:g}"
        yield f"| `{name}` | {given} | {sensitivity} | {known['leap']} | {separable} |"


def _rows(schema: Mapping[str, Any]) -> Iterator[Row]:
    required = schema.get("required", ())
    for key, own in schema["properties"].items():
        if key == "kind":
            continue
        default = "required" if key in required else quoted(own.get("default"))
        default = "" if default in ("null", "[]", '""', "{}") else default
        yield key, _value(own), default, " ".join(own.get("description", "").split())


def _value(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return "a table"
    if "anyOf" in schema:
        kinds = [_value(own) for own in schema["anyOf"] if own.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in schema or "const" in schema:
        return " or ".join(map(quoted, schema.get("enum", [schema.get("const")])))
    kind = schema.get("type")
    if kind == "array":
        return f"a list: {_value(schema['items'])}"
    if kind == "object":
        inside = schema.get("properties")
        return f"{{ {', '.join(inside)} = ... }}" if inside else "a table"
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
    limits = [f"{word} {schema[name]:,.10g}" for name, word in _LIMITS.items() if name in schema]
    return ", ".join([words.get(str(kind), "text"), *limits])


def _table(rows: Iterator[Row] | list[Row]) -> Iterator[str]:
    yield "| key | value | left out | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value, default, meaning in rows:
        cells = (f"`{key}`", value, f"`{default}`" if default else "", meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
