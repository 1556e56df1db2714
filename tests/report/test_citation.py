"""How to cite a study: BibTeX that BibTeX can read, whatever the study is called."""

import dataclasses
import re

from primacy.report.page.citation import bibtex
from tests.support.pages import HOSTILE, PROVENANCE, made


def entries(text):
    """Entries by key, as BibTeX reads them: braces are counted."""
    found = {}
    for kind, key, start in ((m[1], m[2], m.end()) for m in re.finditer(r"@(\w+)\{([^,]+),", text)):
        depth, at = 1, start
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0) * (text[at - 1] != "\\")
            at += 1
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", text[start : at - 1], re.M)
        found[key] = {"kind": kind, **dict(fields)}
    return found


def test_program_and_study_are_cited_with_version_and_hash():
    found = entries(bibtex(made(6).record, PROVENANCE))
    assert found["primacy"]["kind"] == "software" and found["primacy"]["version"] == "0.1.0"
    study = found["primacy-complexity"]
    assert study["title"].startswith("{Is a simple feature learned sooner")
    assert "ab" * 32 in study["note"] and "6 seeds" in study["note"]
    assert "not complete" not in study["note"]
    assert "not complete" in bibtex(made(6).record, PROVENANCE | {"complete": False})


def test_a_name_cannot_end_an_entry():
    hostile = dataclasses.replace(made(6).record, name="a},@misc{b", question=f"100% {{{HOSTILE}")
    found = entries(bibtex(hostile, PROVENANCE))
    assert set(found) == {"primacy", "primacy-a-misc-b"}
    assert r"100\% \{" in found["primacy-a-misc-b"]["title"]


def test_the_page_has_both_to_copy():
    page = made(6).page()
    assert 'id="cite"' in page and "@misc{primacy-complexity," in page
    for what in ("bibtex", "methods-text"):
        # The element, and the script's button for it.
        assert f'id="{what}"' in page and f'["{what}","Copythe' in re.sub(r"\s", "", page)
