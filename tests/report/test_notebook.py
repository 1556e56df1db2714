"""What results show of themselves in a notebook: HTML that loads nothing, and names as text.

Oracle: Python's parser of HTML, of XML for drawings; the numbers are those of the tables.
"""

import dataclasses
from html.parser import HTMLParser

import pytest

import primacy
from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.engine.run import run
from primacy.records.study import Contrast
from primacy.report import notebook
from tests.support import tiny
from tests.support.pages import HOSTILE, copied, made


class Seen(HTMLParser):
    """The tags, attributes and texts of a piece of HTML; every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


ALLOWED = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption",
           "svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clippath",
           "style"}  # fmt: skip


def checked(html):
    """What it shows, if it loads and runs nothing."""
    seen = Seen(html)
    assert set(seen.tags) <= ALLOWED
    for name, value in seen.attributes:
        assert not name.startswith("on") and name not in ("src", "href")
        assert "url(" not in (value or "").replace("url(#", "")
    return seen


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook") / "run"
    return run(tiny.study(seeds=2, controls="none", measures=("accuracy",)), folder)


def test_a_run_shows_its_question_answer_verdicts_and_race(result):
    seen = checked(result._repr_html_())
    assert {"Is it quick?", result.answer} <= set(seen.texts)
    assert "2 of 2 networks" in seen.text and "linear is learned before xor_and_or" in seen.text
    assert "svg" in seen.tags and "untestable" in seen.text


def test_a_study_shows_what_it_would_train():
    study = primacy.Study(
        name="mine", question="Which <first>?", task={"kind": "boolean"}, model={"kind": "mlp"},
        training={"epochs": 2}, seeds=3,
        hypotheses=[{"id": "h", "claim": HOSTILE, "measure": "time_to_learn", "expect": "less",
                     "of": {"feature": "linear"}, "minus": {"feature": "xor_xor_xor"}}],
    )  # fmt: skip
    seen = checked(study._repr_html_())
    assert "Which <first>?" in seen.texts and HOSTILE in seen.texts and "mine" in seen.texts
    assert "3 and controls: default" in seen.text


def test_a_verdict_and_an_estimate_show_their_numbers():
    study = made(7)
    verdict = study.verdicts[1]
    seen = checked(dataclasses.replace(verdict, claim=HOSTILE, why="\u202e")._repr_html_())
    assert HOSTILE in seen.texts and r"\u202e" in seen.texts
    assert f"{verdict.value:.3g} {verdict.unit}" in seen.texts and "7 of 7" in seen.texts
    contrast = Contrast(measure="reliance", of={"feature": "linear"})
    found = estimate(Runs(study.curves, study.lanes, study.record), contrast)
    assert f"{found.value:.3g} {found.unit}" in checked(found._repr_html_()).texts


def test_a_figure_is_a_drawing_on_white_with_its_caption(result):
    figure = result.figures()["race-log"]
    seen = checked(figure._repr_html_())
    assert figure.caption in seen.texts and ("fill", "white") in seen.attributes
    bundle = figure._repr_mimebundle_()
    assert {"image/svg+xml", "text/plain"} <= set(bundle)


def test_hostile_names_stay_text():
    study = copied(made(6, evaluations=12), HOSTILE, "b")
    shown = notebook.run_html(
        study.record, study.answer, study.verdicts, {}, trained=3, page=HOSTILE
    )
    seen = checked(shown)
    assert HOSTILE in seen.text and "Everything here may change" in seen.text
