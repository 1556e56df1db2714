"""How to cite a study and the program, as BibTeX. The methods to paste are in `methods`."""

import re
from collections.abc import Mapping
from typing import Any

from primacy.errors import counted
from primacy.records.study import StudyRecord
from primacy.report.page.tex import escaped

TITLE = "primacy: which features a neural network learns first, represents, and uses"
AUTHOR = "The primacy developers"


def bibtex(record: StudyRecord, provenance: Mapping[str, Any]) -> str:
    """Two entries: the program in the version that was used, and the study by its hash.

    Args:
        record: the study.
        provenance: versions, hash, complete.
    """
    versions = {**record.versions, **dict(provenance.get("versions") or {})}
    version = str(versions.get("primacy", ""))
    hashed = str(provenance.get("hash") or record.study_hash)
    name = re.sub(r"[^A-Za-z0-9-]+", "-", record.name).strip("-") or "study"
    size = f"{counted(len(record.seeds), 'seed')}, {counted(len(record.conditions), 'condition')}"
    note = f"{size}; SHA-256 {hashed}"
    if not provenance.get("complete", True):
        note += "; not complete"
    program = {"title": f"{{{escaped(TITLE)}}}", "author": f"{{{AUTHOR}}}"}
    program |= {"version": escaped(version)} if version else {}
    by = f"Study {escaped(record.name)}, run with primacy {escaped(version)}".strip()
    study = {
        "title": f"{{{escaped(record.question or record.name)}}}",
        "howpublished": by,
        "note": escaped(note),
    }
    return f"{_entry('software', 'primacy', program)}\n{_entry('misc', f'primacy-{name}', study)}"


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])
