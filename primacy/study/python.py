"""A study made in Python: written as the tables of a study file, and checked as one."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from primacy.errors import quoted
from primacy.records.study import Hypothesis
from primacy.registry import models, tasks
from primacy.study import file
from primacy.study import spec as plain
from primacy.study.toml.document import written
from primacy.study.toml.grid import PARTS
from primacy.study.toml.head import HEAD
from primacy.study.toml.lines import Path as Place
from primacy.study.toml.mistakes import Mistake, dotted
from primacy.tasks.arrayfields import Groups

CALLED = "Study"
"""What errors call a study that stands in no file."""

HEADER = "# Made in Python.\n"

_SIZES = ("examples", "fit_examples", "test_examples")
"""Settings whose default depends on the task."""


class Study(plain.Study):
    """A study, checked when it is made as a study file is when it is read.

    ```python
    study = primacy.Study(
        name="mine",
        task={"kind": "boolean", "features": ["linear", "parity4"]},
        model={"kind": "mlp", "widths": [64]},
        training={"epochs": 20, "learning_rate": 3e-3},
        hypotheses=[{
            "id": "simple-first", "claim": "the bit is learned before the parity",
            "measure": "time_to_learn", "expect": "less",
            "of": {"feature": "linear"}, "minus": {"feature": "parity4"},
        }],
        seeds=10,
    )
    result = primacy.run(study)
    ```

    `task`, `model`, `training`, `grid` and each of `hypotheses` have the keys of their tables in a
    study file; a registered task or model, a `Training` and a `Hypothesis` will do as well. Several
    conditions are a `grid`, or `conditions`: a `Condition` by name.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """

    def __init__(  # any value: what is wrong with them is told together
        self,
        *,
        name: Any,
        question: Any = plain.Study.question,
        task: Any = None,
        model: Any = None,
        training: Any = None,
        grid: Any = None,
        conditions: Any = None,
        factors: Any = None,
        measures: Any = plain.Study.measures,
        hypotheses: Any = plain.Study.hypotheses,
        seeds: Any = plain.Study.seeds,
        seed_offset: Any = plain.Study.seed_offset,
        seed_axes: Any = plain.Study.seed_axes,
        controls: Any = plain.Study.controls,
        exact_solo: Any = plain.Study.exact_solo,
        members: Any = plain.Study.members,
        notes: Any = plain.Study.notes,
        source: Any = plain.Study.source,
    ) -> None:
        parts = {"task": task, "model": model, "training": training, "grid": grid}
        given = dict(locals())
        fields = {f.name: given[f.name] for f in dataclasses.fields(plain.Study)}
        fields |= {"conditions": {} if conditions is None else conditions, "factors": factors or {}}
        self.__dict__.update(fields)
        tables = _Tables(self, {key: value for key, value in parts.items() if value is not None})
        if not source or source.startswith(HEADER):
            source = HEADER + written(tables.document)
        # Tables as specs, lists as tuples.
        if self.members:
            found = file.of_members(
                tuple(map(Study.of, self.members)),
                tables.document,
                called=CALLED,
                source=source,
                key=tables.key,
                mistakes=tables.mistakes,
            )
        else:
            found = file.of_document(
                tables.document,
                called=CALLED,
                folder=tables.folder,
                source=source,
                key=tables.key,
                mistakes=tables.mistakes,
                factors=self.factors,
            )
        self.__dict__.update(vars(found))

    def _repr_html_(self) -> str:
        """For a notebook's cell: what it asks, what would be trained, and its claims."""
        from primacy.analysis.notebook import facts, table

        conditions = [name for one in self.studies for name in one.conditions]
        claims = [h for one in (self, *self.members) for h in one.hypotheses]
        shown = ", ".join(conditions[:12]) + (", ..." if len(conditions) > 12 else "")
        rows = [
            ("study", self.name),
            ("conditions", f"{len(conditions)}: {shown}"),
            ("seeds", self.seeds),
            ("networks", f"{len(conditions) * self.seeds:,} and controls: {self.controls}"),
            ("measures", ", ".join(self.measures) or "all that are computed by default"),
            ("notes", " ".join(self.notes)),
            ("to run it", "primacy.run(study)"),
        ]
        said = facts(self.question or self.name, rows)
        listed = [(h.id, h.claim, h.contrast.measure, h.expect, h.margin) for h in claims]
        head = ("hypothesis", "claim", "measure", "expected", "margin")
        return said + (table(head, listed) if listed else "")

    @classmethod
    def of(cls, study: plain.Study) -> "Study":
        """The same study, checked unless it was."""
        return study if isinstance(study, cls) else cls(**vars(study))


def read(name_or_path: str, *, overrides: Mapping[str, str] | Sequence[str] = ()) -> Study:
    """The built-in study of that name, or that of a file (its name ends in `.toml`).

    Args:
        name_or_path: `complexity`, or `mine.toml`.
        overrides: `training.learning_rate=3e-3`, or a mapping of dotted key to value. The value
            is read as TOML, and a bare word as text.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """
    study = object.__new__(Study)  # checked already, with the lines of the file
    study.__dict__.update(vars(file.read(name_or_path, overrides=overrides)))
    return study


class _Tables:
    """A study as the tables of a file; where each place of them stands in Python."""

    def __init__(self, study: Study, parts: Mapping[str, Any]) -> None:
        self.mistakes: list[Mistake] = []
        self.folders: list[Path] = []
        head = {f.name: getattr(study, f.name) for f in dataclasses.fields(study) if f.name in HEAD}
        head = {k: v for k, v in head.items() if k == "name" or v != getattr(plain.Study, k)}
        self.document = self.table(head, ())
        for key, value in parts.items():
            given = value if key == "grid" else self.part(key, value, (key,))
            self.document[key] = self.table(given, (key,))
        if isinstance(study.conditions, Mapping):
            self.names = list(study.conditions)
        else:
            self.names = []
            text = 'must be a dict of conditions by name: {"small": primacy.Condition(...)}'
            self.mistakes.append(Mistake(("conditions",), text, shows=False))
        if study.members and parts:
            text = "a study that includes others has no conditions of its own"
            self.mistakes.append(Mistake((next(iter(parts)),), text, shows=False))
        elif self.names and parts:
            text = "give conditions, or task, model, training and grid, not both"
            self.mistakes.append(Mistake(("conditions",), text, shows=False))
        elif self.names == ["default"]:
            self.document |= self.condition(study.conditions["default"], ())
        elif self.names:
            self.document["condition"] = [
                {"name": name} | self.condition(condition, ("condition", i))
                for i, (name, condition) in enumerate(study.conditions.items())
            ]
        if isinstance(study.hypotheses, list | tuple) and study.hypotheses:
            self.document["hypothesis"] = [
                self.table(_claim(claim), ("hypothesis", i))
                for i, claim in enumerate(study.hypotheses)
            ]
        elif study.hypotheses:
            text = "must be a list of hypotheses"
            self.mistakes.append(Mistake(("hypothesis",), text, shows=False))

    @property
    def folder(self) -> Path:
        """Where the data of the tasks lie."""
        if len(set(self.folders)) > 1:
            text = f"the data lie in {len(set(self.folders))} folders; put them into one"
            self.mistakes.append(Mistake(("task", "file"), text, shows=False))
        return self.folders[0] if self.folders else Path()

    def key(self, place: Place) -> str:
        """What a place of the tables is called in Python."""
        if place[:1] == ("condition",):
            names = [self.names[int(i)] for i in place[1:2]]
            place = ("conditions", *names, *place[2:])
        elif place[:1] == ("hypothesis",):
            place = ("hypotheses", *place[1:])
        return dotted(place)

    def condition(self, condition: Any, place: Place) -> dict[str, Any]:
        """task, model and training of a `Condition`, exactly as they are."""
        if isinstance(condition, Mapping):
            found = {key: self.part(str(key), value, place) for key, value in condition.items()}
            return self.table(found, place)
        found = {key: self.part(key, getattr(condition, key, None), place) for key in PARTS}
        if isinstance(training := getattr(condition, "training", None), plain.Training):
            found["training"] |= {key: getattr(training, key) for key in _SIZES}
        return self.table(found, place)

    def part(self, part: str, given: Any, place: Place) -> Any:
        """A task, a model or a training as a table, with what differs from its defaults."""
        if not dataclasses.is_dataclass(given) or isinstance(given, type):
            return given
        found = {}
        if part != "training":
            kind = str(getattr(given, "kind", None))
            registry = {"task": tasks, "model": models}.get(part, tasks).load()
            if registry.get(kind) is not type(given):
                text = (
                    f"{type(given).__name__} is not registered: put @primacy.registry.{part}s."
                    'add("its name") above the class'
                )
                if kind in registry:
                    text = (
                        f"{quoted(kind)} was registered again since this one was made: make it anew"
                    )
                self.mistakes.append(Mistake((*place, "kind"), text, shows=False))
            found["kind"] = kind
        for field in dataclasses.fields(given):
            value = getattr(given, field.name)
            if field.metadata.get("unkeyed"):  # a file: its name, in the folder where it lies
                path = Path(value).resolve()
                self.folders.append(path.parent)
                found[field.name] = path.name
            elif value != field.default or part not in PARTS:
                found[field.name] = value
        return found

    def table(self, given: Any, place: Place) -> Any:
        """A value as TOML has it; null is what was left out."""
        if isinstance(given, Mapping):
            return {
                str(key): self.table(value, (*place, str(key)))
                for key, value in given.items()
                if value is not None
            }
        if isinstance(given, np.ndarray | np.generic):
            return self.table(given.tolist(), place)
        if isinstance(given, Groups):
            return self.table(dict(given), place)
        if dataclasses.is_dataclass(given) and not isinstance(given, type):  # a spec in a spec
            fields = {f.name: getattr(given, f.name) for f in dataclasses.fields(given)}
            stated = {f.name for f in dataclasses.fields(given) if fields[f.name] != f.default}
            return self.table({k: v for k, v in fields.items() if k in stated}, place)
        if isinstance(given, tuple | list):
            return [self.table(item, (*place, i)) for i, item in enumerate(given)]
        if isinstance(given, Path):
            return str(given)
        if not isinstance(given, str | int | float):
            what = type(given).__name__
            text = f"must be text, a number, true or false, a list or a table, not of type {what}"
            self.mistakes.append(Mistake(place, text, shows=False))
            return str(given)
        return given


def _claim(claim: Any) -> Any:
    """A `Hypothesis` as the flat table of a file."""
    if not isinstance(claim, Hypothesis):
        return claim
    flat = {
        field.name: getattr(owner, field.name)
        for owner in (claim, claim.contrast)
        for field in dataclasses.fields(owner)
        if field.name != "contrast" and getattr(owner, field.name) != field.default
    }
    return {key: value for key, value in flat.items() if key != "of" or value}
