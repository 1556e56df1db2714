"""`--set`, and defaults that follow the data: a first try is not refused for what it left out."""

import json

import numpy as np
import pytest

from primacy.cli import app
from primacy.errors import StudyError
from primacy.study import file as studyfile
from primacy.study.toml.document import override

GOOD = """\
name = "mine"
[task]
kind = "boolean"
features = ["linear", "xor_xor_xor"]
[model]
kind = "mlp"
widths = [8]
[training]
examples = 64
batch_size = 32
epochs = 5
evaluations = 11
"""

GRID = (
    GOOD
    + """[grid]
"training.learning_rate" = [0.1, 0.2]
"""
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a study file into the current folder."""
    monkeypatch.chdir(tmp_path)

    def written(text, name="mine.toml"):
        (tmp_path / name).write_text(text)
        return name

    return written


def refused(file, text, *overrides):
    with pytest.raises(StudyError) as caught:
        studyfile.read(file(text), overrides=overrides)
    return str(caught.value)


# ------------------------------------------------------------------ keys of [grid]


@pytest.mark.parametrize("line", [
    '"training.learning_rate" = [0.1, 0.2]', "training.learning_rate = [0.1, 0.2]",
])  # fmt: skip
def test_what_the_grid_sets_cannot_be_set_beside_it_and_the_cure_works(line, file):
    text = GOOD + f"[grid]\n{line}\n"
    told = refused(file, text, "training.learning_rate=0.3")
    assert told.startswith("--set  training.learning_rate = 0.3: [grid] sets it to [0.1, 0.2]: ")
    cure = told.splitlines()[0].partition("write --set ")[2].strip("'")
    study = studyfile.read("mine.toml", overrides=[cure])
    assert [c.training.learning_rate for c in study.conditions.values()] == [0.3]


def test_other_keys_and_the_grid_itself_can_be_set(file):
    overrides = ["training.epochs=6", 'grid."training.learning_rate"=0.1, 0.3']
    study = studyfile.read(file(GRID), overrides=overrides)
    assert [c.training.learning_rate for c in study.conditions.values()] == [0.1, 0.3]
    assert {c.training.epochs for c in study.conditions.values()} == {6}


def test_a_grid_of_a_member_refuses_it_too(file):
    file(GRID)
    file(GOOD.replace("mine", "other"), "other.toml")
    told = refused(
        lambda text: file(text, "both.toml"),
        'include = ["mine.toml", "other.toml"]\n',
        "training.learning_rate=0.3",
    )
    assert "[grid] sets it to" in told and told.endswith("1 problem; nothing was run.")


# ------------------------------------------------------------------ lists


@pytest.mark.parametrize(("given", "widths"), [
    ("[4, 3]", (4, 3)), ("[4,3]", (4, 3)), ("4,3", (4, 3)), ("4, 3,", (4, 3)), ("4", (4,)),
])  # fmt: skip
def test_a_list_needs_no_brackets(given, widths, file):
    study = studyfile.read(file(GOOD), overrides=[f"model.widths={given}"])
    assert study.conditions["default"].model.widths == widths


@pytest.mark.parametrize("given", [
    "[linear, a and (b xor c)]", "linear, a and (b xor c)", '["linear", a and (b xor c)]',
    '["linear", "a and (b xor c)"]',
])  # fmt: skip
def test_words_of_a_list_need_no_quotes(given, file):
    study = studyfile.read(file(GOOD), overrides=[f"task.features={given}", "measures=loss"])
    assert study.conditions["default"].task.features == ("linear", "a and (b xor c)")
    assert study.measures == ("loss",)


def test_a_comma_in_a_text_makes_no_list(file):
    study = studyfile.read(file(GOOD), overrides=["question=Which first, and why?"])
    assert study.question == "Which first, and why?"


def test_lists_in_lists_and_commas_in_quotes():
    document = {}
    override(document, ["a=[[x, 1], ['y, z', 2.5]]", "b=" + 100 * "[", "c=" + 99 * "[" + 99 * "]"])
    assert document["a"] == [["x", 1], ["y, z", 2.5]]
    assert document["b"] == 100 * "["


# ------------------------------------------------------------------ defaults


def own_rows(tmp_path, rows):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 2)).round(3)
    lines = ["a,b,y", *(f"{a},{b},{int(a > 0)}" for a, b in x)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    return """\
name = "first-try"
[task]
kind = "arrays"
file = "rows.csv"
target = ["y"]
features = { a = ["a"], b = ["b"] }
[model]
kind = "mlp"
widths = [8]
[training]
epochs = 5
"""


def test_150_rows_and_five_epochs_are_a_study(file, tmp_path, capsys):
    """Oracle: 90 of 150 rows train; 8 is the largest power of two with 8 batches in 90 rows; 11
    steps an epoch, 55 in all, can be measured 56 times."""
    path = file(own_rows(tmp_path, 150))
    study = studyfile.read(path)
    condition = study.conditions["default"]
    assert condition.examples["train"] == 90
    assert (condition.training.batch_size, condition.budget) == (8, 55)
    assert condition.evaluations == tuple(range(56))
    said = (
        "batch_size = 8: it defaults to 1024, but there are 90 training examples",
        "evaluations = 56: it defaults to 101, but 55 steps allow at most 56",
    )
    assert study.notes == said
    for words in (["check", path], ["run", path, "--dry-run"]):
        with pytest.raises(SystemExit) as ended:
            app.main(words)
        told = capsys.readouterr()
        assert ended.value.code == 0
        assert all(line in told.out + told.err for line in said)
    with pytest.raises(SystemExit):
        app.main(["check", path, "--json"])
    assert json.loads(capsys.readouterr().out)["notes"] == list(said)


@pytest.mark.parametrize("rows", [10, 13, 20, 60])
def test_hardly_any_rows_are_a_study_too(rows, file, tmp_path):
    text = own_rows(tmp_path, rows).replace("epochs = 5", "epochs = 1")
    condition = studyfile.read(file(text)).conditions["default"]
    training, size = condition.training, condition.examples["train"]
    assert training.batch_size == 1 or size // training.batch_size >= 8
    assert len(condition.evaluations) == training.evaluations == condition.budget + 1
    assert training.confirm <= training.evaluations


def test_what_is_written_is_refused_and_not_changed(file):
    told = refused(file, GOOD, "training.batch_size=65")
    assert "training.batch_size = 65: larger than the training set of 64 examples" in told
    told = refused(file, GOOD, "training.evaluations=12")
    assert "training.evaluations = 12: 10 steps allow at most 11" in told
    told = refused(file, GOOD.replace("evaluations = 11", "confirm = 20"))
    assert "training.confirm = 20: more than the 11 evaluations" in told


def test_a_default_that_fits_is_the_default(file):
    text = GOOD.replace("batch_size = 32\n", "").replace("evaluations = 11\n", "")
    study = studyfile.read(
        file(text.replace("examples = 64", "examples = 1024")), overrides=["training.epochs=100"]
    )
    training = study.conditions["default"].training
    assert (training.batch_size, training.evaluations, training.confirm) == (1024, 101, 3)
    assert study.notes == ()


def test_a_note_names_the_conditions_that_it_is_of(file):
    text = GOOD.replace("evaluations = 11\n", "").replace("epochs = 5\n", "")
    study = studyfile.read(file(text + '[grid]\n"training.epochs" = [5, 60]\n'))
    assert study.notes == (
        "evaluations = 11: it defaults to 101, but 10 steps allow at most 11 "
        '(condition "epochs=5")',
    )
    assert [c.training.evaluations for c in study.conditions.values()] == [11, 101]


@pytest.mark.parametrize("name", studyfile.builtin())
def test_no_built_in_study_leaves_a_default_to_its_data(name):
    assert studyfile.read(name).notes == ()
