"""Where each key of a TOML text stands: `tomllib` keeps no positions, and errors need them.

For texts that `tomllib` has accepted; it checks nothing itself.
"""

import re
import tomllib

Path = tuple[str | int, ...]
"""A key from the top of the document: names of tables and keys, numbers of list items."""

_BLANK = re.compile(r"[ \t]*+")
_BLANKS = re.compile(r"(?:[ \t\n]++|#[^\n]*+)*+")  # with line ends and comments
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_STRINGS = (
    # A multi-line string may end in one or two quotes of its own, hence up to five.
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*+'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*+"'),
    re.compile(r"'[^'\n]*+'"),
)
_PLAIN = re.compile(r"[^,\]}#\n]*+")  # a number, a date, true or false


def locate(text: str) -> dict[Path, int]:
    """The line, counted from 1, on which each key and each list item of a TOML text begins.

    A table that is only implied (`a` in `[a.b]`) has the line that first implied it; for one that
    is written in several places it is the first.
    """
    return _Scanner(text.replace("\r\n", "\n")).document()


class _Scanner:
    """Walks a text once, noting lines."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}  # how many [[...]] of each path so far
        self.line, self.counted = 1, 0

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self.skip(_BLANKS)
        while self.at < len(self.text):
            if self.take("[["):
                path = self.below((), self.key(), whole=False)
                table = (*path, self.tables.get(path, 0))
                self.tables[path] = self.tables.get(path, 0) + 1
                self.note(table)
                self.take("]]")
            elif self.take("["):
                table = self.below((), self.key())
                self.take("]")
            else:
                self.pair(table)
            self.skip(_BLANKS)
        return self.lines

    def pair(self, table: Path) -> None:
        """`key = value`."""
        path = self.below(table, self.key())
        self.skip(_BLANK)
        self.take("=")
        self.skip(_BLANK)
        self.value(path)

    def key(self) -> list[str]:
        """The parts of a dotted key, unquoted."""
        parts = []
        while True:
            self.skip(_BLANK)
            raw = self.skip(_BARE) or self.string()
            quoted = raw[:1] in ('"', "'")
            parts.append(tomllib.loads(f"key = {raw}")["key"] if quoted else raw)
            self.skip(_BLANK)
            if not self.take("."):
                return parts

    def value(self, path: Path) -> None:
        if self.take("["):
            self.skip(_BLANKS)
            item = 0
            while not self.take("]"):
                self.note((*path, item))
                self.value((*path, item))
                self.skip(_BLANKS)
                self.take(",")
                self.skip(_BLANKS)
                item += 1
        elif self.take("{"):
            self.skip(_BLANKS)
            while not self.take("}"):
                self.pair(path)
                self.skip(_BLANKS)
                self.take(",")
                self.skip(_BLANKS)
        elif not self.string():
            self.skip(_PLAIN)

    def string(self) -> str:
        for pattern in _STRINGS:
            if found := self.skip(pattern):
                return found
        return ""

    def below(self, path: Path, parts: list[str], *, whole: bool = True) -> Path:
        """The path of a dotted key below a table, noting every table it goes through.

        A name of [[tables]] stands for the last one so far, but for the last part when `whole` is
        false: there it is about to begin a new one.
        """
        for i, part in enumerate(parts):
            path = (*path, part)
            self.note(path)
            if path in self.tables and (whole or i < len(parts) - 1):
                path = (*path, self.tables[path] - 1)
        return path

    def note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.lines.setdefault(path, self.line)

    def take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) * found
        return found

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found.group() if found else ""
