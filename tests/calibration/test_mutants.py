"""Mutants of the instrument; oracle: a calibration that cannot notice would find nothing."""

import json
import subprocess
import sys

import pytest

from primacy.calibration import mutants
from primacy.calibration.mutants import MUTANTS, Mutant, Outcome
from primacy.cli.app import main

# The cheapest of each kind; `primacy calibrate --mutants` runs all.
FEW = ("a lucky moment counts as learned", "p is one-sided", "a margin is not looked at")


@pytest.mark.parametrize("name", FEW)
def test_the_case_that_should_notices(name):
    found = mutants._in_own_process(name)
    assert found.case == MUTANTS[name].likely and found.quantity


EACH = """\
import os
from primacy import calibration
from primacy.calibration import mutants
from primacy.registry import measures, models, tasks

for registry in (tasks, models, measures, calibration.cases):
    registry.load()
for own in mutants.known().values():
    child = os.fork()  # nothing puts back what a mutant replaces
    if not child:
        own.apply()
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(own.name)
"""


def test_every_mutant_finds_what_it_breaks():
    asked = [sys.executable, "-W", "ignore", "-c", EACH]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(mutants.known()), done.stderr


def test_a_mutant_that_changes_nothing_is_not_noticed(monkeypatch):
    monkeypatch.setitem(MUTANTS, "nothing", Mutant("nothing", "exact probabilities", lambda: None))
    from primacy import calibration

    cases = calibration.cases.load()
    monkeypatch.setattr(
        calibration,
        "cases",
        type("One", (dict,), {"load": lambda self: self})(
            {"exact probabilities": cases["exact probabilities"]}
        ),
    )
    assert mutants.noticed("nothing") == Outcome("nothing", None, None)


def test_the_command_fails_if_one_goes_unnoticed(monkeypatch, capsys):
    def made(told):
        found = [Outcome("a", "case", "answer"), Outcome("b", None, None)]
        for outcome in found:
            told(outcome)
        return found

    monkeypatch.setattr(mutants, "outcomes", made)
    for words in (["--json"], []):
        with pytest.raises(SystemExit) as ended:
            main(["calibrate", "--mutants", *words])
        assert ended.value.code == 1
        out = capsys.readouterr()
        assert "NOT NOTICED: b" in out.err
        if words:
            assert [o["case"] for o in json.loads(out.out)] == ["case", None]
        else:
            assert "1 of 2 mutants noticed" in out.out
