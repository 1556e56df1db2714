"""Study files: TOML -> Study, with every mistake at once, where it stands and how to mend it.

What a file says is data: nothing in it is executed. It names other files only beside itself: that
of the examples, and the studies that it includes.
"""

import dataclasses
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from primacy.analysis.contrasts import check
from primacy.analysis.verdicts import problems
from primacy.errors import Problem, quoted
from primacy.errors import StudyError as StudyError  # what `read` raises
from primacy.records.members import FACTOR
from primacy.records.store import OWN_NAMES
from primacy.records.study import Hypothesis, Level, StudyRecord
from primacy.registry import closest, measures
from primacy.study.applicable import misapplied, notes
from primacy.study.describe import describe, measured
from primacy.study.spec import Study
from primacy.study.toml import lines
from primacy.study.toml.conditions import feature_names, read_conditions
from primacy.study.toml.document import override, parsed, unusable
from primacy.study.toml.grid import PARTS, display
from primacy.study.toml.head import HEAD, Head
from primacy.study.toml.hypotheses import (
    located,
    read_claims,
    unknown_features,
    unknown_measures,
)
from primacy.study.toml.mistakes import Mistake, checked, dotted, placed, unknown_key
from primacy.study.toml.overrides import across_grid, holds_list
from primacy.study.toml.sources import builtin as builtin
from primacy.study.toml.sources import builtin_files, source_of
from primacy.study.toml.sources import groups as groups
from primacy.study.toml.sources import text as text

SHARED = ("seeds", "seed_offset", "seed_axes", "controls", "exact_solo")
"""Keys at the top that are the same for all members of a study of studies."""
TABLES = (*PARTS, "grid", "condition", "hypothesis")


def read(name_or_path: str, *, overrides: Mapping[str, str] | Sequence[str] = ()) -> Study:
    """The built-in study of that name, or that of a file (its name ends in `.toml`).

    Args:
        name_or_path: `complexity`, or `mine.toml`.
        overrides: `training.learning_rate=3e-3`, or a mapping of dotted key to value. The value
            is read as TOML, and a bare word as text.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """
    opened = _opened(name_or_path)
    if isinstance(overrides, Mapping):
        overrides = [f"{key}={value}" for key, value in overrides.items()]
    if "include" in opened.document:
        return _whole(opened, overrides)
    return _noted(_single(opened, overrides))


@dataclasses.dataclass
class _File:
    """A study file on its way: what it says, and what was found wrong so far."""

    called: str
    """As a person calls it."""
    folder: Path
    source: str
    text: str
    document: dict[str, Any]
    builtin: bool
    key: Callable[[lines.Path], str] = dotted
    """What a place is called."""
    overridden: list[lines.Path] = dataclasses.field(default_factory=list)
    mistakes: list[Mistake] = dataclasses.field(default_factory=list)

    def head(self, overrides: Sequence[str]) -> tuple[Head | None, list[str]]:
        """The keys at the top, overrides in place, and the measures that are named there."""
        self.overridden, wrong = override(self.document, overrides, self._holds_list)
        self.mistakes += [*wrong, *unusable(self.document), *_misplaced(self.document)]
        self.mistakes += across_grid(self.document, self.overridden)
        given = {key: self.document[key] for key in HEAD if key in self.document}
        head, wrong = checked(Head, {"name": Path(self.called).stem} | given, ())
        listed = strings(given.get("measures"))
        self.mistakes += [*wrong, *unknown_measures(listed)]
        return head, listed

    def _holds_list(self, path: lines.Path) -> bool:
        return holds_list(self.document, path, Head)

    def problems(self) -> list[Problem]:
        """The mistakes with their lines."""
        return placed(
            self.mistakes,
            file=self.called,
            document=self.document,
            lines=lines.locate(self.text),
            overridden=self.overridden,
            key=self.key,
        )

    def judgeable(self, study: Study, record: StudyRecord) -> None:
        """Add what in the hypotheses of its own, which a study begins with, selects nothing."""
        for i, hypothesis in enumerate(study.hypotheses):
            if why := misapplied(study, record, hypothesis):
                self.mistakes.append(Mistake(("hypothesis", i, "measure"), why))
            else:
                self.mistakes += [located(text, i) for text in problems(record, hypothesis)]


def strings(listed: Any) -> list[str]:
    """The texts of a list; the rest of it is a mistake that is told elsewhere."""
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


def _opened(name_or_path: str) -> _File:
    called, folder, source = source_of(name_or_path)
    # NFC, so that a name is the same however its accents were typed.
    text = unicodedata.normalize("NFC", source)
    builtin = not name_or_path.endswith(".toml")
    return _File(called, folder, source, text, parsed(text, called), builtin)


def of_document(
    document: dict[str, Any],
    *,
    called: str,
    folder: Path,
    source: str,
    key: Callable[[lines.Path], str] = dotted,
    mistakes: Sequence[Mistake] = (),
    factors: Mapping[str, dict[str, Level]] | None = None,
) -> Study:
    """The study that tables say which stand in no file.

    Args:
        document: keys and values as TOML would give them.
        called: what errors call it.
        folder: where the data of its tasks lie.
        source: its text, kept in the run folder.
        key: what errors call a place in it.
        mistakes: what was found wrong with it before.
        factors: of each condition, instead of those that the tables give.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """
    file = _File(called, folder, source, "", document, False, key, mistakes=list(mistakes))
    return _noted(_single(file, (), factors))


def of_members(
    members: tuple[Study, ...],
    document: dict[str, Any],
    *,
    called: str,
    source: str,
    key: Callable[[lines.Path], str] = dotted,
    mistakes: Sequence[Mistake] = (),
) -> Study:
    """A study of studies, of which tables give the head and the hypotheses; see `of_document`.

    Raises:
        StudyError: anything is wrong; it lists all that is.
        ValueError: the members do not make one whole.
    """
    file = _File(called, Path(), source, "", document, False, key, mistakes=list(mistakes))
    head, listed = file.head(())
    claims, wrong = _claims_about(members, file, listed)
    file.mistakes += wrong
    if file.mistakes or head is None:
        raise StudyError(file.problems())
    study = Study(
        **{key: getattr(head, key) for key in HEAD if key != "include"},
        hypotheses=claims,
        source=source,
        members=members,
    )
    file.judgeable(study, describe(study))
    if file.mistakes:
        raise StudyError(file.problems())
    return _noted(study, listed)


def _noted(study: Study, listed: Sequence[str] = ()) -> Study:
    """With what is to be known of it; `listed`: measures that its file names, if not the study."""
    return study.replace(notes=(*study.notes, *notes(study, listed or study.measures)))


def _claims_about(
    members: Sequence[Study], file: _File, listed: Sequence[str]
) -> tuple[tuple[Hypothesis, ...], list[Mistake]]:
    """The hypotheses of a study of studies, which may refer to those of its members."""
    return read_claims(
        file.document.get("hypothesis", []),
        listed,
        others=[f"{member.name}/{h.id}" for member in members for h in member.hypotheses],
        factors=(FACTOR,),
    )


def _single(
    file: _File,
    overrides: Sequence[str],
    stated: Mapping[str, dict[str, Level]] | None = None,
) -> Study:
    """A study with conditions of its own, and other factors than the file's if they are stated.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """
    head, listed = file.head(overrides)
    found = read_conditions(file.document, file.folder)
    file.mistakes += found.mistakes
    tables = file.document.get("hypothesis", [])
    hypotheses, wrong = read_claims(tables, listed)
    file.mistakes += wrong
    if file.mistakes and (known := feature_names(file.document, file.folder)) is not None:
        # What a claim is about can be told although the study cannot be described.
        file.mistakes += unknown_features(tables, *known)
    if file.mistakes or head is None:
        raise StudyError(file.problems())
    study = Study(
        **{key: getattr(head, key) for key in HEAD if key != "include"},
        conditions=found.conditions,
        factors=dict(stated or found.factors),
        notes=found.notes,
        hypotheses=hypotheses,
        source=file.source,
    )
    # Whether a claim selects what the study will hold is known once all the rest is right.
    file.judgeable(study, describe(study))
    if file.mistakes:
        raise StudyError(file.problems())
    return study


def _whole(file: _File, overrides: Sequence[str]) -> Study:
    """A study of studies. What it says of measures and of `SHARED` keys holds for all members.

    Members that have a condition in common measure what any of them does, so that it is the same
    run for all (but for measures of a loss that only some members have).

    Raises:
        StudyError: anything is wrong, with it or with a member; it lists all that is.
    """
    own = [text for text in overrides if text.partition("=")[0].strip() in HEAD]
    head, listed = file.head(own)
    given, table = set(file.document), "no conditions of its own: they stand in its members"
    file.mistakes += [
        Mistake((part,), f"a study that includes others has {table}", shows=False)
        for part in (*PARTS, "grid", "condition")
        if part in given
    ]
    members, problems = _members(file, [text for text in overrides if text not in own])
    for key in SHARED:
        if key not in given and len({getattr(member, key) for member in members}) > 1:
            said = "; ".join(f"{m.name}: {_listed(getattr(m, key))}" for m in members)
            text = f"the members differ ({said}): say here what holds for all"
            file.mistakes.append(Mistake((key,), text, shows=False))
    claims, wrong = _claims_about(members, file, listed)
    # With a member missing, nobody knows which ids there will be.
    file.mistakes += [m for m in wrong if not (problems and m.path[-1] == "control_for")]
    if file.mistakes or problems or head is None:
        raise StudyError([*file.problems(), *problems])
    if "measures" in given:
        members = [member.replace(measures=tuple(listed)) for member in members]
    claimed = {h.contrast.measure for h in claims} & set(measures.load())
    lists = [names | claimed for names in _measured_together(members)]
    shared = {key: getattr(head if key in given else members[0], key) for key in SHARED}
    named = listed or sorted({name for member in members for name in member.measures})
    study = Study(
        name=head.name,
        question=head.question,
        hypotheses=claims,
        source=file.source,
        members=tuple(
            member.replace(measures=tuple(sorted(names)), **shared)
            for member, names in zip(members, lists, strict=True)
        ),
        measures=tuple(sorted(set().union(*lists))),
        notes=tuple(f"{member.name}: {note}" for member in members for note in member.notes),
        **shared,
    )
    _refuse_unjudgeable(file, study, claims)
    return _noted(study, named)


def _refuse_unjudgeable(file: _File, study: Study, claims: Sequence[Hypothesis]) -> None:
    """Claims of the whole, `claims`, and then those of its members: all must have their numbers.

    Raises:
        StudyError: some have not.
    """
    record = describe(study)
    file.judgeable(study, record)
    for hypothesis in record.hypotheses[len(claims) :]:
        if wrong := check(record, hypothesis.contrast):
            text = f"{hypothesis.id} cannot be judged: {wrong[0]}"
            file.mistakes.append(Mistake(("measures",), text, shows=False))
    if file.mistakes:
        raise StudyError(file.problems())


def _measured_together(members: Sequence[Study]) -> list[set[str]]:
    """For each member, its measures and those of all it is tied to by conditions in common."""
    keys = [{c.key for c in member.conditions.values()} for member in members]
    names = [{m.name for m in measured(member)} for member in members]
    for _ in members:  # a tie may go by way of others
        for i, a in enumerate(keys):
            for j, b in enumerate(keys):
                if a & b:
                    names[i] |= names[j]
    return names


def _listed(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else display(value)


def _members(file: _File, overrides: Sequence[str]) -> tuple[list[Study], list[Problem]]:
    """The included studies that can be read; what is wrong with the files of the others.

    What is wrong with the list itself is added to the mistakes of the including file.
    """
    listed = file.document["include"]
    members: list[Study] = []
    problems: dict[Problem, None] = {}  # the same override may be wrong in every member
    for i, name in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(name, str):
            continue
        member, wrong = None, "stands twice" if name in listed[:i] else _unfit(file, name)
        if wrong is None:
            try:
                opened = _opened(name if name in builtin_files() else str(file.folder / name))
                if "include" in opened.document:
                    wrong = "includes studies itself; a member cannot"
                else:
                    member = _single(opened, overrides)
            except StudyError as error:
                problems |= dict.fromkeys(error.problems)
        if member is not None:
            called = quoted(member.name)
            if any(m.name.casefold() == member.name.casefold() for m in members):
                wrong = f"another member is called {called} too"
            elif member.name.casefold() in OWN_NAMES:
                wrong = f"a run folder has something of its own called {called}: rename the study"
            else:
                members.append(member)
        if wrong is not None:
            choices = tuple(n for n in builtin_files() if not (file.builtin and n == name))
            file.mistakes.append(Mistake(("include", i), wrong, choices))
    return members, list(problems)


def _unfit(file: _File, name: str) -> str | None:
    """Why there can be no member of this name."""
    if not name.endswith(".toml"):
        files = sorted(builtin_files())
        if name in files:
            itself = file.builtin and file.called == f"{name}.toml"
            return "a study cannot include itself" if itself else None
        hint = closest(name, files) or f" There are: {', '.join(files)}"
        return f"no built-in study has this name.{hint}; a file's name ends in .toml"
    if Path(name).name != name or "\\" in name:
        return "only a file beside this one can be included: leave out the path"
    path = file.folder / name
    if path.is_symlink():
        return "a link; include the file itself"
    if not path.is_file():
        return "there is no such file beside this one"
    if not file.builtin and path.resolve() == Path(file.called).resolve():
        return "a study cannot include itself"
    return None


def _misplaced(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Keys at the top that are none, and keys of the top inside a table."""
    for key in document:
        if key not in (*HEAD, *TABLES):
            yield unknown_key((key,), (*HEAD, *TABLES))
    for table in TABLES:
        inside = document.get(table)
        for key in HEAD[1:]:  # conditions have names of their own
            if isinstance(inside, dict) and key in inside:
                yield Mistake(
                    (table, key),
                    "unknown key. It belongs at the top of the file, above the first [table]",
                    shows=False,
                )
