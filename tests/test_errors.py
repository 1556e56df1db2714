"""Hidden characters are escaped alike wherever text is shown."""

from primacy.errors import shown
from primacy.report import export
from primacy.report.page.figures import visible
from primacy.report.terminal import plain

HIDING = "a\x1b[31m\u202eb\u200b\u2028\ud800c"
ESCAPED = r"a\u001b[31m\u202eb\u200b\u2028\ud800c"


def test_page_terminal_and_errors_escape_the_same_characters():
    # Oracle: the code points, written out.
    assert shown(HIDING) == visible(HIDING) == plain(HIDING).plain == ESCAPED
    assert r"\u202e" in export.escaped(HIDING).replace(r"\textbackslash{}", "\\")


def test_only_the_page_keeps_line_breaks_and_tabs():
    assert visible("a\n\tb") == "a\n\tb"
    assert shown("a\n\tb") == plain("a\n\tb").plain == r"a\u000a\u0009b"


def test_what_can_be_seen_is_left_alone():
    assert shown("naïve ☃ {x}") == "naïve ☃ {x}"
