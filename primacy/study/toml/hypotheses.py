"""[[hypothesis]] tables of a study file: claims with all that decides how they will be judged."""

import dataclasses
import re
from collections.abc import Iterator, Sequence, Set
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from primacy.analysis.learning_times import EVENTS
from primacy.records import curves
from primacy.records.study import Contrast, Hypothesis, Level
from primacy.registry import closest, measures
from primacy.study.toml.grid import level
from primacy.study.toml.lines import Path
from primacy.study.toml.mistakes import (
    Mistake,
    checked,
    name,
    not_among,
    note,
    unknown_key,
    value_at,
)

INGREDIENTS = ("variance_explained", "total_variance")
"""The measures from which every derived one is computed."""

COLUMNS = ("at", "condition", "feature", "layer", "split", "target")
"""What a selection may name besides factors (`training.learning_rate`)."""

_AT_FORMS = 'must be "end", "mean", "learned", a step such as 240, or { learned = "a feature" }'

Name = Annotated[str, AfterValidator(name)]


def _at(value: Any) -> Any:
    step = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    feature = (
        isinstance(value, dict) and set(value) == {"learned"} and isinstance(value["learned"], str)
    )
    words = ("end", "mean", "learned")
    if step or feature or (isinstance(value, str) and value in words):
        return value
    hint = closest(value, words) if isinstance(value, str) else ""
    raise ValueError(f"{_AT_FORMS}.{hint}" if hint else _AT_FORMS)


At = Annotated[
    Any,
    AfterValidator(_at),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["end", "mean", "learned"]},
                {"type": "integer", "minimum": 0},
                {
                    "type": "object",
                    "properties": {"learned": {"type": "string"}},
                    "required": ["learned"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """One [[hypothesis]] as it is written: a claim and its contrast in one flat table."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    id: Name
    """What it is called in tables and links."""
    claim: Name
    """The claim in words."""
    measure: Name
    """A measure, `time_to_learn`, `time_to_pick_up` or `time_to_abandon`."""
    of: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What the claim is about: columns and the value each must have."""
    minus: dict[str, Any] | None = None
    """What it is compared with; left out: with `threshold`."""
    scale: Literal["difference", "ratio"] = "difference"
    """How the two are compared."""
    at: At = "end"
    """When: `end`, `mean` (the mean height over the steps that all compared conditions were trained
    for), `learned`, a step, or when a named feature was learned. Of a time: the step by which it
    must have come."""
    over: Name | None = None
    """A factor: the claim is a trend over its levels."""
    pool: tuple[Name, ...] = ()
    """Factors whose levels are averaged."""
    relative_to: dict[str, Any] | None = None
    """What every side is relative to in its own network: `{ feature = "parity4" }` makes each
    value a gap, the side's feature less this one, at the same moment unless it has its own `at`."""
    expect: Literal["less", "greater", "equal", "never"]
    """The direction that is claimed."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The smallest difference that matters, in the unit of the measure; .25 of a ratio is a
    quarter more or less; of `never` a share of the seeds."""
    threshold: float | None = None
    """What the value, or its difference from `minus`, is compared with; left out: 0, or 1 for a
    ratio."""
    answers: Name | None = None
    """The question that it answers."""
    control_for: Name | None = None
    """Id of the hypothesis of which it is a control arm."""
    reported_by: Name | None = None
    """Who reported the expected direction before: the page shows what they found beside every
    reading of the claim. It decides nothing, and may be added after the runs."""
    leaves_open: Annotated[str, AfterValidator(note)] | None = None
    """What of the question it does not answer: a sentence that the page shows under the question.
    It decides nothing and may be added after the runs."""


def read_claims(
    tables: Any,
    measured: Sequence[str],
    *,
    others: Sequence[str] = (),
    factors: Sequence[str] = (),
) -> tuple[tuple[Hypothesis, ...], list[Mistake]]:
    """The hypotheses of a study file, or every mistake in what they say by themselves.

    Whether their features, layers and conditions exist is known once the study is described.

    Args:
        tables: the file's `hypothesis`.
        measured: the study's measures; empty: all.
        others: ids of the hypotheses of included studies, which these may refer to.
        factors: what a selection may name besides the columns and the dotted keys.
    """
    if not isinstance(tables, list):
        return (), [Mistake(("hypothesis",), "must be written [[hypothesis]]")]
    mistakes: list[Mistake] = []
    claims: dict[int, Claim] = {}
    for number, table in enumerate(tables):
        path: Path = ("hypothesis", number)
        if not isinstance(table, dict):
            mistakes.append(Mistake(path, "must be a table: [[hypothesis]]"))
            continue
        flat = dict(table)
        for side in ("of", "minus", "relative_to"):
            if isinstance(table.get(side), dict):
                flat[side], wrong = _selection(table[side], (*path, side), factors)
                mistakes += wrong
        claim, wrong = checked(Claim, flat, path)
        mistakes += wrong
        if claim:
            claims[number] = claim
            mistakes += _contradictions(claim, path)
        if isinstance(measure := table.get("measure"), str) and measure.strip():
            mistakes += _unmeasured(measure, (*path, "measure"), measured)
    ids = [table.get("id") if isinstance(table, dict) else None for table in tables]
    known = [*(name for name in ids if isinstance(name, str)), *others]
    for number, claim in claims.items():
        path = ("hypothesis", number)
        if claim.id in (*others, *ids[:number]):
            mistakes.append(Mistake((*path, "id"), "another hypothesis has this id"))
        if claim.control_for == claim.id:
            mistakes.append(Mistake((*path, "control_for"), "a hypothesis cannot control itself"))
        elif claim.control_for is not None and claim.control_for not in known:
            mistakes.append(
                not_among((*path, "control_for"), claim.control_for, known, "no such hypothesis")
            )
    return tuple(map(_hypothesis, claims.values())), mistakes


def unknown_measures(names: Sequence[str]) -> Iterator[Mistake]:
    """What is wrong with a study's list of measures."""
    offered = sorted(measures.load())
    for i, measure in enumerate(names):
        path = ("measures", i)
        if measure in names[:i]:
            yield Mistake(path, "stands twice")
        elif measure in curves.DERIVED:
            yield Mistake(path, f"is computed from {' and '.join(INGREDIENTS)}: list these instead")
        elif measure in EVENTS:
            yield Mistake(path, "is always there: leave it out")
        elif measure not in offered:
            yield not_among(path, measure, offered, "not a measure")


def unknown_features(tables: Any, names: Set[str], doubtful: Set[str]) -> Iterator[Mistake]:
    """Features that hypotheses name and no task has, of tables that may be wrong otherwise.

    Args:
        tables: the file's `hypothesis`.
        names: the features that there are.
        doubtful: others that are written wrongly; a hypothesis may mean one of them.
    """
    offered = sorted(n for n in names if not n.endswith(" null"))
    for i in range(len(tables) if isinstance(tables, list) else 0):
        for place in _places(("hypothesis", i)):
            given = value_at({"hypothesis": tables}, place)
            if not isinstance(given, str) or re.sub(r" #\d+$", "", given) in names | doubtful:
                continue
            near = closest(given, [*offered, *doubtful])
            if not doubtful or (near and near == closest(given, offered)):
                yield not_among(place, given, offered, "not a feature")


def _places(path: Path) -> Iterator[Path]:
    """Where a hypothesis may name a feature."""
    yield (*path, "at", "learned")
    for side in ("of", "minus", "relative_to"):
        yield (*path, side, "feature")
        yield (*path, side, "at", "learned")


def _selection(
    table: dict[str, Any], path: Path, factors: Sequence[str], above: str = ""
) -> tuple[dict, list[Mistake]]:
    """Columns and levels, with nested tables (unquoted dotted keys) flattened."""
    flat: dict[str, Level | dict] = {}
    mistakes: list[Mistake] = []
    for key, value in table.items():
        here, column = (*path, key), above + key
        if column == "at":
            try:
                flat[column] = _at(value)
            except ValueError as error:
                mistakes.append(Mistake(here, str(error)))
        elif isinstance(value, dict):
            inner, wrong = _selection(value, here, factors, f"{column}.")
            flat |= inner
            mistakes += wrong
        elif "." not in column and column not in (*COLUMNS, *factors):
            keys = (*COLUMNS, *factors, "task. ...", "model. ...", "training. ...")
            mistakes.append(unknown_key(here, keys))
        elif isinstance(value, list) and "." in column:
            flat[column] = level(value)  # as the factor has it
        elif not isinstance(value, (str, int, float, bool)):
            mistakes.append(Mistake(here, "must be one value: text, a number, true or false"))
        else:
            flat[column] = value
    return flat, mistakes


def _contradictions(claim: Claim, path: Path) -> Iterator[Mistake]:
    """Combinations of keys that cannot be judged."""
    if claim.minus is not None and claim.over is not None:
        yield Mistake((*path, "over"), "a trend has no minus: leave out one of the two")
    if claim.expect == "never":
        if claim.minus is not None:
            yield Mistake((*path, "minus"), '"never" is about one thing: leave it out', shows=False)
        if claim.over is not None:
            yield Mistake((*path, "over"), '"never" is about one thing: leave it out')
        if claim.measure not in EVENTS:
            yield Mistake((*path, "measure"), f'"never" needs one of {", ".join(EVENTS)}')
        if claim.threshold is not None:
            yield Mistake((*path, "threshold"), '"never" has its share of the seeds in margin')
        if not 0 < claim.margin < 1:
            yield Mistake(
                (*path, "margin"),
                '"never" needs a share of the seeds above 0 and below 1, such as 0.12',
                shows=claim.margin > 0,
            )
    elif claim.scale == "ratio" and claim.minus is None:
        yield Mistake((*path, "scale"), "a ratio needs minus: what it is compared with")
    elif claim.scale == "ratio" and claim.threshold is not None and claim.threshold <= 0:
        yield Mistake((*path, "threshold"), "a ratio is compared with a number above 0")
    if (
        claim.expect in ("less", "greater")
        and claim.margin
        and claim.threshold is None
        and claim.minus is None
        and claim.over is None
    ):
        word, end = ("below", -claim.margin) if claim.expect == "less" else ("above", claim.margin)
        yield Mistake(
            (*path, "margin"),
            f"a margin is a distance, and without minus it is one from 0 ({word} {end:g}): write "
            f"what the value must be {word} as threshold, or add threshold = 0 to keep this",
        )
    if claim.expect == "equal" and claim.margin == 0:
        yield Mistake(
            (*path, "margin"),
            '"equal" needs a margin above 0: how much difference is still none',
            shows=False,
        )


def _unmeasured(measure: str, path: Path, measured: Sequence[str]) -> Iterator[Mistake]:
    offered = (*EVENTS, *sorted({*measures.load(), *curves.DERIVED}))
    needs = INGREDIENTS if measure in curves.DERIVED else (measure,)
    lacking = [need for need in needs if need not in measured]
    if measure not in offered:
        yield not_among(path, measure, offered, "not a measure")
    elif measured and lacking and measure not in EVENTS:
        yield Mistake(path, f"not measured in this study: add {' and '.join(lacking)} to measures")


def located(message: str, hypothesis: int) -> Mistake:
    """A message of `verdicts.problems`, which begins with its key, at that key of the file."""
    found = re.fullmatch(r"([\w.]+)( = (?:\"(?:[^\"\\]|\\.)*\"|.*?))?: (.*)", message, re.S)
    place, value, why = found.groups()  # type: ignore[union-attr]
    return Mistake(("hypothesis", hypothesis, *place.split(".", 1)), why, shows=value is not None)


def _hypothesis(claim: Claim) -> Hypothesis:
    contrast = {field.name for field in dataclasses.fields(Contrast)}
    fields = {field.name: getattr(claim, field.name) for field in dataclasses.fields(claim)}
    return Hypothesis(
        contrast=Contrast(**{key: fields.pop(key) for key in sorted(contrast)}), **fields
    )
