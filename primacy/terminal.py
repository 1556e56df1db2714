"""How results look in a terminal.

Names that a user chose are data: they are shown as text, never as markup, and control characters
are shown escaped.
"""

import unicodedata
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from primacy.verdicts import Verdict

STYLES = {
    "supported": ("✔", "bold green"),
    "contradicted": ("✘", "bold red"),
    "no effect": ("=", "bold blue"),
    "inconclusive": ("?", "yellow"),
    "untestable": ("–", "dim"),
}


def plain(text: str) -> Text:
    """A name as text, with control and direction characters shown escaped."""
    shown = (
        c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode()
        for c in text
    )
    return Text("".join(shown))


def number(value: float | None) -> str:
    """Three digits, or a dash for null."""
    return "–" if value is None else f"{value:.3g}"


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """A line a hypothesis."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("claim", min_width=20)
    table.add_column("verdict", no_wrap=True)
    table.add_column("effect [95 % interval]", min_width=22)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("p (Holm)", justify="right", no_wrap=True)
    for verdict in verdicts:
        symbol, style = STYLES[verdict.word]
        word = Text(f"{symbol} {verdict.word}", style=style)
        for flag in verdict.flags:
            word.append(f"\n  {flag}", style="dim")
        effect = Text(number(verdict.value))
        if verdict.low is not None and verdict.high is not None:
            effect.append(f" [{number(verdict.low)}, {number(verdict.high)}]")
        if verdict.value is not None:
            effect.append(f"\n{verdict.unit}", style="dim")
        table.add_row(
            plain(verdict.claim), word, effect, str(verdict.pairs), number(verdict.p_holm)
        )
    return table
