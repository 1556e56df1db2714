"""A data file looked at before training; oracles: closed forms, scikit-learn, planted faults."""

import json

import numpy as np
import polars as pl
import pytest

from primacy.cli.app import main
from primacy.tasks import datafile
from primacy.tasks.arrayaudit import audit, predicts
from primacy.tasks.arraycolumns import distinct, identifies
from primacy.tasks.arrays import Arrays


@pytest.fixture
def made(tmp_path):
    """Writes columns as a CSV file and reads it as a table."""

    def write(**columns):
        pl.DataFrame(columns).write_csv(tmp_path / "data.csv")
        return datafile.read(tmp_path / "data.csv")

    return write


def normal(seed, n=400):
    return np.random.default_rng(seed).normal(size=n)


def told(found):
    return "\n".join(f"{f.what} -> {f.cure}" for f in found.findings)


def test_a_column_that_is_the_target_scores_1_and_is_called_a_leak(made):
    y = (normal(0) > 0).astype(int)
    found = audit(made(copy=y + 2.0, noise=normal(1), y=y), "y")
    scores = {c.name: c.alone for c in found.columns}
    assert scores["copy"][0] == 1.0 and scores["y"] is None
    # Oracle: a column of noise is a guess; binomial, 3.3 standard errors at n = 400.
    assert abs(scores["noise"][0] - 0.5) < 3.3 * np.sqrt(0.25 / 400)
    assert "copy alone predicts y almost perfectly (1.000; chance" in told(found)


def test_what_was_perhaps_recorded_after_the_outcome_is_asked_about(made):
    y = (normal(0) > 0).astype(int)
    ticket = np.where(np.arange(400) < 12, 1 - y, y)
    found = audit(made(customer=np.arange(400) + 1000, ticket=ticket, noise=normal(1), y=y), "y")
    # Oracle: counted; 388 of 400 rows agree, and a constant is right in the larger class.
    chance = 100 * max(y.mean(), 1 - y.mean())
    assert f"ticket alone predicts y in 97.0 % of rows (chance {chance:.1f} %) -> is it" in told(
        found
    )
    said = "customer: 400 different values in 400 rows -> an identifier? Then leave it out"
    assert said in told(found) and "noise:" not in told(found)


def test_what_one_column_predicts_is_what_a_tree_on_its_bins_predicts():
    tree = pytest.importorskip("sklearn.tree")
    x = normal(2, 4_000)
    y = (np.abs(x) > 1).astype(float)  # no straight cut shows it
    score, low, high = predicts(x, y, True)
    # Oracle: a tree of as many leaves, fitted on half of the rows and scored on the other half.
    fitted = tree.DecisionTreeClassifier(max_leaf_nodes=16).fit(x[:2000, None], y[:2000])
    best = fitted.score(x[2000:, None], y[2000:])
    assert best > 0.99 and 0.93 < score <= best
    assert low < score < high

    number = x**2 + 0.5 * normal(3, 4_000)
    r_squared, low, high = predicts(x, number, False)
    # Oracle: scikit-learn's regression on 16 bins of equal count, cross-validated in other folds.
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    bins = KBinsDiscretizer(16, quantile_method="averaged_inverted_cdf")
    guess = cross_val_predict(make_pipeline(bins, LinearRegression()), x[:, None], number)
    assert r_squared == pytest.approx(r2_score(number, guess), abs=0.01)
    assert low < r_squared < high


def test_the_condition_number_is_that_of_the_covariance(made):
    a, b = normal(4, 100_000), normal(5, 100_000)
    found = audit(made(a=a, b=10 * b))
    # Oracle: variances 1 and 100 of independent columns.
    assert found.condition_number == pytest.approx(100, rel=0.03)
    assert found.condition_number_standardized == pytest.approx(1, abs=0.03)
    correlated = audit(made(a=a, b=0.6 * a + 0.8 * b))
    # Oracle: eigenvalues of [[1, r], [r, 1]] are 1 + r and 1 - r.
    assert correlated.condition_number_standardized == pytest.approx(1.6 / 0.4, rel=0.03)
    assert audit(made(a=a, b=a, c=b)).condition_number == np.inf


def test_copies_scales_gaps_text_and_constants_are_named_with_their_cures(made):
    a = normal(6)
    gaps = [None if i < 3 else float(v) for i, v in enumerate(normal(7))]
    found = audit(
        made(
            a=a,
            copy=-2 * a,
            big=1e4 * normal(8),
            gaps=gaps,
            still=np.ones(400),
            offset=normal(9) + 100,
            name=[f"row {i}" for i in range(400)],
            y=["yes" if v > 0 else "no" for v in normal(10)],
        ),
        "y",
    )
    text = told(found)
    assert set(found.classes) == {"no", "yes"} and sum(found.classes.values()) == 400
    assert found.chance == max(found.classes.values()) / 400
    assert "as good as copies: a and copy -> put them into one feature" in text
    assert "3 missing values in gaps -> impute" in text
    assert "never changes: still -> leave it out" in text
    assert "text with more than 50 different values: name" in text
    assert "(big against" in text and "standardize = true" in text
    assert "offset lies 10" in text and found.correlated[0][:2] == ("a", "copy")


def test_rows_that_repeat_are_counted(made):
    a, b = normal(11), normal(12)
    twice = made(a=np.tile(a, 2), b=np.tile(b, 2))
    assert "400 of 800 rows repeat the inputs of another row" in told(audit(twice))
    classes = np.random.default_rng(0).integers(0, 2, (2, 400))
    few = made(a=classes[0], b=classes[1])
    assert "repeat" not in told(audit(few)), "two bits have four values: nothing was copied"


def test_clean_data_raise_no_finding(made):
    x = normal(13)
    found = audit(made(a=x, b=normal(14), y=x + normal(15)), "y")
    assert found.findings == () and found.classes == {} and found.chance == 0.0


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("z", "no column 'z'"),
        ("gap", r"1 missing value \(first: row 1\): remove this row"),
        ("same", "has a single value"),
        ("bad", r"9 of 10 are numbers; not: 'n/a' \(row 3\); correct this cell, or remove its"),
    ],
)
def test_a_target_that_cannot_be_one_is_refused(made, target, says):
    gap = [None, *map(float, normal(1, 9))]
    with pytest.raises(ValueError, match=says):
        bad = ["n/a" if i == 2 else str(i + 0.5) for i in range(10)]
        audit(made(a=normal(0, 10), gap=gap, same=np.ones(10), bad=bad), target)


def test_the_command_prints_a_table_and_json_and_refuses_a_typo(made, tmp_path, capsys):
    y = (normal(0) > 0).astype(int)
    made(left=normal(1), right=normal(2), outcome=y)
    file = str(tmp_path / "data.csv")
    for words, code in ((["--target", "outcome"], 0), (["--json"], 0), (["--target", "outcom"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(["audit-data", file, *words])
        assert ended.value.code == code
        out = capsys.readouterr()
        if "--json" in words:
            assert json.loads(out.out)["rows"] == 400
            assert "Next:" not in out.out
        elif code:
            assert 'Did you mean "outcome"' in out.err
        else:
            assert "outcome has classes" in out.out and "alone: accuracy" in out.out
            command = f"  primacy init --own-data {file} --target outcome --out mine.toml\n"
            assert out.out.endswith(command)
    with pytest.raises(SystemExit) as ended:
        main(["audit-data", str(tmp_path / "dat.csv"), "--target", "outcome"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{tmp_path / 'dat.csv'}: no such file\n"


def test_a_task_says_which_feature_predicts_nearly_all_alone(tmp_path):
    """Oracle: 12 of 400 rows of the ticket are wrong; the noise says nothing."""
    y = (normal(0) > 0).astype(int)
    ticket = np.where(np.arange(400) < 12, 1 - y, y)
    data = pl.DataFrame({"ticket": ticket, "noise": normal(1), "y": y})
    groups = {"ticket": ["ticket"], "noise": ["noise"]}
    task = Arrays.from_data(data, tmp_path / "d.parquet", target=["y"], features=groups)
    facts = {f.name: f.facts for f in task.declared}
    assert facts["ticket"]["predicts_alone"] == {"y": 0.97}
    assert "predicts_alone" not in facts["noise"]


def test_cells_that_are_no_numbers_are_named_and_the_others_counted(made):
    """Oracle: the mean and SD of the other numbers, by NumPy."""
    income = np.random.default_rng(0).lognormal(10, 0.6, 400).round(2)
    text = [str(v) for v in income]
    text[5], text[9] = "n/a", "12,500"
    endless = income.copy()
    endless[3] = np.inf
    stage = [str(i % 3) for i in range(399)] + ["3+"]
    grade = [str(i % 3) if i % 12 else "3+" for i in range(400)]
    found = audit(made(text=text, endless=endless, stage=stage, grade=grade, x=normal(1)))
    says = told(found)
    assert (
        "text: 398 of 400 are numbers; not: 'n/a' (row 6), '12,500' (row 10) "
        "-> correct these cells, or leave them empty and set impute"
    ) in says
    assert "endless: Inf in row 4 -> correct this cell, or leave it empty and set impute" in says
    assert "stage: 399 of 400 are numbers; not: '3+' (row 400) ->" in says
    assert "grade:" not in says, "where it is a class of its own, nothing is to be corrected"
    assert "identifier" not in says, "fractions measure, even while a bad cell makes them text"
    columns = {c.name: c for c in found.columns}
    for name, bad in (("text", [5, 9]), ("endless", [3])):
        others = np.delete(income, bad)
        assert columns[name].mean == pytest.approx(others.mean(), rel=1e-6)
        assert columns[name].sd == pytest.approx(others.std(), rel=1e-6)
        assert (columns[name].kind, columns[name].missing) == ("number", 0)
    assert columns["grade"].kind == "classes"


def test_dates_have_no_standard_deviation(tmp_path):
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 9), eager=True)
    pl.DataFrame({"day": days, "x": normal(0, 100)}).write_parquet(tmp_path / "d.parquet")
    day = audit(datafile.read(tmp_path / "d.parquet")).columns[0]
    assert (day.kind, day.levels, day.sd) == ("text", 100, None)


IDENTIFIERS = {
    "copied": (lambda rng: np.r_[np.arange(600), np.arange(40)], True),
    "few rows": (lambda rng: rng.permutation(12) + 1, True),
    "called one": (lambda rng: np.unique(rng.integers(0, 10**6, 12)), True),
    "a fraction": (lambda rng: rng.normal(size=600), False),
    "rounded": (lambda rng: rng.lognormal(10, 0.6, 600).round(), False),
    "ages": (lambda rng: rng.choice(np.arange(18, 80), 12, replace=False), False),
    "counts": (lambda rng: rng.integers(0, 600, 600), False),
    "doses": (lambda rng: np.tile(np.arange(60), 10), False),
}
"""Values of a column, and whether they number the rows."""


@pytest.mark.parametrize("what", IDENTIFIERS)
def test_what_numbers_the_rows_is_told_from_what_measures(made, what):
    values, wanted = IDENTIFIERS[what]
    values = values(np.random.default_rng(0))
    other = 2.5 * values if what == "doses" else normal(1, len(values))
    if what == "copied":
        other[600:] = other[:40]
    table = made(**{"client_id" if what == "called one" else "column": values, "other": other})
    assert identifies(distinct(table), table.frame.columns[0]) is wanted
    assert ("identifier" in told(audit(table))) is wanted


def test_copied_rows_are_found_behind_a_new_numbering(made):
    x, y = normal(1), normal(2)
    found = audit(made(number=np.arange(440), x=np.r_[x, x[:40]], y=np.r_[y, y[:40]]))
    assert "40 of 440 rows repeat the inputs of another row -> remove them" in told(found)


def test_a_column_without_a_name_is_called_by_its_place(tmp_path, capsys):
    rows = "".join(f"{i},{i + 1},{v}\n" for i, v in enumerate(normal(0, 60)))
    (tmp_path / "d.csv").write_text(",customer_id,x\n" + rows)
    found = audit(datafile.read(tmp_path / "d.csv"))
    assert found.columns[0].name == "column 1 without a name"
    cure = "a pandas index? Write the file with index=False, or leave it out"
    assert f"column 1 without a name -> {cure}" in told(found)
    assert "copies" not in told(found), "both are to be left out"


def test_below_chance_is_called_no_better_than_chance(made, tmp_path, capsys):
    """Oracle: each value has as many rows of both classes, so what is commoner among the rows that
    guess is rarer among those left out.
    """
    pair = np.arange(400) // 2
    made(group=1000.0 * (pair % 8) + 0.5, outcome=np.arange(400) % 2)
    with pytest.raises(SystemExit):
        main(["audit-data", str(tmp_path / "data.csv"), "--target", "outcome"])
    assert "No better than chance: group. A score below chance is no finding" in (
        capsys.readouterr().out
    )
