"""The first hour of somebody new: thirty tries, each of which works or names its cure.

Oracle: what a person needs. A try that works ends with exit code 0 and the commands that it prints
work, too; one that cannot work ends with exit code 2, without a traceback, and says what to do.
"""

import json
import re
import shlex

import numpy as np
import polars as pl
import pytest

import primacy
from primacy.cli import app

QUICK = ["--set", "training.epochs=3", "--controls", "none", "--seeds", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables such as people bring."""
    place = tmp_path_factory.mktemp("first")
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 150))
    yes = (a + 0.3 * b > 0).astype(int)
    write = {
        "binary": {"age": 40 + 10 * a, "weight": 70 + 5 * b, "noise": c, "sick": yes},
        "text": {"x": a, "y": b, "answer": np.where(yes, "yes", "no")},
        "numbers": {"x": a, "y": b, "price": 100 * a + 10 * b + c},
        "classes": {"x": a, "y": b, "kind": np.digitize(a, [-0.5, 0.5])},
        "names": {
            "x": a,
            "y": b,
            "kind": np.array(["red", "green", "blue"])[np.digitize(a, [-0.5, 0.5])],
        },
        "plans": {"x": a, "plan": np.array(["s", "m", "l"])[np.digitize(b, [-0.5, 0.5])], "z": yes},
        "small": {"x": a[:12], "y": b[:12], "z": yes[:12]},
        "gaps": {"x": [None, None, None, *a[3:].tolist()], "y": b, "z": yes},
        "still": {"x": a, "y": np.ones(150), "z": yes},
    }
    for name, columns in write.items():
        pl.DataFrame(columns, strict=False).write_csv(place / f"{name}.csv")
    return place


@pytest.fixture
def said(folder, capsys, monkeypatch):
    """Type a command line; its exit code and all it prints."""
    monkeypatch.chdir(folder)

    def type_(*words):
        with pytest.raises(SystemExit) as ended:
            app.main([str(word) for word in words])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return ended.value.code, told.out + told.err

    return type_


def table(name, target, **changes):
    """A study of a file of its own: the least that there is to write."""
    keys = {"kind": '"arrays"', "file": f'"{name}.csv"', "target": f'["{target}"]', **changes}
    task = "\n".join(f"{key} = {value}" for key, value in keys.items() if key != "features")
    features = changes.get("features", 'x = ["x"]\ny = ["y"]')
    return (
        f"[task]\n{task}\n[task.features]\n{features}\n"
        '[model]\nkind = "mlp"\nwidths = [8]\n'
        "[training]\nepochs = 3\nevaluations = 4\nbatch_size = 16\n"
    )


# Tries that work.


@pytest.mark.parametrize(
    "name", ["binary", "text", "numbers", "classes", "names", "plans", "small"]
)
def test_a_table_is_drafted_checked_looked_at_and_run(said, folder, name):
    study = folder / f"my-{name}.toml"
    assert said("init", "--own-data", f"{name}.csv", "--out", study.name)[0] == 0
    code, out = said("check", study.name)
    assert code == 0, out
    assert said("audit-data", f"{name}.csv")[0] == 0
    code, out = said("run", study.name, *QUICK)
    assert code == 0, out
    printed = re.findall(r"^  (primacy .*)$", out, re.M)
    assert printed, "an exploratory run says how to go on"
    for line in printed:
        words = shlex.split(line)[1:]
        code, told = said(*words, "--dry-run")
        assert code == 0, told
    out_folder = re.search(r"The page: (.*)report\.html", out)[1]
    for words in (["judge", out_folder], ["verify", out_folder], ["runs"], ["report", out_folder]):
        code, told = said(*words)
        assert code == 0, told


def test_a_run_says_its_answer_even_if_the_page_cannot_be_drawn(said, folder, monkeypatch, capsys):
    def broken(self, out=None):
        raise RuntimeError("no page")

    monkeypatch.setattr(primacy.Result, "report", broken)
    (folder / "nopage.toml").write_text(table("binary", "sick", features='age = ["age"]'))
    with pytest.raises(RuntimeError, match="no page"):
        app.main(["run", "nopage.toml", *QUICK])
    assert "This trains only the missing ones" in capsys.readouterr().out


def test_a_built_in_study_is_listed_printed_changed_and_planned(said, folder):
    code, out = said("list")
    assert code == 0 and "complexity" in out
    assert said("init", "complexity", "--out", "mine.toml")[0] == 0
    assert said("check", "mine.toml")[0] == 0
    code, out = said("run", "mine.toml", "--dry-run", "--set", "training.learning_rate=3e-3")
    assert code == 0 and "networks" in out
    for name in ("reliance", "time_to_learn", "boolean", "mlp"):
        assert said("explain", name)[0] == 0


def test_python_is_as_good_as_a_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    study = primacy.Study(
        name="in-python",
        task={"kind": "boolean", "features": ["linear", "parity2"], "units_per_feature": 4},
        model={"kind": "mlp", "widths": [8]},
        training={"epochs": 2, "examples": 64, "batch_size": 32},
        controls="none",
    )
    result = primacy.run(study, seeds=2)
    assert result.complete and result.report().is_file()
    assert primacy.open(result.folder).summary.equals(result.summary)


# Tries that cannot work, and what is to be done.

REFUSED = {
    "a study's name": ("run complexty", 'Did you mean "complexity"'),
    "a file that is not there": ("run mein.toml", "no such file"),
    "a command": ("rnu complexity", "run"),
    "an option": ("run complexity --sed 3", "--seeds"),
    "a number of seeds": ("run complexity --seeds many", "int"),
    "a key of the study": (
        "check complexity --set training.learning_rat=1",
        'Did you mean "learning_rate"',
    ),
    "a kind of task": ("check complexity --set task.kind=bolean", 'Did you mean "boolean"'),
    "an optimizer": ("check complexity --set training.optimizer=rmsprop", "adam"),
    "a measure": ("explain relianze", 'Did you mean "reliance"'),
    "a run folder": ("report runs/nothing", "not a run folder"),
    "the file of a table": ("init --own-data tabel.csv", "no such file"),
    "a column": ("audit-data binary.csv --target sik", 'Did you mean "sick"'),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_typo_names_what_was_meant(said, what):
    words, cure = REFUSED[what]
    code, out = said(*words.split())
    assert code == 2 and cure in out, out


MISTAKES = {
    "a feature's column": (table("numbers", "price", features='x = ["xx"]'), "xx"),
    "the target's name": (table("numbers", "prise"), 'Did you mean "price"'),
    "missing values": (table("gaps", "z"), "impute"),
    "a constant target": (table("still", "y", features='x = ["x"]\nz = ["z"]'), "y"),
    "a feature of booleans": (
        '[task]\nkind = "boolean"\nfeatures = ["linar"]\n'
        '[model]\nkind = "mlp"\n[training]\nepochs = 2\n',
        'Did you mean "linear"',
    ),
    "no model": ('[task]\nkind = "boolean"\n[training]\nepochs = 2\n', "model"),
    "not TOML": ("[task\nkind = ", "TOML"),
    "an expectation": (
        table("numbers", "price")
        + '[[hypothesis]]\nid = "a"\nclaim = "b"\nmeasure = "reliance"\nof = { feature = "x" }\n'
        'minus = { feature = "y" }\nexpect = "lesser"\n',
        "less",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_a_file_is_named_with_its_cure(said, folder, what):
    text, cure = MISTAKES[what]
    (folder / "wrong.toml").write_text(text)
    for command in ("check", "run"):
        code, out = said(command, "wrong.toml")
        assert code == 2 and cure in out, out
        assert "wrong.toml" in out


def test_all_mistakes_are_told_at_once(said, folder):
    text = table("gaps", "zz").replace("epochs", "epoch") + '[grid]\n"model.width" = [[4]]\n'
    (folder / "wrong.toml").write_text(text)
    code, out = said("check", "wrong.toml", "--json")
    assert code == 2
    assert len(json.loads(out)["problems"]) >= 3


def test_a_mistake_in_python_is_found_before_anything_is_trained():
    with pytest.raises(ValueError, match="adam"):
        primacy.Study(
            name="a",
            task={"kind": "boolean"},
            model={"kind": "mlp"},
            training={"epochs": 1, "optimizer": "rmsprop"},
        )
    with pytest.raises(ValueError, match="complexity"):
        primacy.run("complexty", seeds=2)
