"""Known answers: what counts as hit, what is kept and cited, and that ours are hit here.

Oracles: the cases' own (closed forms and papers; each row names it). What the certificate, the
page and the command say of them is checked on made-up rows.
"""

import dataclasses
import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from primacy import calibration
from primacy.calibration import Case, Check, Curve, carry_out
from primacy.calibration.linear_flow import TASKS, flow
from primacy.cli import app
from primacy.records import certificate
from primacy.report.page.certificate import DOTS, drawings, page

NAN, INFINITY = float("nan"), float("inf")
OURS = (
    "circle",
    "control path",
    "controls",
    "counted",
    "credit",
    "description length",
    "exact probabilities",
    "hand-written curves",
    "held out",
    "leaky pipeline",
    "linear flow",
    "planted representations",
    "pushes along a direction",
    "shared task",
    "simulated studies",
    "staircase",
    "two solutions of XOR",
)
VERSIONS = {"primacy": "0.1.0", "jax": "0.10.2"}


def row(measured=1.0, **changes):
    told = {"quantity": "q", "expected": 1.0, "tolerance": 0.1, "case": "c", "reference": "r"}
    return Check(measured=measured, **{**told, **changes})


def case_of(*findings, name="made", full=False):
    return Case(
        name=name, function=lambda: list(findings), title="Made up", reference="us", full=full
    )


def made(*checks, **changes):
    told = {"versions": VERSIONS, "device": "cpu (cpu)", "date": "2026-01-02", "full": False,
            "seconds": 3.0, "checks": checks or (row(), row(1.2))}  # fmt: skip
    return certificate.Certificate(**{**told, **changes})


@functools.cache
def ours(name):
    """What a registered case finds; carried out once."""
    return carry_out(calibration.cases.load()[name])


class Few(dict):
    """Stands for the registry of cases."""

    def load(self):
        return self


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "primacy"


def called(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        app.main([str(word) for word in words])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


# What is a hit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        (row(1.0), True),
        (row(1.125, tolerance=0.125), True),
        (row(1.126, tolerance=0.125), False),
        (row(0.874, tolerance=0.125), False),
        (row(110.0, expected=100.0, relative=True), True),
        (row(110.1, expected=100.0, relative=True), False),
        (row(-110.1, expected=-100.0, relative=True), False),
        (row(-100.5, expected=-100.0, relative=True), True),
        (row(0.0, expected=0.0, tolerance=0.0), True),
        (row(1e-9, expected=0.0, tolerance=0.5, relative=True), False),
        (row(None), False),
        (row(NAN), False),
        (row(INFINITY, tolerance=INFINITY), False),
        (row(None, tolerance=INFINITY), False),
        (row(1.0, tolerance=NAN), False),
        (row(1.0, expected=NAN), False),
    ],
)
def test_a_hit_is_within_the_tolerance_and_a_missing_number_is_none(check, passed):
    assert check.passed is passed


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(0.1, 1e3))
def test_relative_tolerance_is_the_absolute_one_in_units_of_the_expected(x, y, tolerance, unit):
    """Rescaling everything changes nothing for a relative tolerance, where rounding is not near."""
    check = row(x, expected=y, tolerance=tolerance, relative=True)
    edge = abs(abs(x - y) - tolerance * abs(y))
    if edge > 1e-6 * (1 + abs(x) + abs(y) * (1 + tolerance)):
        scaled = dataclasses.replace(check, measured=unit * x, expected=unit * y)
        assert scaled.passed == check.passed
        absolute = row(x, expected=y, tolerance=tolerance * abs(y))
        assert absolute.passed == check.passed


# Cases -----------------------------------------------------------------------------------------


def test_a_case_names_its_checks_and_lends_its_reference():
    curve = Curve(
        chart="A", label="b", x=(0.0,), measured=(1.0,), formula=(1.0,), x_label="t", y_label="w"
    )
    own = row(case="", reference="mine")
    checks, curves = carry_out(case_of(row(NAN, case="", reference=""), curve, own))
    assert [c.case for c in (*checks, *curves)] == ["made"] * 3
    assert [c.reference for c in checks] == ["us", "mine"]
    assert checks[0].measured is None and not checks[0].passed


def test_a_case_that_checks_nothing_is_refused():
    with pytest.raises(ValueError, match="checks nothing"):
        carry_out(case_of())


def test_two_cases_of_one_name_are_refused():
    calibration.cases.load()
    with pytest.raises(ValueError, match="already registered"):
        calibration.case("linear flow", title="again", reference="")(lambda: [])


@pytest.mark.parametrize("name", OURS)
def test_known_answers_are_hit(name):
    checks, curves = ours(name)
    assert [c.quantity for c in checks if not c.passed] == []
    assert len({c.quantity for c in checks}) == len(checks)
    for curve in curves:
        assert len(curve.x) == len(curve.measured) == len(curve.formula) > 50


def test_the_flow_is_the_matrix_exponential():
    """Oracle: SciPy's, for a second-moment matrix whose eigenvectors are no axes."""
    own = flow(TASKS["(y + N/5, M, y - M)"])
    times = np.array([0.0, 0.3, 2.0, 40.0])
    expected = [own.best - expm(-2 * own.second * t) @ own.best for t in times]
    np.testing.assert_allclose(own.weights(times), expected, atol=1e-9)
    for i in (1, 2):
        half = expm(-2 * own.second * own.half_time(i)) @ own.best
        assert (own.best - half)[i] == pytest.approx(own.best[i] / 2, rel=1e-6)


def test_measures_that_cases_name_are_registered():
    from primacy.registry import measures

    checks, _ = ours("planted representations")
    named = {name for check in checks for name in check.measures}
    assert named <= measures.load().keys()
    assert {"variance_explained", "dead_units", "participation_ratio"} <= named


# The certificate -------------------------------------------------------------------------------


def test_the_file_gives_back_what_was_written():
    whole = made(row(measures=("accuracy",)), row(None, relative=True))
    assert certificate.from_json(certificate.to_json(whole)) == whole


def test_what_the_file_says_of_a_hit_is_not_believed():
    content = json.loads(certificate.to_json(made(row(5.0))))
    assert content["checks"][0]["passed"] is False
    content["checks"][0]["passed"] = True
    assert certificate.from_json(json.dumps(content).encode()).hits == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: b"",
        lambda text: b"[]",
        lambda text: b"\xff\xfe",
        lambda text: text.replace(b'"format": 1', b'"format": 2'),
        lambda text: text.replace(b'"expected": 1.0', b'"expected": "x"'),
        lambda text: text.replace(b'"expected": 1.0', b'"expected": NaN'),
        lambda text: text.replace(b'"device"', b'"devise"'),
        lambda text: text + b" " * certificate.LARGEST,
    ],
)
def test_a_damaged_file_is_no_certificate(home, damage):
    home.mkdir(parents=True)
    text = certificate.to_json(made())
    certificate.place().write_bytes(text)
    assert certificate.read() == made()
    certificate.place().write_bytes(damage(text))
    assert certificate.read() is None


def test_a_report_cites_only_what_was_made_here_with_these_versions():
    def said(held, **changes):
        return certificate.cited(held, {**VERSIONS, **changes}, "cpu (cpu)")

    start = "Calibrated: 1 of 2 known results reproduced with these versions"
    assert said(made()).startswith(start)
    other = said(made(), jax="0.11.0")
    assert "jax 0.10.2, here 0.11.0" in other and "run `primacy calibrate`" in other
    assert "gpu, here cpu" in said(made(device="gpu"))
    assert said(None) == "Not calibrated on this machine: run `primacy calibrate`."
    for text in (other, said(None), said(made(device="gpu"))):
        assert "with these versions" not in text


# The page --------------------------------------------------------------------------------------


def course(chart, label, n=500):
    x = tuple(i / n for i in range(n))
    return Curve(
        chart=chart, label=label, x=x, measured=tuple(v + 0.01 for v in x), formula=x,
        x_label="time", y_label="weight",
    )  # fmt: skip


def test_curves_of_one_chart_are_drawn_together_over_their_formulas():
    found = drawings([course("A", "one"), course("B", "one"), course("A", "two")])
    assert [f.title for f in found] == ["A", "B"]
    assert found[0].frame.height == 1000
    assert found[0].data["formula"].height == 1000
    dots = found[0].data["measured"]
    assert dots.group_by("feature").len()["len"].to_list() == [DOTS, DOTS]
    assert (dots["measured"] - dots["x"]).round(6).unique().to_list() == [0.01]
    assert "<path" in found[0].svg()


def test_the_page_shows_hits_and_misses_and_escapes_text():
    whole = made(row(quantity="<img src=x>"), row(None, case="other"))
    text = page(whole, [course("A </script>", "<b>")])
    assert "1 of 2 known results reproduced" in text
    assert "✘ missed" in text and "✔ hit" in text
    assert "<img" not in text and "&lt;img src=x&gt;" in text
    assert "<b>" not in text and "</script>" not in text
    assert text.count("http://") == text.count("http://www.w3.org/2000/svg")
    assert '<section id="courses">' not in page(made(), [])


# The command -----------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    cases = Few(
        b=case_of(row(measures=("accuracy",)), name="b"),
        a=case_of(row(0.95), course("A", "one"), name="a"),
        slow=case_of(row(7.0), name="slow", full=True),
    )
    monkeypatch.setattr(calibration, "cases", cases)
    return cases


def test_calibrate_prints_rows_and_keeps_the_certificate(capsys, home, few, tmp_path):
    out = tmp_path / "mine.json"
    code, told, progress = called(capsys, "calibrate", "--json", "--out", out)
    assert code == 0
    rows = json.loads(told)
    assert [r["case"] for r in rows] == ["a", "b"] and all(r["passed"] for r in rows)
    assert set(rows[0]) == {"case", "quantity", "expected", "measured", "tolerance", "relative",
                            "passed", "measures", "reference"}  # fmt: skip
    assert progress.count("Made up: 1 of 1") == 2
    held = certificate.read()
    assert held is not None and held.hits == 2 and not held.full
    assert certificate.from_json(out.read_bytes()) == held
    for place in (home / "calibration.html", tmp_path / "mine.html"):
        assert "2 of 2 known results reproduced" in place.read_text()
    assert sorted(p.name for p in home.iterdir()) == ["calibration.html", "calibration.json"]


def test_a_missed_answer_ends_in_exit_code_1(capsys, home, few):
    code, told, _ = called(capsys, "calibrate", "--full")
    assert code == 1
    assert "2 of 3 known answers reproduced" in told and "missed" in told
    held = certificate.read()
    assert held is not None and held.full and held.hits == 2


def test_a_case_that_raises_is_a_missed_row_and_the_others_go_on(capsys, home, few):
    def broken():
        raise ArithmeticError("0 lanes,\n not 1")

    few["broken"] = Case(name="broken", function=broken, title="Broken", reference="us", full=False)
    few["empty"] = case_of(name="empty")
    code, told, progress = called(capsys, "calibrate", "--json")
    assert code == 1
    rows = {r["case"]: r for r in json.loads(told)}
    assert list(rows) == ["a", "b", "broken", "empty"]
    assert rows["a"]["passed"] and rows["b"]["passed"]
    assert rows["broken"]["measured"] is None and not rows["broken"]["passed"]
    assert "ArithmeticError: 0 lanes, not 1" in rows["broken"]["quantity"]
    assert "checks nothing" in rows["empty"]["quantity"] and not rows["empty"]["passed"]
    assert "Broken: 0 of 1" in progress
    held = certificate.read()
    assert held is not None and (held.hits, len(held.checks)) == (2, 4)
    assert "ArithmeticError" in (home / "calibration.html").read_text()


def test_explain_shows_the_rows_of_a_measure(capsys, home, few):
    _, told, _ = called(capsys, "explain", "accuracy")
    assert "not on this machine yet; run `primacy calibrate`" in told
    assert called(capsys, "calibrate", "--json")[0] == 0
    _, told, _ = called(capsys, "explain", "accuracy")
    assert "calibration: 1 of 1 known results reproduced" in told and "b: q: 1, expected 1" in told
    _, told, _ = called(capsys, "explain", "reliance")
    assert "no known answer of its own" in told
    told = json.loads(called(capsys, "explain", "accuracy", "--json")[1])
    assert [r["case"] for r in told["calibration"]] == ["b"]


def test_there_are_at_least_a_dozen_rows_of_our_own():
    quick = [c for c in calibration.cases.load().values() if not c.full]
    assert {c.name for c in quick} >= set(OURS)
    for case in quick:
        assert case.title and case.reference
