"""Studies made in Python: checked as files are, run by name, shown in a notebook."""

import dataclasses
import json
import shlex
import sys
import types

import numpy as np
import pytest

import primacy
from primacy import registry
from primacy.cli import app
from primacy.cli.notebook import NotebookProgress, asked, in_notebook
from primacy.errors import StudyError
from primacy.models.mlp import MLP
from primacy.study.file import read as read_file
from primacy.tasks.arrayfields import Groups
from primacy.tasks.arrays import Arrays
from primacy.tasks.boolean import Boolean
from tests.support import tiny

TABLES = {
    "name": "mine",
    "task": {"kind": "boolean", "features": ["linear", "xor_and_or"], "units_per_feature": 8},
    "model": {"kind": "mlp", "widths": [8, 6]},
    "training": {
        "batch_size": 32, "examples": 128, "fit_examples": 64, "test_examples": 64, "epochs": 6,
        "evaluations": 7, "learning_rate": 0.01,
    },
}  # fmt: skip

CLAIM = {
    "id": "simple-first",
    "claim": "linear is learned before xor_and_or",
    "measure": "time_to_learn",
    "of": {"feature": "linear"},
    "minus": {"feature": "xor_and_or"},
    "expect": "less",
}


def wrong(**changes) -> list[str]:
    """What is said of each mistake."""
    with pytest.raises(StudyError) as caught:
        primacy.Study(**{**TABLES, **changes})
    return [str(problem) for problem in caught.value.problems]


def test_tables_make_the_study_that_a_file_makes(tmp_path):
    """Oracle: the same condition made of specs, and the study file that the study wrote."""
    study = primacy.Study(**TABLES, hypotheses=[CLAIM], seeds=np.int64(7))
    assert study.conditions["default"] == tiny.condition()
    assert study.hypotheses == (tiny.SIMPLE_FIRST,)
    assert study.seeds == 7
    path = tmp_path / "mine.toml"
    path.write_text(study.source)
    again = read_file(str(path))
    assert dataclasses.asdict(again) == dataclasses.asdict(study)


def test_specs_and_tables_are_one():
    condition = tiny.condition()
    parts = {part: getattr(condition, part) for part in ("task", "model", "training")}
    of_specs = primacy.Study(name="mine", **parts, hypotheses=(tiny.SIMPLE_FIRST,))
    of_tables = primacy.Study(**TABLES, hypotheses=[CLAIM])
    assert of_specs.conditions == of_tables.conditions
    assert of_specs.hypotheses == of_tables.hypotheses
    assert of_specs.replace().conditions == of_specs.conditions


def test_every_mistake_is_told_at_once():
    found = wrong(
        training=TABLES["training"] | {"optimizer": "rmsprop"},
        task=TABLES["task"] | {"features": ["linear", "xor_and_orr"]},
        hypotheses=[CLAIM | {"expect": "lesser"}],
        measures=["acuracy"],
        seeds=0,
    )
    assert found == [
        "seeds = 0: must be at least 1",
        'measures[0] = "acuracy": not a measure. Did you mean "accuracy"?',
        'task.features[1] = "xor_and_orr": not a feature. Did you mean "xor_and_or"?  '
        "(`primacy explain boolean` shows all)",
        'training.optimizer = "rmsprop": must be one of "adam", "adamw", "sgd"',
        'hypotheses[0].expect = "lesser": must be one of "less", "greater", "equal", "never". '
        'Did you mean "less"?',
    ]


def test_a_claim_about_nothing_in_the_study_is_told():
    found = wrong(hypotheses=[CLAIM | {"of": {"feature": "linaer"}}])
    assert len(found) == 1
    assert found[0].startswith('hypotheses[0].of.feature = "linaer"')
    assert 'Did you mean "linear"?' in found[0]


def test_conditions_are_called_as_in_python():
    training = dict(TABLES["training"])
    conditions = {
        name: {"task": TABLES["task"], "model": TABLES["model"], "training": training | changes}
        for name, changes in (("small", {}), ("large", {"batch_size": 1024}))
    }
    with pytest.raises(StudyError) as caught:
        primacy.Study(name="mine", conditions=conditions)
    (problem,) = caught.value.problems
    assert problem.key == "conditions.large.training.batch_size"
    assert "larger than the training set of 128" in problem.message


def test_what_is_no_value_of_a_study_is_told():
    assert wrong(training=TABLES["training"] | {"learning_rate": object()}) == [
        "training.learning_rate: must be text, a number, true or false, a list or a table, not of "
        "type object"
    ]
    assert wrong(hypotheses="less") == ["hypotheses: must be a list of hypotheses"]
    assert wrong(conditions=[]) == [
        'conditions: must be a dict of conditions by name: {"small": primacy.Condition(...)}'
    ]
    assert wrong(conditions={"default": tiny.condition()}) == [
        "conditions: give conditions, or task, model, training and grid, not both"
    ]


def test_a_copy_with_changes_is_checked():
    study = primacy.Study(**TABLES, grid={"training.learning_rate": [0.001, 0.003]})
    fewer = study.replace(seeds=3)
    assert (fewer.conditions, fewer.factors) == (study.conditions, study.factors)
    assert fewer.factors["learning_rate=0.003"] == {"training.learning_rate": 0.003}
    with pytest.raises(StudyError, match="acuracy"):
        study.replace(measures=("acuracy",))
    builtin = primacy.read("complexity")
    assert builtin.replace(seeds=3).conditions == builtin.conditions
    assert builtin.replace(seeds=3).source == builtin.source
    with pytest.raises(StudyError, match="acuracy"):
        builtin.replace(measures=("acuracy",))


def test_a_study_of_studies_is_checked():
    member = primacy.Study(**TABLES)
    whole = primacy.Study(name="whole", members=(member, member.replace(name="other")))
    assert [m.name for m in whole.members] == ["mine", "other"]
    with pytest.raises(StudyError, match=r"hypotheses\[0\]\.measure = \"relianc\""):
        whole.replace(hypotheses=[CLAIM | {"measure": "relianc"}])


def test_own_data_lie_where_python_says(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    text = "a,b,y\n" + "\n".join(f"{a},{b},{int(y > 0)}" for a, b, y in rows)
    (tmp_path / "data.csv").write_text(text)
    groups = Groups({"a": ["a"], "b": ["b"]})
    task = Arrays(file=str(tmp_path / "data.csv"), target=("y",), features=groups)
    study = primacy.Study(
        name="mine",
        task=task,
        model=MLP(widths=(4,)),
        training={"epochs": 6, "batch_size": 6, "evaluations": 5},
    )
    condition = study.conditions["default"]
    assert condition.task == task
    # Of data of limited size, all are used unless the study says how many.
    assert condition.training.examples == "all"
    assert study.replace(seeds=2).conditions == study.conditions


def test_run_takes_a_name_or_says_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match='Did you mean "complexity"'):
        primacy.run("complexty")
    with pytest.raises(TypeError, match=r"expected a study, not dict: .* primacy\.Study\("):
        asked(TABLES)
    with pytest.raises(StudyError, match="acuracy"):
        primacy.run(tiny.study(measures=("acuracy",)))  # the class below, which checks nothing
    assert not list(tmp_path.iterdir())


class Shell:
    """As much of IPython as a kernel has."""

    kernel = object()

    def __init__(self):
        self.shown = []

    def module(self):
        module = types.ModuleType("IPython")
        module.get_ipython = lambda: self
        display = types.ModuleType("IPython.display")
        display.display = self.display
        return {"IPython": module, "IPython.display": display}

    def display(self, content, *, raw, display_id):
        self.shown.append(content["text/plain"])
        return self

    def update(self, content, *, raw):
        self.shown.append(content["text/plain"])


def test_a_notebook_shows_progress_and_the_folder_keeps_the_study(tmp_path, monkeypatch, capsys):
    shell = Shell()
    for name, module in shell.module().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(NotebookProgress, "every", 0.0)
    assert in_notebook()
    study = primacy.Study(**TABLES, measures=["accuracy"], controls="none")
    result = primacy.run(study, tmp_path / "run", seeds=2)
    assert len(result.record.seeds) == 2
    assert shell.shown[0] == "mine: 1 condition(s) x 2 seeds; 2 networks to train"
    assert any("seed-steps" in line for line in shell.shown)
    again = read_file(str(tmp_path / "run" / "study.toml"))
    assert again.conditions == study.conditions
    # The command on the page finds the study in the folder, and nothing left to train.
    words = shlex.split(result.provenance["command"])[1:]
    with pytest.raises(SystemExit) as ended:
        app.main([*words, "--dry-run", "--json"])
    plan = json.loads(capsys.readouterr().out)
    assert (ended.value.code, plan["networks_stored"], plan["networks_to_train"]) == (0, 2, 0)
    told = len(shell.shown)
    primacy.run(study, tmp_path / "run", seeds=2, progress=False)
    assert len(shell.shown) == told


def test_a_cell_that_registers_may_be_run_again(monkeypatch):
    names = registry.Registry("model", "primacy.models")

    def cell(module):
        thing = type("Mine", (), {"__module__": module})
        return names.add("mine")(thing)

    cell("notebook")
    second = cell("notebook")
    assert names["mine"] is second
    with pytest.raises(ValueError, match="'mine' is already registered by notebook") as caught:
        cell("another")
    assert "choose another name" in str(caught.value)


def test_a_model_that_lacks_a_member_is_refused():
    half = type("Half", (), {"layer_names": (), "init": None, "apply": None})
    with pytest.raises(ValueError, match="model 'half' lacks layer_sizes, shapes, cost"):
        registry.models.add("half")(half)
    assert "half" not in registry.models


def test_a_model_registered_again_is_made_anew(monkeypatch):
    old = Boolean(features=("linear",))
    again = dataclasses.make_dataclass("Boolean", [])
    monkeypatch.setitem(registry.tasks.load(), "boolean", again)
    assert any("was registered again since" in line for line in wrong(task=old))
