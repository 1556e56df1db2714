"""`primacy init --own-data`: what it writes can be read and says what it left out."""

import numpy as np
import polars as pl
import pytest

from primacy.cli import app
from primacy.study import file
from primacy.tasks.arrays import Arrays


def table(rows=60):
    rng = np.random.default_rng(0)
    return pl.DataFrame({
        "name": [f"n{i}" for i in range(rows)], "age (years)": rng.normal(50, 9, rows),
        "bmi": [None, *rng.normal(25, 3, rows - 1)], "sex": rng.choice(["female", "male"], rows),
        "still": [1.0] * rows, "sick": rng.integers(0, 2, rows),
        "part": np.resize(["train", "train", "fit", "test"], rows),
    })  # fmt: skip


def called(*words):
    with pytest.raises(SystemExit) as ended:
        app.main([*map(str, words)])
    return ended.value.code


def test_a_draft_is_a_study_of_the_files_columns(tmp_path, capsys):
    table().write_csv(tmp_path / "clinic.csv")
    out = tmp_path / "mine.toml"
    assert called("init", "--own-data", tmp_path / "clinic.csv", "--out", out) == 0
    assert called("check", out) == 0 and "No mistakes" in capsys.readouterr().out
    task = file.read(str(out)).conditions["default"].task
    assert [f.name for f in task.declared] == ["age (years)", "bmi", "sex"]
    assert task.target == ("sick",) and task.split == "part" and task.impute == "median"
    assert dict(task.as_binary or ()) == {"sex": "male"}
    text = out.read_text()
    assert "# left out: name (not numbers, 60 different values)" in text
    assert "# left out: still (never changes)" in text
    # The claim that it offers is one: its lines hold without their marks.
    start, claim = text.split("# [[hypothesis]]")
    out.write_text(start + "[[hypothesis]]" + claim.replace("\n# ", "\n"))
    (hypothesis,) = file.read(str(out)).hypotheses
    assert hypothesis.contrast.of == {"feature": "age (years)"} and hypothesis.margin == 0.02


def test_a_leak_is_a_comment_of_the_draft(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    columns = {"age": rng.normal(size=100), "paid": y + 1.5, "y": y}
    pl.DataFrame(columns).write_csv(tmp_path / "d.csv")
    assert called("init", "--own-data", tmp_path / "d.csv", "--out", tmp_path / "d.toml") == 0
    (line,) = [x for x in (tmp_path / "d.toml").read_text().split("\n") if "CAREFUL" in x]
    assert line.startswith("# CAREFUL: paid alone predicts y almost perfectly")
    assert "leave it out" in line


def test_many_columns_are_grouped_and_a_number_can_be_the_target(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", pixels=rng.normal(size=(40, 16)), y=rng.normal(size=40))
    out = tmp_path / "d.toml"
    assert called("init", "--own-data", tmp_path / "d.npz", "--out", out) == 0
    task = file.read(str(out)).conditions["default"].task
    assert [(f.name, len(f.columns)) for f in task.declared] == [("pixels", 16)]
    assert task.loss == "squared_error"


def test_what_numbers_the_rows_is_left_out_and_what_measures_is_not(tmp_path):
    rng, rows = np.random.default_rng(0), 100
    income = 20_000 + 700 * np.arange(rows) + rng.integers(0, 600, rows)  # all different, too
    columns = {"row": np.arange(rows) + 7, "client_id": income[::-1] * 5, "income": income}
    path, out = tmp_path / "d.csv", tmp_path / "d.toml"
    pl.DataFrame({**columns, "x": rng.normal(size=rows), "y": np.arange(rows) % 2}).write_csv(path)
    assert called("init", "--own-data", path, "--out", out) == 0
    task = file.read(str(out)).conditions["default"].task
    assert [f.name for f in task.declared] == ["income", "x"]
    why = "100 different values in 100 rows: an identifier?"
    for name in ("row", "client_id"):
        assert f"# left out: {name} ({why})" in out.read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), ("a,b\nx,y\nz,w\nq,r\n", "needs two columns of numbers")],
)
def test_what_cannot_be_drafted_is_one_line(tmp_path, capsys, content, says):
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_text(content)
    assert called("init", "--own-data", path) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_a_draft_must_be_beside_its_data(tmp_path, capsys):
    table().write_csv(tmp_path / "clinic.csv")
    (tmp_path / "other").mkdir()
    out = tmp_path / "other" / "mine.toml"
    assert called("init", "--own-data", tmp_path / "clinic.csv", "--out", out) == 2
    assert "must be in the folder of" in capsys.readouterr().err


class Pandas:
    """What is used of a pandas DataFrame; the package does not depend on it."""

    def __init__(self, frame):
        self.frame, self.columns, self.shape = frame, frame.columns, frame.shape

    def __getitem__(self, name):
        return self.frame[name]


def test_tables_in_memory(tmp_path):
    """Oracle: the same task from the file that was written by hand."""
    own = table().select("age (years)", "sick")
    fields = {"target": "sick", "features": {"age": ["age (years)"]}}
    made = Arrays.from_data(own, tmp_path / "a.parquet", **fields)
    own.write_parquet(tmp_path / "b.parquet")
    assert made.sha256 == Arrays.from_data(own, tmp_path / "b.parquet", **fields).sha256
    assert Arrays.from_data(Pandas(own), tmp_path / "a.parquet", **fields) == made
    x = np.random.default_rng(0).normal(size=(30, 2))
    given = {"x": x, "y": (x[:, 0] > 0).astype(int)}
    groups = {"target": ("y",), "features": {"x": ["x"]}}
    assert len(Arrays.from_data(given, tmp_path / "c.npz", **groups).input_names) == 2
    for data, path, says in (
        (own.head(20), "a.parquet", "holds other data; give another path"),
        (given, "c.csv", "ends in .npz, not .csv"),
        ([1, 2], "d.npz", "not list"),
    ):
        with pytest.raises(ValueError, match=says):
            Arrays.from_data(data, tmp_path / path, **fields)


def drafted(folder, columns, *words):
    """The draft of a file of these columns."""
    pl.DataFrame(columns, strict=False).write_csv(folder / "d.csv")
    out = folder / "d.toml"
    out.unlink(missing_ok=True)
    assert called("init", "--own-data", folder / "d.csv", "--out", out, *words) == 0
    return out


def test_the_target_can_be_named(tmp_path, capsys):
    """Oracle: the leak, planted, is one of this target only."""
    rng = np.random.default_rng(0)
    churn = rng.integers(1, 4, 300)
    columns = {
        "age": rng.normal(size=300), "paid": churn + 1.5, "churn": churn,
        "region": rng.choice(["north", "south"], 300), "vip": rng.integers(0, 2, 300),
    }  # fmt: skip
    out = drafted(tmp_path, columns)
    assert 'target = ["vip"]      # the column to predict: is it this one? If not: init' in (
        out.read_text()
    )
    assert "CAREFUL" not in out.read_text()
    out = drafted(tmp_path, columns, "--target", "churn")
    assert 'target = ["churn"]      # the column to predict\n' in out.read_text()
    assert "# CAREFUL: paid alone predicts churn almost perfectly" in out.read_text()
    assert called("check", out) == 0
    task = file.read(str(out)).conditions["default"].task
    assert task.target == ("churn",) and "churn" not in [f.name for f in task.declared]
    assert [f.name for f in task.declared] == ["age", "paid", "region", "vip"]
    capsys.readouterr()
    assert called("init", "--own-data", tmp_path / "d.csv", "--target", "chrun") == 2
    told = capsys.readouterr().err
    assert "no column 'chrun'. Did you mean \"churn\"?" in told and told.count("\n") == 1
    assert called("init", "--target", "churn") == 2
    assert capsys.readouterr().err == (
        "--target is a column of --own-data FILE; a built-in study has its own\n"
    )


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "1 missing value (first: row 8)"),
        ("n/a", "299 of 300 are numbers; not: 'n/a' (row 8)"),
    ],
)
def test_a_column_that_is_passed_over_as_the_target_is_named(tmp_path, cell, why):
    rng = np.random.default_rng(0)
    churn = [cell if i == 7 else str(v) for i, v in enumerate(rng.integers(0, 2, 300))]
    region = rng.choice(["a", "b", "c"], 300)
    columns = {"x": rng.normal(size=300), "region": region, "churn": churn}
    text = drafted(tmp_path, columns).read_text()
    assert 'target = ["region"]' in text
    assert (
        f"# CAREFUL: churn has two values, but is not the target: {why}. To predict it, correct or "
        "remove such rows and repeat with --target churn\n"
    ) in text


def test_a_column_with_bad_cells_is_left_out_with_the_cure(tmp_path, capsys):
    rng = np.random.default_rng(0)
    income = [str(v) for v in rng.lognormal(10, 1, 300)]
    income[5], income[9] = "n/a", "12,500"
    wealth = rng.normal(size=300)
    wealth[3] = np.inf
    columns = {"income": income, "wealth": wealth, "a": rng.normal(size=300)}
    out = drafted(tmp_path, {**columns, "b": rng.normal(size=300), "y": np.arange(300) % 2})
    two = (
        "298 of 300 are numbers; not: 'n/a' (row 6), '12,500' (row 10): "
        "correct these cells, or leave them empty and set impute"
    )
    one = "Inf in row 4: correct this cell, or leave it empty and set impute"
    assert f"# left out: income ({two})\n" in out.read_text()
    assert f"# left out: wealth ({one})\n" in out.read_text()
    # Who names it all the same reads the same.
    out.write_text(out.read_text().replace('a = ["a"]', 'a = ["income"]\nc = ["wealth"]'))
    capsys.readouterr()
    assert called("check", out) == 2
    told = capsys.readouterr().err
    assert two in told and one in told
    out.write_text(out.read_text().replace('target = ["y"]', 'target = ["income"]'))
    assert called("check", out) == 2
    assert "'12,500' (row 10): correct them, or remove the rows" in capsys.readouterr().err


def test_copied_rows_are_a_comment_and_their_number_can_keep_them_together(tmp_path):
    rng = np.random.default_rng(0)
    own = pl.DataFrame({
        "customer_id": np.arange(600), "x": rng.normal(size=600), "z": rng.normal(size=600),
        "y": rng.integers(0, 2, 600),
    })  # fmt: skip
    text = drafted(tmp_path, pl.concat([own, own.head(40)])).read_text()
    assert "# left out: customer_id (600 different values in 640 rows: an identifier?)" in text
    assert '# split_by = "customer_id"      # a column' in text
    again = "# CAREFUL: 40 of 640 rows repeat the inputs of another row: remove them, or keep them"
    assert again in text
    assert "relies more on x than on z" in text


def test_a_column_without_a_name_is_left_out(tmp_path):
    rng = np.random.default_rng(0)
    rows = "".join(f"{i},{a},{b},{i % 2}\n" for i, (a, b) in enumerate(rng.normal(size=(60, 2))))
    (tmp_path / "d.csv").write_text(",a,b,y\n" + rows)
    out = tmp_path / "d.toml"
    assert called("init", "--own-data", tmp_path / "d.csv", "--out", out) == 0
    why = "a pandas index? Write the file with index=False"
    assert f"# left out: column 1 without a name ({why})\n" in out.read_text()
    assert called("check", out) == 0
