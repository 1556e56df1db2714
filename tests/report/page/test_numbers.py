"""The numbers inside the page: packed without loss where it counts, and to a stated limit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primacy.analysis.runs import Runs
from primacy.report.page import document, numbers
from primacy.report.page import pairs as seed_pairs
from tests.support.pages import HOSTILE, Made, copied, joined, made

FLOATS = st.lists(st.floats(width=32) | st.just(float("nan")), max_size=40)


def runs(study: Made) -> Runs:
    return Runs(study.curves, study.lanes, study.record)


def read(study: Made, limit: int | None = None) -> tuple[dict, str]:
    text, note = numbers.packed(runs(study), {}, limit)
    return json.loads(text), note


@given(FLOATS)
def test_packing_loses_nothing(values):
    line = np.array([values], np.float32)
    found = numbers.unpacked(numbers.pack([line] if values else []))
    # Oracle: NumPy; a NaN is a NaN whatever its bits.
    np.testing.assert_array_equal(found, line.ravel())


@given(FLOATS)
def test_rounded_values_are_within_one_in_eight_thousand(values):
    line = np.array([values], np.float32)
    found = numbers.unpacked(numbers.pack([line] if values else [], numbers.LEFT_BITS))
    normal = np.abs(line.ravel()) >= np.finfo(np.float32).tiny
    kept = normal & np.isfinite(line.ravel())
    # Oracle: half a unit of the 12th bit, 2 to the power of -13.
    np.testing.assert_allclose(found[kept], line.ravel()[kept], rtol=2.0**-13)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(line.ravel()))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(line.ravel()))


def test_every_measure_of_the_study_can_be_chosen_and_is_the_stored_one():
    study = made(4, diverged=(1,), evaluations=20)
    found, note = read(study)
    assert note == "" and not found["thinned"]
    assert found["measures"][0]["id"] == "criterion" and found["measures"][0]["title"] == "accuracy"
    names = {m["id"].split(".")[0] for m in found["measures"]}
    derived = {"variance_absolute", "variance_explained_of_final"}
    assert names == {"criterion"} | {m.name for m in study.record.measures} | derived
    own = runs(study)
    for m in found["measures"][1:]:
        name, *layer, split = m["id"].split(".")
        where = {"split": split, "layer": layer[0] if layer else "hidden4"}
        names = [None] if m["whole"] else ["linear", "xor_xor_xor"]
        # Oracle: the analysis' own reader of the curves.
        wanted = [own.trace("default", name, **where, feature=f, target=f) for f in names]
        np.testing.assert_allclose(
            numbers.unpacked(m["data"]), np.concatenate(wanted).ravel(), rtol=2.0**-13
        )


def test_page_of_numbers_is_bounded_and_says_what_it_leaves_out():
    study = joined()
    whole = read(study)[0]
    sizes = [len(m["data"]) for m in whole["measures"]]
    found, note = read(study, sum(sizes[:3]))
    assert [m["id"] for m in found["measures"]] == [m["id"] for m in whole["measures"][:3]]
    assert f"{len(sizes) - 3} measures or layers" in note and not found["thinned"]
    found, note = read(study, sizes[0] // 2)
    assert [m["id"] for m in found["measures"]] == ["criterion"] and found["thinned"]
    assert sum(len(m["data"]) for m in found["measures"]) <= sizes[0] // 2
    assert "the criterion cannot be moved" in note
    grid, steps = found["grids"][0], study.record.conditions[0].steps
    assert len(grid) < len(steps) and {0, steps[-1]} <= set(grid) <= set(steps)


def test_numbers_cannot_end_their_element():
    text, _ = numbers.packed(runs(copied(made(2, evaluations=12), HOSTILE)), {})
    assert "<" not in text and HOSTILE in json.loads(text)["features"][0]["name"]


def test_pairs_are_what_the_verdict_compares():
    study = made(6, diverged=(1,), never=(2,))
    found = seed_pairs.pairs(runs(study))
    assert set(found) == {v.id for v in study.verdicts}
    for v in study.verdicts:
        own = found[v.id]
        assert own["sides"] == list(dict.fromkeys(own["sides"])) and len(own["sides"]) == 2
        entered = np.array([x for x, out in zip(own["values"], own["out"], strict=True) if not out])
        assert len(entered) == v.pairs and len(own["values"]) == v.n
        # Oracle: the verdict's own effect.
        a, b = entered.mean(axis=0)
        assert (a / b if v.scale == "ratio" else a - b) == pytest.approx(
            v.value, rel=1e-3, abs=1e-4
        )
    assert found["linear-falls"]["sides"] == ["linear, step 240", "linear, step 80"]
    assert found["simple-first"]["late"][1:3] == [[0, 1], [1]]  # diverged; never learned the second


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("const a = b + +c;\n", "const a=b + +c;"),
        ("  // a comment\n  f( [1, 2, ] );\n", "f([1,2]);"),
        ("g( `x  ${ f({ a: `}` }) }  y` );", "g(`x  ${ f({ a: `}` }) }  y`);"),
        ('if (a)\n  b = \' , \';\n  c = "\\" // ; ";', 'if(a)\nb=\' , \';c="\\" // ; ";'),
        ("a = b\nc = d", "a=b\nc=d"),
        ("x\n  ? y\n  : z;\nconst [, q, , r] = s;", "x?y:z;const[,q,,r]=s;"),
    ],
)
def test_squeezed_script_is_the_same_script(given, wanted):
    assert document.squeezed(given) == wanted


def test_page_without_a_trained_network_has_no_numbers():
    study = made(2, evaluations=12)
    empty = Made(study.record, study.curves.clear(), study.lanes.clear())
    page = empty.page(complete=False)
    assert 'id="explore"' not in page and 'id="numbers"' not in page
