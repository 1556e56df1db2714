"""What a study file may say, as a JSON Schema for editors."""

from typing import Any

from pydantic import TypeAdapter

from primacy.registry import models, tasks
from primacy.study.spec import Training
from primacy.study.toml.grid import PARTS
from primacy.study.toml.head import Head
from primacy.study.toml.hypotheses import Claim

_ABOUT = {
    "task": "Where examples come from, with the features that are known in them.",
    "model": "The network that is trained.",
}

_CONDITIONS: dict[str, Any] = {
    "grid": {
        "type": "object",
        "description": "Dotted keys and the values they take; every combination is run.",
    },
    "condition": {
        "type": "array",
        "description": "Named conditions, laid over the defaults.",
        "items": {
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "description": "What the condition is called in tables and plots.",
                },
                **{
                    part: {"type": "object", "description": f"Keys of [{part}] that differ here."}
                    for part in PARTS
                },
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
"""An overlay or a grid names a few keys of any kind; what they must be is checked when read."""


def study_schema() -> dict[str, Any]:
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

    parts: dict[str, Any] = {"training": resolved("training")}
    for part, registry in kinds.items():
        options = [
            _of_kind(kind, resolved(f"{part} {kind}"), cls.__doc__ or "")
            for kind, cls in registry.items()
        ]
        parts[part] = {"description": _ABOUT[part], "oneOf": options}
    hypotheses = {
        "type": "array",
        "description": "Claims, fixed before the runs and judged after them.",
        "items": resolved("hypothesis"),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "primacy study",
        "type": "object",
        "properties": resolved("head")["properties"]
        | {part: parts[part] for part in PARTS}
        | _CONDITIONS
        | {"hypothesis": hypotheses},
        "additionalProperties": False,
        "$defs": defined,
    }


def _of_kind(kind: str, schema: dict[str, Any], documented: str) -> dict[str, Any]:
    """The schema of a task or model, with the kind by which a file asks for it."""
    about = documented.strip().splitlines()[0]
    named = {"kind": {"const": kind, "description": about}}
    return schema | {
        "properties": named | schema["properties"],
        "required": ["kind", *schema.get("required", [])],
    }
