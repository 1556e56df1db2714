"""Where one side was not always learned the value is a bound, and everything shown says so.

Oracle: times written by hand. The mean of times cut at tau is below that of the true times, which
are known here, so a ratio over a side that was always learned is below the true one.
"""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from simulated_studies import claim, planted, reached

from primacy.analysis.notebook import verdict_row
from primacy.analysis.verdicts import from_json, judge, to_json
from primacy.report import export
from primacy.report.page import judged, questions, wording
from primacy.report.terminal import verdict_table

TAU = 3_700
"""Of 40 evaluations 100 steps apart, confirmed by 3."""
SIDES = {"of": {"feature": "f0", "condition": "c0"}, "minus": {"feature": "f0", "condition": "c1"}}
QUICK, SLOW = np.full(12, 100.0), np.concatenate([np.full(8, 3_000.0), np.full(4, 90_000.0)])


def judged_pair(of, minus, scale="ratio"):
    curve = reached(np.stack([of, minus])[:, :, None], 40)
    asked = {"measure": "time_to_learn", "scale": scale, **SIDES}
    h = dataclasses.replace(claim("less", 0.0, **asked), id="claim", claim="quick is sooner")
    record, curves, lanes = planted(0.5 + 0.5 * curve, "accuracy", hypotheses=(h,))
    (found,) = judge(curves, lanes, record)
    return record, found


@pytest.mark.parametrize(
    ("of", "minus", "bound"),
    [
        (SLOW, QUICK, ">"),
        (QUICK, SLOW, "<"),
        (QUICK, QUICK, None),
        (SLOW, SLOW[::-1], None),  # both are cut, which may cancel
    ],
)
@pytest.mark.parametrize("scale", ["ratio", "difference"])
def test_the_side_of_the_true_value_is_known_where_one_side_is_cut(of, minus, bound, scale):
    _, found = judged_pair(of, minus, scale)
    assert found.bound == bound
    true = of.mean() / minus.mean() if scale == "ratio" else of.mean() - minus.mean()
    if bound:
        assert true > found.value if bound == ">" else true < found.value
        which = "first" if bound == ">" else "second"
        where = "above" if bound == ">" else "below"
        assert f"the {which} side was not reached in 4 of 12" in found.why
        assert f"the true value is {where} {found.value:.3g}" in found.why
    assert from_json(to_json([found])) == [found]


def test_page_terminal_notebook_and_paper_show_the_sign():
    record, found = judged_pair(SLOW, QUICK)
    shown = np.minimum(SLOW, TAU).mean() / 100
    assert found.value == pytest.approx(shown) and f"{shown:.3g}" == "32.3"
    assert judged._effect(found) == "> 32 times later"
    assert questions.measured(found, record).startswith("> 32 times later")
    text = io.StringIO()
    Console(file=text, width=100).print(verdict_table([found]))
    assert "> 32.3" in text.getvalue()
    assert verdict_row(found)[2] == "> 32.3 ratio"
    assert export._effect(found).startswith("$>$32.3")
    _, sooner = judged_pair(QUICK, SLOW)
    assert judged._effect(sooner) == "> 32 times sooner"


def test_a_bound_on_the_other_side_of_one_turns():
    told = {
        (44.8, ">"): "> 45 times later",
        (0.0223, "<"): "> 45 times sooner",
        (0.5, ">"): "< 2 times sooner",
        (2.0, "<"): "< 2 times later",
        (1.0, ">"): "> 1 times as long",
        (2.0, None): "2 times later",
    }
    found = {(x, b): wording.ratio(x, times=True, bound=b) for x, b in told}
    assert found == told
