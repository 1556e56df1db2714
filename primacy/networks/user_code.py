"""Code that the person who starts the program has named: `my.py:make`. No file can name any."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from primacy.errors import closest, refuse
from primacy.registry import PLUGINS, executed


def function(place: str, otherwise: str | None = None) -> tuple[Callable[..., Any], str]:
    """The function of `FILE.py:NAME`, and the SHA-256 of the file.

    Args:
        place: as it was given.
        otherwise: the name where `place` has none.

    Raises:
        StudyError: there is no such file or function, or the file fails; says in which line.
    """
    text, _, name = place.rpartition(":") if ".py:" in place else (place, "", otherwise or "")
    file = Path(text)
    if not text.endswith(".py") or not name.isidentifier():
        refuse(place, "give it as FILE.py:NAME, the name of a function in that file")
    module = _loaded(file)
    found = getattr(module, name, None)
    if not callable(found):
        names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        refuse(text, f"it has no function {name!r}.{closest(name, names)}")
    return found, PLUGINS[file.name]


def _loaded(file: Path) -> Any:
    """The file as a module, run once; what lies beside it can be imported."""
    name = f"primacy_user_{file.stem}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    with _beside(file):
        return executed(file, name)


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[None]:
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
