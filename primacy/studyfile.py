"""Study files: TOML -> Study, with every mistake at once, where it stands and how to mend it.

What a file says is data: nothing in it is executed, and its only path is that of the examples.
"""

import dataclasses
import re
import stat
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from primacy.describe import describe
from primacy.grammar import tomllines
from primacy.grammar.claims import Claim, Name, read_claims, unknown_measures
from primacy.grammar.conditions import read_conditions
from primacy.grammar.grid import PARTS
from primacy.grammar.mistakes import Mistake, checked, fail, unknown_key
from primacy.grammar.tomldocument import override, parsed, unusable
from primacy.problems import StudyError as StudyError  # what `read` raises
from primacy.problems import refuse
from primacy.registry import closest, models, tasks
from primacy.study import SEED_AXES, SeedAxis, Study, Training
from primacy.verdicts import problems

LARGEST = 1_000_000
"""Bytes of a study file."""
MOST_SEEDS = 1_000_000

TABLES = (*PARTS, "grid", "condition", "hypothesis")


def _folder_name(text: str) -> str:
    # The run folder is called after the study, on any system.
    device = r"(?i:con|prn|aux|nul|com\d|lpt\d)(\..*)?"
    if not re.fullmatch(r"\w([\w. -]*[\w-])?", text) or re.fullmatch(device, text):
        raise ValueError("the run folder is named after it: use letters, digits, - and _")
    return text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """The keys at the top of a study file."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    name: Annotated[Name, AfterValidator(_folder_name)]
    """What the study is called; the run folder too. Left out: what the file is called."""
    question: str = ""
    """What it is to answer, in a sentence."""
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = 30
    """How many networks are trained in every condition."""
    seed_axes: Annotated[tuple[SeedAxis, ...], Field(min_length=1)] = SEED_AXES
    """What differs between seeds."""
    measures: tuple[Name, ...] = ()
    """What is measured; left out: all."""


HEAD = tuple(field.name for field in dataclasses.fields(Head))


def read(name_or_path: str, *, overrides: Mapping[str, str] | Sequence[str] = ()) -> Study:
    """The built-in study of that name, or that of a file (its name ends in `.toml`).

    Args:
        name_or_path: `complexity`, or `mine.toml`.
        overrides: `training.learning_rate=3e-3`, or a mapping of dotted key to value. The value
            is read as TOML, and a bare word as text.

    Raises:
        StudyError: anything is wrong; it lists all that is.
    """
    file, folder, source = _source(name_or_path)
    # NFC, so that a name is the same however its accents were typed.
    text = unicodedata.normalize("NFC", source)
    document = parsed(text, file)
    overridden, mistakes = override(document, overrides)
    mistakes += unusable(document)
    mistakes += _misplaced(document)

    given = {key: document[key] for key in HEAD if key in document}
    head, wrong = checked(Head, {"name": Path(file).stem} | given, ())
    mistakes += wrong
    listed = given.get("measures", [])
    measured = [m for m in listed if isinstance(m, str)] if isinstance(listed, list) else []
    mistakes += unknown_measures(measured)
    conditions, factors, wrong = read_conditions(document, folder)
    mistakes += wrong
    hypotheses, wrong = read_claims(document.get("hypothesis", []), measured)
    mistakes += wrong
    def stop_at(found: list[Mistake]) -> NoReturn:
        lines = tomllines.locate(text)
        fail(found, file=file, document=document, lines=lines, overridden=overridden)

    if mistakes or head is None:
        stop_at(mistakes)
    study = Study(
        name=head.name,
        question=head.question,
        conditions=conditions,
        factors=factors,
        measures=head.measures,
        hypotheses=hypotheses,
        seeds=head.seeds,
        seed_axes=head.seed_axes,
        source=source,
    )
    # Whether a claim selects what the study will hold is known once all the rest is right.
    record = describe(study)
    if mistakes := [
        _placed(message, i)
        for i, hypothesis in enumerate(study.hypotheses)
        for message in problems(record, hypothesis)
    ]:
        stop_at(mistakes)
    return study


def _placed(message: str, hypothesis: int) -> Mistake:
    """A message of `verdicts.problems`, which begins with its key, at that key of the file."""
    place, value, why = re.fullmatch(r"([\w.]+)( = .*?)?: (.*)", message, re.S).groups()  # type: ignore[union-attr]
    return Mistake(("hypothesis", hypothesis, *place.split(".", 1)), why, shows=value is not None)


def builtin() -> dict[str, str]:
    """The question of each built-in study, by name."""
    return {
        name: tomllib.loads(file.read_text("utf-8"))["question"]
        for name, file in sorted(_builtin_files().items())
    }


def text(name: str) -> str:
    """The commented TOML of a built-in study.

    Raises:
        StudyError: there is none of that name.
    """
    files = _builtin_files()
    if name not in files:
        known = ", ".join(sorted(files))
        hint = closest(name, files)
        own = f"; a file of your own is called with its ending: {name}.toml"
        own = own if Path(f"{name}.toml").is_file() else "; a file's name ends in .toml"
        refuse(name, f"no built-in study has this name.{hint} There are: {known}{own}")
    return files[name].read_text("utf-8")


def schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of study files, by which editors complete and check them."""
    kinds = {"task": tasks.load(), "model": models.load()}
    keys: list[Any] = [
        (part, "validation", TypeAdapter(cls))
        for part, cls in (("head", Head), ("training", Training), ("hypothesis", Claim))
    ]
    for part, registry in kinds.items():
        keys += [
            (f"{part} {kind}", "validation", TypeAdapter(cls)) for kind, cls in registry.items()
        ]
    found, definitions = TypeAdapter.json_schemas(keys)
    schemas = {key: found[key, "validation"] for key, _, _ in keys}
    defined = definitions.get("$defs", {})

    def resolved(key: str) -> dict[str, Any]:
        reference = schemas[key].get("$ref")
        return dict(defined[reference.rsplit("/", 1)[-1]] if reference else schemas[key])

    head, training = resolved("head"), resolved("training")
    parts: dict[str, Any] = {"training": training}
    for part, registry in kinds.items():
        options = []
        for kind in registry:
            own = resolved(f"{part} {kind}")
            own["properties"] = {"kind": {"const": kind}} | own["properties"]
            own["required"] = ["kind", *own.get("required", [])]
            options.append(own)
        parts[part] = {"oneOf": options}
    # An overlay or a grid names a few keys of any kind; what they must be is checked when read.
    overlay = {part: {"type": "object"} for part in PARTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "primacy study",
        "type": "object",
        "properties": head["properties"]
        | {part: parts[part] for part in PARTS}
        | {
            "grid": {
                "type": "object",
                "description": "Dotted keys and the values they take; every combination is run.",
            },
            "condition": {
                "type": "array",
                "description": "Named conditions, laid over the defaults.",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}} | overlay,
                    "required": ["name"],
                    "additionalProperties": False,
                },
            },
            "hypothesis": {"type": "array", "items": resolved("hypothesis")},
        },
        "additionalProperties": False,
        "$defs": defined,
    }


def _builtin_files() -> dict[str, Any]:
    folder = resources.files("primacy") / "studies"
    return {f.name[:-5]: f for f in folder.iterdir() if f.name.endswith(".toml")}


def _source(name_or_path: str) -> tuple[str, Path, str]:
    """What the file is called, its folder and its text."""
    if not name_or_path.endswith(".toml"):
        return f"{name_or_path}.toml", Path(), text(name_or_path)
    path = Path(name_or_path)
    why, data = None, b""
    try:
        if path.is_dir():
            why = "a folder; a study is one TOML file"
        elif not stat.S_ISREG(path.stat().st_mode):
            why = "not a regular file"  # a pipe or a device may never end
        else:
            with path.open("rb") as opened:
                data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        cure = "`primacy init complexity --out FILE` writes one to start from"
        if path.stem in _builtin_files():
            cure = f"The built-in study is called without .toml: {path.stem}"
        why = f"no such file. {cure}"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if why:
        refuse(name_or_path, why)
    if len(data) > LARGEST:
        refuse(name_or_path, f"larger than {LARGEST:,} bytes: not a study file")
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        refuse(name_or_path, "not UTF-8 text: save the file as UTF-8", line)
    return name_or_path, path.parent, source


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
