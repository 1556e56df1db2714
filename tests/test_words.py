"""What a user reads is plain English: phrases that readers stumbled over stay out of it.

Oracle: the table in CONTRIBUTING's terms, here as patterns with what to write instead. The list is
short on purpose; a phrase enters it when a reader stumbles. Stored words (a verdict, the reason of
a row) are data and are not tested.
"""

import inspect
import re
from pathlib import Path

import pytest

from primacy.cli.app import app, main
from primacy.registry import measures

ROOT = Path(__file__).parent.parent

BANNED = {
    r"\blanes?\b": "network, or run",
    r"\bnull columns?\b": "control columns",
    r"\bnull directions?\b": "control directions",
    r"\bthe word of (a|the) verdict\b": "the verdict",
    r"\bcourses? of training\b": "learning curves",
    r"\blearn(s|ed)? by heart\b|\bby heart\b": "memorizes",
    r"\b(says?|tells?) the (answer|label) equally well\b": "predicts the label equally well",
    r"\btell the answer\b": "predict the label",
    r"\bown generators?\b": "a separate generator",
    r"\b(every|each) look\b": "every evaluation",
    r"^of sgd\b|\(of sgd\b|\bof sgd[.;:]": "used by SGD only",
    r"\bknown answers? hit\b|\bhits? a known answer\b": "known results reproduced",
    r"\bso far from chance\b": "this fraction of the way from chance",
    r"\ba (row|curve) a (lane|network|seed)\b": "one row per network",
    r"\ba worker a core\b": "one worker per core",
}
QUOTED = "log.md", "mutants.md"
"""Pages of numbers and of quoted source."""
PROSE = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name not in QUOTED),
    *sorted((ROOT / "primacy" / "studies").glob("*.toml")),
    *sorted((ROOT / "examples").glob("*.toml")),
    *sorted((ROOT / "primacy" / "report" / "page").glob("*.html")),
]
COMMANDS = sorted(name for name in app if not name.startswith("-"))


def banned(text: str) -> list[str]:
    """Each banned phrase of a text, with the line's own words and what to write instead."""
    flat = " ".join(re.sub(r"^\s*#", "", line) for line in text.splitlines())
    flat = " ".join(flat.split())
    return [
        f"{flat[max(found.start() - 40, 0) : found.end() + 40]!r}: write {better!r}"
        for pattern, better in BANNED.items()
        for found in re.finditer(pattern, flat, re.I)
    ]


def shown(html: str) -> str:
    """What a template shows: without its tags and instructions."""
    return re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", " ", html, flags=re.S)


@pytest.mark.parametrize("path", PROSE, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_users_read(path):
    text = path.read_text()
    assert banned(shown(text) if path.suffix == ".html" else text) == []


def test_cards():
    measures.load()
    for card in measures.values():
        text = f"{inspect.getdoc(card.function)} {card.formula} {card.misleads} {card.unit}"
        assert banned(text) == [], card.name


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "Usage" in text
    assert banned(re.sub(r"[│╭╮╰╯─]", " ", text)) == []


def test_the_list_finds_what_it_is_for():
    for phrase in ("Each\nlane ends", "# Two features say the answer equally\n# well", "Of SGD."):
        assert len(banned(phrase)) == 1
    assert banned("The network memorizes; every plane has control columns. SGD of course.") == []
