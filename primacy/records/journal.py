"""`journal.jsonl`: the parts that were committed since the manifest was last written.

To commit a block is to append one line here, whatever the folder holds already; the manifest,
whose length grows with the run, is rewritten when a writer begins and ends (`Store.locked`). A
journal is therefore there only while a run is in progress or after it was killed, and a finished
folder has the same bytes whatever order its blocks were committed in. One file with a line for
each part rather than a receipt file for each: a line costs one fsync, a file two and a rename, and
a reader opens one file instead of thousands.

A line is the SHA-256 of its text, a blank, and the text: a JSON object with the part's name and
what the manifest says of it. Every line before the last was followed by an fsync that succeeded, so
only the last can be torn; it is then no part, as if the crash had come before it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primacy.records import files, formats, manifest
from primacy.records.tables import sha256

JOURNAL = "journal.jsonl"


def line(name: str, part: Mapping[str, Any]) -> bytes:
    """A part as a line."""
    text = json.dumps({"name": name, "part": part}).encode()
    return f"{sha256(text)} ".encode() + text + b"\n"


def parts(content: bytes) -> dict[str, Any]:
    """Parts by name; a last line that is torn is left out.

    Raises:
        ValueError: another line is not as it was written.
    """
    lines = content.splitlines(keepends=True)
    found = {}
    for number, own in enumerate(lines, 1):
        hashed, _, text = own.removesuffix(b"\n").partition(b" ")
        if not own.endswith(b"\n") or sha256(text).encode() != hashed:
            if number == len(lines):
                break
            raise ValueError(f"line {number} is not as it was written")
        try:
            value = formats.json_value(text)
            name, part = value["name"], value["part"]
            manifest.check(name, part)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number}: {type(error).__name__}: {error}") from None
        found[name] = part
    return found


def append(path: Path, own: bytes) -> None:
    """Add a line, and wait until it is on disk.

    What an append that failed left of its line is cut off first.
    """
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                end = file.read().rfind(b"\n") + 1
                file.truncate(end)
        file.write(own)
        file.flush()
        os.fsync(file.fileno())
    if not end:
        files.sync(path.parent)
