"""Where the text of a study comes from: a built-in one by name, or a file."""

import stat
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from primacy.errors import refuse
from primacy.registry import closest

LARGEST = 1_000_000
"""Bytes of a study file."""


def builtin() -> dict[str, str]:
    """The question of each built-in study, and which others it includes, by name."""
    found = {}
    for name, file in sorted(builtin_files().items()):
        document = tomllib.loads(file.read_text("utf-8"))
        included = ", ".join(document.get("include", []))
        found[name] = document["question"] + (f" (includes {included})" if included else "")
    return found


def groups() -> dict[str, tuple[str, ...]]:
    """The names of the built-in studies as a reader wants them: alone, then by what includes them.

    By group: `""` for those that no study includes, else the including study, which comes first in
    its own group. A study that several include is in the first of these groups.
    """
    documents = {
        name: tomllib.loads(file.read_text("utf-8")) for name, file in builtin_files().items()
    }
    found: dict[str, tuple[str, ...]] = {}
    placed: set[str] = set()
    for name in sorted(documents):
        if members := documents[name].get("include"):
            found[name] = (name, *(m for m in members if m not in placed))
            placed |= {name, *members}
    return {"": tuple(sorted(documents.keys() - placed))} | found


def text(name: str) -> str:
    """The commented TOML of a built-in study.

    Raises:
        StudyError: there is none of that name.
    """
    files = builtin_files()
    if name not in files:
        known = ", ".join(sorted(files))
        hint = closest(name, files)
        own = f"; a file of your own is called with its ending: {name}.toml"
        own = own if Path(f"{name}.toml").is_file() else "; a file's name ends in .toml"
        refuse(name, f"no built-in study has this name.{hint} There are: {known}{own}")
    return files[name].read_text("utf-8")


def builtin_files() -> dict[str, Any]:
    """The built-in study files by name."""
    folder = resources.files("primacy") / "studies"
    return {f.name[:-5]: f for f in folder.iterdir() if f.name.endswith(".toml")}


def source_of(name_or_path: str) -> tuple[str, Path, str]:
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
        if path.stem in builtin_files():
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
