"""Pairs of networks that differ in their seed: how alike they are."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import primacy
from primacy.cli import app
from primacy.networks.consistency import INPUTS, Consistency, alike, consistency, more_alike
from primacy.networks.stored import examples_drawn, network
from primacy.records.store import StoreError
from primacy.rng import streams


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    training = {"steps": 4, "examples": 64, "batch_size": 32, "evaluations": 3,
                "fit_examples": 32, "test_examples": 32}  # fmt: skip
    study = primacy.Study(
        name="pairs",
        conditions={
            name: {
                "task": {"kind": "boolean", "features": ["linear"], "units_per_feature": units},
                "model": {"kind": "mlp", "widths": widths},
                "training": training,
            }
            for name, units, widths in (("a", 6, [8, 4]), ("b", 6, [5]), ("wide", 7, [5]))
        },
        measures=["accuracy"],
        seeds=5,
        controls="none",
    )
    return primacy.run(study, out=tmp_path_factory.mktemp("runs") / "pairs")


def test_a_pair_is_two_networks_and_no_network_is_in_two(result):
    """Oracle: SciPy's distances and NumPy's correlation, of the layer written out in NumPy."""
    found = consistency(result, "a")
    assert found.seeds == ((0, 1), (2, 3))
    common = int(streams(0, "evaluation")("common").integers(2**31))
    x = np.asarray(examples_drawn(result.record.condition("a"), common, "test", INPUTS))

    def distances(seed):
        h, params = x, network(result, "a", seed).params
        for name in ("hidden1", "hidden2"):
            h = h @ params[name]["kernel"] + params[name]["bias"]
            h = np.where(h > 0, h, 0.01 * h)
        return pdist(h)

    for (i, j), value in zip(found.seeds, found.values, strict=True):
        by_hand = np.corrcoef(distances(i), distances(j))[0, 1]
        assert value == pytest.approx(by_hand, abs=1e-4)


def test_two_conditions_are_compared_both_ways(result):
    """Symmetric by construction: a with b is b with a."""
    assert consistency(result, "a", "b").values == pytest.approx(
        consistency(result, "b", "a").values, abs=1e-6
    )


def test_what_cannot_be_compared_is_refused(result):
    with pytest.raises(StoreError, match="read different inputs"):
        consistency(result, "a", "wide")
    with pytest.raises(StoreError, match="has no layer hidden9: it has hidden1, hidden2"):
        consistency(result, "a", layer="hidden9")


def test_all_conditions_are_laid_beside_each_other(result):
    """Oracle: `consistency`, two at a time."""
    rows = alike(result).rows_by_key(["condition", "other"], named=True, unique=True)
    assert set(rows) == {("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"), ("wide", "wide")}
    for (one, other), row in rows.items():
        values = consistency(result, one, other).values
        assert (row["pairs"], row["mean"]) == (2, pytest.approx(values.mean()))
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        own = consistency(result, one).values
        apart = None if one == other else pytest.approx((own - values).mean())
        assert row["own_minus_other"] == apart
        assert row["p"] is row["low"] is row["high"] is None  # 2 pairs: nothing is tested
    assert alike(result, ["b"])["other"].to_list() == ["b"]


def test_of_many_conditions_those_to_compare_are_named(result, capsys, monkeypatch):
    monkeypatch.setattr("primacy.networks.consistency.MOST", 2)  # it has 3
    assert alike(result)["other"].to_list() == ["a", "b", "wide"]
    assert alike(result, ["a", "b"]).height == 4
    with pytest.raises(SystemExit):
        app.main(["alike", str(result.folder)])
    assert "name some: --condition" in capsys.readouterr().out


def test_the_command_prints_what_the_function_finds(result, capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(["alike", str(result.folder), "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["alike"] == alike(result).to_dicts()
    with pytest.raises(SystemExit):
        app.main(["alike", str(result.folder), "--condition", "a", "--condition", "b"])
    shown = capsys.readouterr().out
    assert "themselves" in shown and "wide" not in shown
    assert "No p: a test takes 6 pairs, which are 12 seeds." in shown
    with pytest.raises(SystemExit):
        app.main(["alike", str(result.folder)])
    told = " ".join(capsys.readouterr().out.split())
    assert "Not compared, as they read different inputs: a and wide, and 1 more." in told
    with pytest.raises(SystemExit) as ended:
        app.main(["alike", str(result.folder), "--condition", "A"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.strip()


def test_the_replicate_is_the_pair():
    """Oracle: 8 pairs that all differ one way: the smallest two-sided p of 2^8 sign flips."""
    seeds = tuple((2 * i, 2 * i + 1) for i in range(8))
    one = Consistency("a", "a", "h", seeds, np.linspace(0.5, 0.8, 8))
    other = Consistency("b", "b", "h", seeds, np.linspace(0.3, 0.4, 8))
    found = more_alike(one, other)
    assert (found.pairs, found.p) == (8, 2 / 2**8)
    few = more_alike(
        Consistency("a", "a", "h", seeds[:5], one.values[:5]),
        Consistency("b", "b", "h", seeds[:5], other.values[:5]),
    )
    assert few.p is None
