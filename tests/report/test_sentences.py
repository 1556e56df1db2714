"""Sentences that new readers asked for, each where it is read.

Oracle: the reader's own question. Sentences of errors are tested beside what raises them.
"""

import re

import pytest

from primacy.cli import app
from primacy.report import html as report
from primacy.report.page import controls, prose
from tests.support.pages import PROVENANCE, arrays, made


@pytest.fixture(scope="module")
def page():
    """A small study's page, as text."""
    study = made(6)
    whole = report.page(
        study.record, study.curves, study.lanes, study.summary, study.verdicts, PROVENANCE
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", whole))


@pytest.mark.parametrize(
    "sentence",
    [
        "loads nothing from the internet",
        "The unit of replication is one trained network",
        "for a ratio, 1 shows no effect",
    ],
)
def test_the_page_says_it(page, sentence):
    assert sentence in page


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("inspect", "Show one trained network"),
        ("calibrate", "Check this installation against results with known answers"),
        ("run", "Negative-control networks: about 20 % extra work (default), one per network "
                "(full), or none"),
        ("run", "numbers of networks trained side by side"),
    ],
)  # fmt: skip
def test_help_says_it(command, sentence, capsys):
    with pytest.raises(SystemExit):
        app.main([command, "--help"])
    shown = capsys.readouterr().out
    assert sentence in " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())


@pytest.mark.parametrize(
    ("conditions", "start"),
    [
        (2, "In both conditions, fewer than half of the networks learned xor_xor_xor."),
        (3, "In all 3 conditions, fewer than half of the networks learned xor_xor_xor."),
    ],
)
def test_what_was_not_learned_is_said_of_networks(conditions, start):
    rates = (1e-3, 2e-3, 3e-3)[:conditions]
    study = made(4, rates=rates, never=(0, 1, 2))
    assert start in prose.sentences(study.record, study.summary, [], study.curves)


def test_own_data_says_what_first_means_and_what_the_output_relies_on():
    study = arrays(made(6))
    told = " ".join(prose.sentences(study.record, study.summary, [], study.curves))
    assert "90 % of what it costs at the run's own end" in told or (
        "90 % of its value at the run's own end" in told
    )
    assert re.search(r"The output relies (most|about equally) on ", told), told


def test_a_control_says_when_it_fails_and_when_it_is_only_shown():
    rule = controls.rule()
    assert "fails if its score exceeds chance by more than 0.01 and the excess is significant" in (
        rule
    )
    assert "Fewer than six networks are shown and not tested." in rule
