"""Study files: what is read from them, and exactly what is said of every mistake."""

import dataclasses
import datetime
import functools
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest

from primacy.errors import StudyError
from primacy.records.study import Contrast, Hypothesis
from primacy.registry import canonical, models, spec, tasks
from primacy.study import file as studyfile
from primacy.study.schema import study_schema
from primacy.study.toml.hypotheses import read_claims
from primacy.types import Feature, Target

GOOD = """\
name = "mine"
question = "Which first?"
seeds = 4
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


@spec
class Rows:
    """A task of limited size whose features have no known optimum."""

    kind: ClassVar[str] = "rows of the study file test"
    rows: int = 100
    noise: float = 0.0
    loss = "sigmoid_cross_entropy"

    @property
    def declared(self) -> tuple[Feature, ...]:
        return (Feature(name="size", columns=(0,)),)

    @property
    def targets(self) -> tuple[Target, ...]:
        return (Target(name="y", kind="binary", chance=0.5, ceiling_known=False),)

    @property
    def input_names(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {"train": self.rows, "fit": 20, "test": 30}

    def draw(self, split, rng, n):
        raise NotImplementedError

    def build(self, draws):
        raise NotImplementedError


ROWS = GOOD.replace(
    'kind = "boolean"\nfeatures = ["linear", "xor_xor_xor"]',
    'kind = "rows of the study file test"\n',
).replace("examples = 64\n", "\n")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Only here: every other registered task is tested by the contract tests."""
    monkeypatch.setitem(tasks.load(), Rows.kind, Rows)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes mine.toml in an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        data = text if isinstance(text, bytes) else text.encode()
        Path("mine.toml").write_bytes(data)
        return "mine.toml"

    return write


def says(text, file, *lines, overrides=()):
    """Assert exactly these problems, place and all."""
    with pytest.raises(StudyError) as caught:
        studyfile.read(file(text), overrides=overrides)
    *found, last = str(caught.value).split("\n")
    # The places are padded to one width; that is checked where it is the point.
    found = [line.split("  ", 1)[0] + "  " + line.split("  ", 1)[1].lstrip(" ") for line in found]
    assert found == list(lines)
    count = len(lines)
    assert last == f"{count} problem{'s' * (count > 1)}; nothing was run."
    assert len(caught.value.problems) == count


def inserted(after, line, text=GOOD):
    """The text with a line more."""
    assert f"{after}\n" in text
    return text.replace(f"{after}\n", f"{after}\n{line}\n", 1)


# ---------------------------------------------------------------------------- what is read


def test_a_plain_study(file):
    study = studyfile.read(file(GOOD))
    assert (study.name, study.question, study.seeds) == ("mine", "Which first?", 4)
    assert study.seed_axes == ("init", "data", "order")
    assert study.measures == () and study.hypotheses == ()
    assert study.source == GOOD
    assert study.factors == {"default": {}}
    condition = study.conditions["default"]
    assert condition.task == tasks["boolean"](features=("linear", "xor_xor_xor"))
    assert condition.model.widths == (8,)
    # 64 / 32 = 2 steps an epoch, 5 epochs.
    assert condition.evaluations == tuple(range(11))


def test_the_name_defaults_to_the_file(file):
    text = GOOD.replace('name = "mine"\n', "")
    assert studyfile.read(file(text)).name == "mine"
    Path("my study.toml").write_text(text)
    assert studyfile.read("my study.toml").name == "my study"
    assert studyfile.read(str(Path("my study.toml").resolve())).name == "my study"


def test_whole_numbers_stand_for_numbers_but_not_the_reverse(file):
    text = inserted("[training]", "learning_rate = 1")
    assert studyfile.read(file(text)).conditions["default"].training.learning_rate == 1.0
    text = GOOD.replace("epochs = 5", "epochs = 5.0")
    says(text, file, "mine.toml:13  training.epochs = 5.0: must be a whole number")


def test_limited_data_are_used_whole_unless_said_otherwise(file):
    training = studyfile.read(file(ROWS)).conditions["default"].training
    assert (training.examples, training.fit_examples, training.test_examples) == ("all",) * 3
    text = inserted("[training]", "test_examples = 10", ROWS)
    assert studyfile.read(file(text)).conditions["default"].training.test_examples == 10


def test_a_grid_makes_every_combination(file):
    text = GOOD + '[grid]\n"training.learning_rate" = [1, 0.003]\nmodel.widths = [[8], [8, 4]]\n'
    study = studyfile.read(file(text))
    assert list(study.conditions) == [
        "learning_rate=1, widths=[8]",
        "learning_rate=1, widths=[8, 4]",
        "learning_rate=0.003, widths=[8]",
        "learning_rate=0.003, widths=[8, 4]",
    ]
    # As the spec has it: 1 is 1.0; a list is its text.
    assert study.factors["learning_rate=1, widths=[8, 4]"] == {
        "training.learning_rate": 1.0,
        "model.widths": "[8, 4]",
    }
    condition = study.conditions["learning_rate=0.003, widths=[8, 4]"]
    assert (condition.training.learning_rate, condition.model.widths) == (0.003, (8, 4))


def test_a_grid_of_one_value_is_a_factor_without_a_name(file):
    study = studyfile.read(file(GOOD + '[grid]\n"training.batch_size" = [16]\n'))
    assert study.factors == {"default": {"training.batch_size": 16}}
    assert study.conditions["default"].training.batch_size == 16


def test_conditions_are_laid_over_the_defaults_and_crossed_with_the_grid(file):
    text = (
        GOOD
        + '[[condition]]\nname = "tanh"\nmodel = { activation = "tanh" }\n'
        + '[[condition]]\nname = "plain"\n'
        + '[grid]\n"training.learning_rate" = [0.1, 0.2]\n'
    )
    study = studyfile.read(file(text))
    assert study.factors == {
        "tanh, learning_rate=0.1": {"condition": "tanh", "training.learning_rate": 0.1},
        "tanh, learning_rate=0.2": {"condition": "tanh", "training.learning_rate": 0.2},
        "plain, learning_rate=0.1": {"condition": "plain", "training.learning_rate": 0.1},
        "plain, learning_rate=0.2": {"condition": "plain", "training.learning_rate": 0.2},
    }
    tanh = study.conditions["tanh, learning_rate=0.2"]
    assert (tanh.model.activation, tanh.model.widths) == ("tanh", (8,))
    assert study.conditions["plain, learning_rate=0.2"].model.activation == "leaky_relu"


def test_another_kind_replaces_the_whole_table(file):
    kind = Rows.kind
    text = (
        GOOD.replace("examples = 64", "")
        + f'[[condition]]\nname = "rows"\ntask = {{ kind = "{kind}", rows = 64 }}\n'
    )
    study = studyfile.read(file(text))
    assert study.conditions["rows"].task == tasks[kind](rows=64)
    assert study.factors == {"rows": {"condition": "rows"}}
    # Also from the grid, with more keys of the new kind.
    text = ROWS + '[grid]\n"task.kind" = ["boolean"]\ntask.units_per_feature = [4, 5]\n'
    text = text.replace("batch_size", "examples = 64\nbatch_size")
    study = studyfile.read(file(text))
    assert [c.task.units_per_feature for c in study.conditions.values()] == [4, 5]
    assert list(study.conditions) == ["units_per_feature=4", "units_per_feature=5"]


def test_names_take_the_shortest_ending_that_says_which():
    from primacy.study.toml.grid import short

    assert short(["training.learning_rate", "task.scale", "model.scale"]) == {
        "training.learning_rate": "learning_rate",
        "task.scale": "task.scale",
        "model.scale": "model.scale",
    }


def test_hypotheses_are_flat_tables():
    text = GOOD + (
        "[[hypothesis]]\n"
        'id = "a"\nclaim = "b"\nmeasure = "time_to_learn"\nexpect = "less"\n'
        'of = { feature = "linear", at = 3, task.scale = 0.5 }\n'
        'minus = { feature = "xor_xor_xor", "task.scale" = true }\n'
        'scale = "ratio"\nmargin = 1\nat = { learned = "linear" }\n'
        'pool = ["task.noise"]\nanswers = "H1"\n'
        '[[hypothesis]]\nid = "c"\nclaim = "d"\nmeasure = "accuracy"\nexpect = "greater"\n'
        'control_for = "a"\n'
    )
    (first, second), mistakes = read_claims(tomllib.loads(text)["hypothesis"], [])
    assert not list(mistakes)
    assert first == Hypothesis(
        id="a",
        claim="b",
        contrast=Contrast(
            measure="time_to_learn",
            of={"feature": "linear", "at": 3, "task.scale": 0.5},
            minus={"feature": "xor_xor_xor", "task.scale": True},
            scale="ratio",
            at={"learned": "linear"},
            pool=("task.noise",),
        ),
        expect="less",
        margin=1.0,
        answers="H1",
    )
    assert second.contrast == Contrast(measure="accuracy")
    assert second.control_for == "a"


def test_who_reported_a_claim_decides_nothing():
    """Neither its identity nor the study's hash: it may be added after the runs."""
    claim = '[[hypothesis]]\nid = "a"\nclaim = "b"\nmeasure = "accuracy"\nexpect = "greater"\n'
    found = [
        read_claims(tomllib.loads(claim + more)["hypothesis"], [])[0][0]
        for more in ("", 'reported_by = "Someone 2024"\n')
    ]
    assert [h.reported_by for h in found] == [None, "Someone 2024"]
    assert canonical(found[0]) == canonical(found[1])


def test_what_a_claim_selects_must_exist(file):
    """Known once the study is: features, factors, evaluations."""
    text = GOOD + (
        '[[hypothesis]]\nid = "a"\nclaim = "b"\nmeasure = "time_to_learn"\nexpect = "less"\n'
        'of = { feature = "liner" }\nminus = { feature = "linear" }\n'
    )
    with pytest.raises(StudyError) as refused:
        studyfile.read(file(text))
    line = text.splitlines().index('of = { feature = "liner" }') + 1
    assert f'mine.toml:{line}  hypothesis[0].of.feature = "liner": ' in str(refused.value)
    assert 'Did you mean "linear"?' in str(refused.value)


# ---------------------------------------------------------------------------- overrides


def test_overrides(file):
    study = studyfile.read(
        file(GOOD),
        overrides=[
            "seeds=10",
            "training.learning_rate=3e-3",
            "training.optimizer=sgd",
            'task.features=["xor_and_or"]',
            "grid.model.widths=[[4], [2]]",
        ],
    )
    condition = study.conditions["widths=[2]"]
    assert study.seeds == 10
    assert condition.training.learning_rate == 0.003
    assert condition.training.optimizer == "sgd"
    assert condition.task.features == ("xor_and_or",)
    assert studyfile.read("mine.toml", overrides={"seeds": "7"}).seeds == 7
    assert study.source == GOOD


def test_overriding_one_length_drops_the_other(file):
    study = studyfile.read(file(GOOD), overrides=["training.steps=20"])
    training = study.conditions["default"].training
    assert (training.steps, training.epochs) == (20, None)


def test_mistakes_of_overrides_name_the_override(file):
    says(
        GOOD.replace("seeds = 4", "seeds = 0"),
        file,
        "mine.toml:3  seeds = 0: must be at least 1",
        '--set  training.epocs: unknown key. Did you mean "epochs"?',
        "--set  training.batch_size = 0: must be at least 1",
        overrides=["training.epocs=3", "training.batch_size=0"],
    )


@pytest.mark.parametrize("override", ["seeds", "=3", "a b=3", "a[1]=3", "x\ny=3", "a=1\nb"])
def test_what_is_no_override(file, override):
    with pytest.raises(StudyError) as caught:
        studyfile.read(file(GOOD), overrides=[override])
    assert str(caught.value).startswith("--set  ")
    assert "Traceback" not in str(caught.value)


def test_an_override_is_not_more_than_one_key(file):
    says(
        GOOD,
        file,
        '--set  seeds = "4\\nname = 3": must be a whole number',
        overrides=["seeds=4\nname = 3"],
    )


# ---------------------------------------------------------------------------- the built-in studies


def test_built_in_studies():
    assert {"complexity", "complexity-sgd", "notebook"} <= set(studyfile.builtin())
    study = studyfile.read("complexity")
    assert studyfile.builtin()["complexity"] == study.question
    assert study.source == studyfile.text("complexity")
    assert study.seeds == 30 and study.measures == ()
    condition = study.conditions["default"]
    # The demo: 8 steps an epoch, evaluated after each of 100 epochs and before the first.
    assert condition.evaluations == tuple(range(0, 801, 8))
    assert condition.model.widths == (256, 128, 64, 64)
    assert [h.id for h in study.hypotheses] == [
        "simple-first",
        "simple-stronger",
        "simple-stronger-matched",
        "used-equally",
        "linear-absolute-falls",
        "linear-absolute-regrows",
    ]
    sgd = studyfile.read("complexity-sgd").conditions["default"]
    assert (sgd.training.optimizer, sgd.training.learning_rate) == ("sgd", 0.3)
    assert (sgd.training.stop, sgd.evaluations) == ("learned", tuple(range(0, 3201, 8)))


def test_unknown_study(file):
    with pytest.raises(StudyError) as caught:
        studyfile.read("complexty")
    assert str(caught.value) == (
        'complexty  no built-in study has this name. Did you mean "complexity"? '
        f"There are: {', '.join(studyfile.builtin())}; a file's name ends in .toml\n"
        "1 problem; nothing was run."
    )
    file(GOOD)
    with pytest.raises(StudyError, match=r"called with its ending: mine\.toml"):
        studyfile.text("mine")


@pytest.mark.parametrize("name", studyfile.builtin())
def test_the_schema_accepts_the_built_in_studies(name):
    schema = study_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = tomllib.loads(studyfile.text(name))
    assert [e.message for e in validator.iter_errors(document)] == []
    wrong = {"hypothesis"} if "hypothesis" in document else set()
    if wrong:
        document["hypothesis"][0]["at"] = "start"
    if "include" not in document:
        document["task"]["featurs"] = []
        document["training"]["epochs"] = "many"
        wrong |= {"task", "training"}
    assert {error.path[0] for error in validator.iter_errors(document)} == wrong
    json.dumps(schema, allow_nan=False)


# ---------------------------------------------------------------------------- mistakes


def test_four_mistakes_at_once_with_their_lines(file):
    text = """\
name = "mine"
seeds = "thirty"

[task]
kind = "boolean"
units_per_feature = 2
features = ["linear", "xor_xor_xorr"]

[model]
kind = "mlp"
[training]
epochs = 2
epocs = 3
"""
    with pytest.raises(StudyError) as caught:
        studyfile.read(file(text))
    assert str(caught.value) == (
        'mine.toml:2   seeds = "thirty": must be a whole number\n'
        "mine.toml:6   task.units_per_feature = 2: expected at least 4: linear and gates take "
        "units 0 to 3\n"
        'mine.toml:7   task.features[1] = "xor_xor_xorr": not a feature. Did you mean '
        '"xor_xor_xor"?  (`primacy explain boolean` shows all)\n'
        'mine.toml:13  training.epocs: unknown key. Did you mean "epochs"?\n'
        "4 problems; nothing was run."
    )
    problem = caught.value.problems[2]
    assert dataclasses.asdict(problem) == {
        "file": "mine.toml",
        "line": 7,
        "key": "task.features[1]",
        "message": 'not a feature. Did you mean "xor_xor_xor"?  '
        "(`primacy explain boolean` shows all)",
        "choices": (),
        "value": '"xor_xor_xorr"',
    }


def test_choices_are_listed_for_programs(file):
    with pytest.raises(StudyError) as caught:
        studyfile.read(file(inserted("[training]", 'optimizer = "adm"')))
    (problem,) = caught.value.problems
    assert problem.choices == ("adam", "adamw", "sgd")
    assert problem.message == 'must be one of "adam", "adamw", "sgd". Did you mean "adam"?'


ONE = {  # what stands where, and what is said
    "seeds as text": (
        "seeds = 4",
        'seeds = "4"',
        '3  seeds = "4": must be a whole number, without quotes',
    ),
    "seeds 0": ("seeds = 4", "seeds = 0", "3  seeds = 0: must be at least 1"),
    "seeds true": ("seeds = 4", "seeds = true", "3  seeds = true: must be a whole number"),
    "seeds without end": (
        "seeds = 4",
        "seeds = 10000000",
        "3  seeds = 10000000: must be at most 1000000",
    ),
    "question": (
        'question = "Which first?"',
        "question = 3",
        "2  question = 3: must be text in quotes",
    ),
    "seed axes": (
        "seeds = 4",
        'seed_axes = ["inits"]',
        '3  seed_axes[0] = "inits": must be one of "init", "data", "order". Did you mean "init"?',
    ),
    "no seed axes": ("seeds = 4", "seed_axes = []", "3  seed_axes: needs at least 1 item"),
    "a top key": ("seeds = 4", "seed = 4", '3  seed: unknown key. Did you mean "seeds"?'),
    "a strange top key": (
        "seeds = 4",
        "zzz = 4",
        "3  zzz: unknown key. There are: name, question, seeds, seed_offset, seed_axes, measures, "
        "controls, exact_solo, include, task, model, training, grid, condition, hypothesis",
    ),
    "a top key in a table": (
        "epochs = 5",
        "epochs = 5\nseeds = 3",
        "14  training.seeds: unknown key. It belongs at the top of the file, above the first "
        "[table]",
    ),
    "a kind": (
        'kind = "boolean"',
        'kind = "bolean"',
        '5  task.kind = "bolean": not a task. Did you mean "boolean"?',
    ),
    "a kind of a number": ('kind = "mlp"', "kind = 3", "8  model.kind = 3: must be text in quotes"),
    "scalar for list": ("widths = [8]", "widths = 8", "9  model.widths = 8: must be a list in [ ]"),
    "an item": (
        "widths = [8]",
        "widths = [\n8,\n0]",
        "11  model.widths[1] = 0: must be at least 1",
    ),
    "an item's type": (
        "widths = [8]",
        "widths = [\n8,\n0.5]",
        "11  model.widths[1] = 0.5: must be a whole number",
    ),
    "one of several types": (
        "examples = 64",
        'examples = "streem"',
        '11  training.examples = "streem": must be a whole number or one of "stream", "all". '
        'Did you mean "stream"?',
    ),
    "the range of one of several types": (
        "examples = 64",
        "examples = 0",
        "11  training.examples = 0: must be at least 1",
    ),
    "a table for a number": (
        "examples = 64",
        "examples.n = 64",
        '11  training.examples: must be a whole number or one of "stream", "all"',
    ),
    "theta": ("epochs = 5", "epochs = 5\ntheta = 0", "14  training.theta = 0: must be above 0"),
    "theta above 1": (
        "epochs = 5",
        "epochs = 5\ntheta = 1.5",
        "14  training.theta = 1.5: must be at most 1",
    ),
    "infinity": (
        "epochs = 5",
        "epochs = 5\nlearning_rate = inf",
        "14  training.learning_rate = Infinity: must be a finite number",
    ),
    "not a number": (
        "epochs = 5",
        "epochs = 5\nlearning_rate = nan",
        "14  training.learning_rate = NaN: must be a finite number",
    ),
    "a float beyond floats": (
        "epochs = 5",
        "epochs = 5\nlearning_rate = 1e999",
        "14  training.learning_rate = Infinity: must be a finite number",
    ),
    "too many bits": (
        "seeds = 4",
        "seeds = 99999999999999999999",
        "3  seeds: has more than 64 bits",
    ),
    "a date": (
        'question = "Which first?"',
        "question = 2024-05-14",
        '2  question = "2024-05-14": a date or time; as text it needs quotes',
    ),
    "control characters": (
        'question = "Which first?"',
        'question = "a\\u0007"',
        '2  question = "a\\u0007": holds control characters',
    ),
    "control characters in a key": (
        "seeds = 4",
        '"a\\u001b[31m" = 1',
        r'3  "a\u001b[31m": a key with control characters',
    ),
    "a name that is a path": (
        'name = "mine"',
        'name = "../../x"',
        '1  name = "../../x": the run folder is named after it: use letters, digits, - and _',
    ),
    "a name that is a device": (
        'name = "mine"',
        'name = "CON"',
        '1  name = "CON": the run folder is named after it: use letters, digits, - and _',
    ),
    "no name": ('name = "mine"', 'name = ""', '1  name = "": a name cannot be empty'),
    "a long name": (
        'name = "mine"',
        f'name = "{"n" * 300}"',
        f'1  name = "{"n" * 58}…: 300 characters; a name has at most 200',
    ),
    "a task that is none": ("[task]", "[tasks]", None),
    "training without length": (
        "epochs = 5",
        "",
        "10  training: does not say how long: give epochs, or steps",
    ),
    "two lengths": (
        "epochs = 5",
        "epochs = 5\nsteps = 9",
        "14  training.steps = 9: epochs is given too: leave out one of them",
    ),
    "a stream of epochs": (
        "examples = 64",
        'examples = "stream"',
        "13  training.epochs = 5: a stream has no epochs: give steps",
    ),
    "all of an endless task": (
        "examples = 64",
        'examples = "all"',
        '11  training.examples = "all": this task makes as many as asked for: give a number',
    ),
    "a batch too large": (
        "batch_size = 32",
        "batch_size = 65",
        "12  training.batch_size = 65: larger than the training set of 64 examples",
    ),
    "too many evaluations": (
        "evaluations = 11",
        "evaluations = 12",
        "14  training.evaluations = 12: 10 steps allow at most 11",
    ),
    "confirm": (
        "evaluations = 11",
        "evaluations = 4\nconfirm = 5",
        "15  training.confirm = 5: more than the 4 evaluations",
    ),
    "momentum of adam": (
        "epochs = 5",
        "epochs = 5\nmomentum = 0.9",
        '14  training.momentum = 0.9: does nothing with optimizer = "adam"; only sgd has it',
    ),
    "one example is its own mean": (
        "widths = [8]\n[training]\nexamples = 64\nbatch_size = 32",
        'widths = [8]\nnormalization = "batch"\n[training]\nexamples = 64\nbatch_size = 1',
        "13  training.batch_size = 1: batch normalization leaves nothing of one example, which is "
        "its own mean: use 2 or more, or another normalization",
    ),
    "frequencies of no sines": (
        "widths = [8]",
        "widths = [8]\nfrequencies = [1.0]",
        '10  model.frequencies: does nothing with encoding = "none"; only positional has it',
    ),
    "nothing to skip": (
        "widths = [8]",
        "widths = [8, 4]\nresidual = true",
        "10  model.residual = true: does nothing: no hidden layer is as wide as the one before it",
    ),
    "unknown measure": (
        "seeds = 4",
        'measures = ["accurracy"]',
        '3  measures[0] = "accurracy": not a measure. Did you mean "accuracy"?',
    ),
    "a measure twice": (
        "seeds = 4",
        'measures = ["accuracy", "accuracy"]',
        '3  measures[1] = "accuracy": stands twice',
    ),
    "a derived measure": (
        "seeds = 4",
        'measures = ["variance_absolute"]',
        '3  measures[0] = "variance_absolute": is computed from variance_explained and '
        "total_variance: list these instead",
    ),
    "an event": (
        "seeds = 4",
        'measures = ["time_to_learn"]',
        '3  measures[0] = "time_to_learn": is always there: leave it out',
    ),
    "right-to-left override": (
        "seeds = 4",
        '"\\u202e" = 1',
        r'3  "\u202e": unknown key. There are: name, question, seeds, seed_offset, seed_axes, '
        r"measures, controls, exact_solo, include, task, model, training, grid, condition, "
        r"hypothesis",
    ),
}


@pytest.mark.parametrize("case", [case for case in ONE if ONE[case][2]])
def test_one_mistake(case, file):
    old, new, said = ONE[case]
    assert f"{old}\n" in GOOD
    says(GOOD.replace(f"{old}\n", f"{new}\n", 1), file, f"mine.toml:{said}")


def test_data_of_limited_size_make_no_stream(file):
    path = Path(file(GOOD)).parent / "data.csv"
    path.write_text("a,b,y\n" + "\n".join(f"{i},{i * i % 7},{i % 2}" for i in range(40)))
    says(
        'name = "x"\n[task]\nkind = "arrays"\nfile = "data.csv"\ntarget = ["y"]\n'
        'features = { a = ["a"], b = ["b"] }\n[model]\nkind = "mlp"\nwidths = [4]\n'
        '[training]\nbatch_size = 4\nexamples = "stream"\nsteps = 10\nevaluations = 4\n',
        file,
        'mine.toml:12  training.examples = "stream": the data are of limited size: write "all" or '
        "a number",
    )


def test_missing_tables(file):
    says(
        GOOD.replace("[task]", "[tasks]").replace("[model]\nkind", "[model]\nkid"),
        file,
        "mine.toml  task.kind: missing. There are: " + ", ".join(sorted(tasks.load())),
        'mine.toml:4  tasks: unknown key. Did you mean "task"?',
        "mine.toml:7  model.kind: missing. There are: " + ", ".join(sorted(models.load())),
    )


def test_tables_that_are_none(file):
    says(
        'name = "a"\ntask = 1\nmodel = []\ntraining = "x"\ngrid = 1\ncondition = 1\n'
        "hypothesis = 1\n",
        file,
        "mine.toml:2  task = 1: must be a table: [task]",
        "mine.toml:3  model: must be a table: [model]",
        'mine.toml:4  training = "x": must be a table: [training]',
        "mine.toml:5  grid = 1: must be a table: [grid]",
        "mine.toml:6  condition = 1: must be written [[condition]]",
        "mine.toml:7  hypothesis = 1: must be written [[hypothesis]]",
    )


def test_stopping_when_learned_needs_a_known_optimum(file):
    says(
        inserted("[training]", 'stop = "learned"', ROWS),
        file,
        'mine.toml:11  training.stop = "learned": nobody knows when the features of these data '
        'are learned as well as they can be: write "budget"',
    )


def test_more_examples_than_there_are(file):
    says(
        inserted("[training]", "examples = 101\nfit_examples = 21\ntest_examples = 30", ROWS),
        file,
        "mine.toml:11  training.examples = 101: more than the 100 that the data have",
        "mine.toml:12  training.fit_examples = 21: more than the 20 that the data have",
    )


def test_mistakes_in_conditions_and_grid_stand_where_they_were_written(file):
    text = (
        GOOD
        + '[[condition]]\nname = "a"\nmodel = { activation = "tan", widths = [\n0] }\n'
        + '[[condition]]\nname = "b"\ntraining.epochs = "x"\nmodle = {}\ntask = 3\n'
        + "[[condition]]\nmodel = {}\n"
        + '[grid]\n"training.learning_rate" = [0.1,\n-1]\ntask.units_per_feature = [3, 4]\n'
    )
    says(
        text,
        file,
        'mine.toml:17  condition[0].model.activation = "tan": must be one of "leaky_relu", '
        '"relu", "tanh", "gelu". Did you mean "tanh"?',
        "mine.toml:18  condition[0].model.widths[0] = 0: must be at least 1",
        'mine.toml:21  condition[1].training.epochs = "x": must be a whole number',
        'mine.toml:22  condition[1].modle: unknown key. Did you mean "model"?',
        "mine.toml:23  condition[1].task = 3: must be a table: { key = value }",
        "mine.toml:24  condition[2].name: missing",
        'mine.toml:28  grid."training.learning_rate"[1] = -1: must be at least 0',
        "mine.toml:29  grid.task.units_per_feature[0] = 3: expected at least 4: linear and gates "
        "take units 0 to 3",
    )


def test_a_grid_that_makes_no_sense(file):
    says(
        GOOD + '[grid]\nlearning_rate = [1]\n"training.steps" = 3\n"training.theta" = []\n'
        '"model.widths" = [[4], [4]]\ntask.units_per_feature = [4]\n'
        '"task.units_per_feature" = [5]\n',
        file,
        "mine.toml:16  grid.learning_rate: not a key of task, model or training. There are: "
        "task. ..., model. ..., training. ...",
        'mine.toml:17  grid."training.steps" = 3: must be a list of values, in [ ]',
        'mine.toml:18  grid."training.theta": must be a list of values, in [ ]',
        'mine.toml:19  grid."model.widths"[1]: stands twice',
        'mine.toml:21  grid."task.units_per_feature": grid.task.units_per_feature sets the same',
    )


def test_grid_and_condition_cannot_set_the_same(file):
    says(
        GOOD + '[[condition]]\nname = "a"\nmodel.widths = [4]\n[grid]\nmodel.widths = [[2], [3]]\n',
        file,
        'mine.toml:19  grid.model.widths: condition "a" sets the same',
    )


def test_too_many_conditions(file):
    values = str(list(range(1, 102)))
    says(
        GOOD + f'[grid]\n"training.batch_size" = {values}\n"training.steps" = {values}\n',
        file,
        "mine.toml:15  grid: 10201 conditions; there can be 10000 at most",
    )


def test_two_conditions_that_are_one(file):
    says(
        GOOD + '[[condition]]\nname = "a"\n[[condition]]\nname = "b"\nmodel.widths = [8]\n'
        '[[condition]]\nname = "a"\nmodel.widths = [4]\n',
        file,
        'mine.toml:18  condition[1].name = "b": "b" is "a" again',
        'mine.toml:21  condition[2].name = "a": two conditions are called "a"',
    )


def test_names_that_look_the_same_are_the_same(file):
    says(
        GOOD + '[[condition]]\nname = "\u00e9"\n[[condition]]\nname = "e\u0301"\n'
        "model.widths = [4]\n",
        file,
        'mine.toml:18  condition[1].name = "\u00e9": two conditions are called "\u00e9"',
    )


def test_a_setting_is_fine_where_one_condition_uses_it(file):
    text = inserted("[training]", "momentum = 0.9")
    text += '[grid]\n"training.optimizer" = ["adam", "sgd"]\n'
    assert list(studyfile.read(file(text)).conditions) == ["optimizer=adam", "optimizer=sgd"]


def test_conditions_that_differ_in_what_does_nothing_are_one(file):
    text = GOOD + '[grid]\n"training.optimizer" = ["adam", "sgd"]\n'
    says(
        text + '"training.momentum" = [0.0, 0.9]\n',
        file,
        'mine.toml:15  grid: "optimizer=adam, momentum=0.9" is "optimizer=adam, momentum=0" again: '
        'momentum does nothing with optimizer = "adam"; only sgd has it',
    )
    says(
        GOOD + '[grid]\n"model.depth" = [1, 2]\n"model.residual" = [false, true]\n',
        file,
        'mine.toml:15  grid: "depth=1, residual=true" is "depth=1, residual=false" again: residual '
        "does nothing: no hidden layer is as wide as the one before it",
    )
    used = GOOD + '[grid]\n"model.depth" = [2, 3]\n"model.residual" = [false, true]\n'
    assert len(studyfile.read(file(used)).conditions) == 4


def test_one_image_has_many_places(file):
    text = (
        GOOD.replace('"boolean"\nfeatures = ["linear", "xor_xor_xor"]', '"dominoes"')
        .replace('"mlp"\nwidths = [8]', '"convolutional"\nnormalization = "batch"')
        .replace("batch_size = 32", "batch_size = 1")
    )
    assert studyfile.read(file(text)).notes == ()


def claims(*changes):
    """The good study with one hypothesis whose lines were changed (key -> line, or none)."""
    lines = {
        "id": 'id = "a"',
        "claim": 'claim = "b"',
        "measure": 'measure = "accuracy"',
        "of": 'of = { feature = "linear" }',
        "minus": 'minus = { feature = "xor_xor_xor" }',
        "expect": 'expect = "less"',
    } | dict(changes)
    return GOOD + "\n".join(["[[hypothesis]]", *filter(None, lines.values()), ""])


CLAIMS = {
    "direction": (
        ("expect", 'expect = "lower"'),
        '21  hypothesis[0].expect = "lower": must be one of "less", "greater", "equal", "never"',
    ),
    "no direction": (("expect", ""), "15  hypothesis[0].expect: missing"),
    "scale": (
        ("scale", 'scale = "ration"'),
        '22  hypothesis[0].scale = "ration": must be one of "difference", "ratio". Did you '
        'mean "ratio"?',
    ),
    "margin below 0": (
        ("margin", "margin = -1"),
        "22  hypothesis[0].margin = -1: must be at least 0",
    ),
    "unknown key": (
        ("margn", "margn = 1"),
        '22  hypothesis[0].margn: unknown key. Did you mean "margin"?',
    ),
    "unknown measure": (
        ("measure", 'measure = "time_to_lern"'),
        '18  hypothesis[0].measure = "time_to_lern": not a measure. Did you mean "time_to_learn"?',
    ),
    "a word for at": (
        ("at", 'at = "ends"'),
        '22  hypothesis[0].at = "ends": must be "end", "mean", "learned", a step such as '
        '240, or { learned = "a feature" }. Did you mean "end"?',
    ),
    "half a step": (
        ("at", "at = 2.5"),
        '22  hypothesis[0].at = 2.5: must be "end", "mean", "learned", a step such as 240, '
        'or { learned = "a feature" }',
    ),
    "a step below 0": (
        ("at", "at = -1"),
        '22  hypothesis[0].at = -1: must be "end", "mean", "learned", a step such as 240, or '
        '{ learned = "a feature" }',
    ),
    "at of one side": (
        ("of", 'of = { feature = "linear", at = { lerned = "x" } }'),
        '19  hypothesis[0].of.at: must be "end", "mean", "learned", a step such as 240, or { '
        'learned = "a feature" }',
    ),
    "a column": (
        ("of", 'of = { featur = "linear" }'),
        '19  hypothesis[0].of.featur: unknown key. Did you mean "feature"?',
    ),
    "a list of features": (
        ("of", 'of = { feature = ["linear"] }'),
        "19  hypothesis[0].of.feature: must be one value: text, a number, true or false",
    ),
    "a trend and minus": (
        ("over", 'over = "task.scale"'),
        '22  hypothesis[0].over = "task.scale": a trend has no minus: leave out one of the two',
    ),
    "a ratio to nothing": (
        ("scale", 'scale = "ratio"'),
        ("minus", ""),
        '21  hypothesis[0].scale = "ratio": a ratio needs minus: what it is compared with',
    ),
    "equal without margin": (
        ("expect", 'expect = "equal"'),
        '15  hypothesis[0].margin: "equal" needs a margin above 0: how much difference is '
        "still none",
    ),
    "a margin from nowhere": (
        ("minus", ""),
        ("expect", 'expect = "greater"\nmargin = 0.9'),
        "21  hypothesis[0].margin = 0.9: a margin is a distance, and without minus it is one from "
        "0 (above 0.9): write what the value must be above as threshold, or add threshold = 0 to "
        "keep this",
    ),
    "a ratio of nothing": (
        ("scale", 'scale = "ratio"\nthreshold = 0'),
        "23  hypothesis[0].threshold = 0: a ratio is compared with a number above 0",
    ),
    "its own control": (
        ("control_for", 'control_for = "a"'),
        '22  hypothesis[0].control_for = "a": a hypothesis cannot control itself',
    ),
    "a control of nothing": (
        ("control_for", 'control_for = "b"'),
        '22  hypothesis[0].control_for = "b": no such hypothesis. There are: a',
    ),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_one_mistake_in_a_hypothesis(case, file):
    *changes, said = CLAIMS[case]
    says(claims(*changes), file, f"mine.toml:{said}")


def test_never_is_about_times_of_one_thing(file):
    says(
        claims(("expect", 'expect = "never"')),
        file,
        'mine.toml:15  hypothesis[0].margin: "never" needs a share of the seeds above 0 and '
        "below 1, such as 0.12",
        'mine.toml:18  hypothesis[0].measure = "accuracy": "never" needs one of time_to_learn, '
        "time_to_pick_up, time_to_abandon",
        'mine.toml:20  hypothesis[0].minus: "never" is about one thing: leave it out',
    )
    says(
        claims(
            ("expect", 'expect = "never"\nmargin = 0.12\nthreshold = 0.12'),
            ("measure", 'measure = "time_to_learn"'),
            ("minus", ""),
        ),
        file,
        'mine.toml:22  hypothesis[0].threshold = 0.12: "never" has its share of the seeds in '
        "margin",
    )
    good = claims(
        ("expect", 'expect = "never"\nmargin = 0.12'),
        ("measure", 'measure = "time_to_learn"'),
        ("minus", ""),
    )
    assert studyfile.read(file(good)).hypotheses[0].expect == "never"


def test_ids_are_unique(file):
    text = claims()
    says(
        text + text[text.index("[[hypothesis]]") :],
        file,
        'mine.toml:23  hypothesis[1].id = "a": another hypothesis has this id',
    )


def test_a_hypothesis_about_what_is_not_measured(file):
    text = claims(("measure", 'measure = "variance_absolute"'))
    text = text.replace("seeds = 4", 'measures = ["accuracy", "variance_explained"]')
    says(
        text,
        file,
        'mine.toml:18  hypothesis[0].measure = "variance_absolute": not measured in this study: '
        "add total_variance to measures",
    )


def test_a_measure_that_does_not_apply_is_said(file):
    text = (
        GOOD.replace('"boolean"\nfeatures = ["linear", "xor_xor_xor"]', '"staircase"')
        .replace('"mlp"\nwidths = [8]', '"linear"')
        .replace(
            "seeds = 4",
            'measures = ["accuracy", "r_squared", "steering_push", "variance_explained"]',
        )
    )
    number = "is of 0/1 and class targets, and the target y is a number"
    layer = 'is of a hidden layer, and kind = "linear" has none: choose a measure of the outputs'
    assert studyfile.read(file(text)).notes == (
        f"accuracy is not measured: it {number}: use r_squared",
        f"steering_push is not measured: it {number}",
        f"variance_explained is not measured: it {layer}",
    )
    claim = '[[hypothesis]]\nid = "{0}"\nclaim = "b"\nmeasure = "{0}"\n{1}expect = "less"\n'
    says(
        text
        + claim.format("accuracy", "")
        + claim.format("variance_explained", 'of = { feature = "x1" }\n'),
        file,
        f'mine.toml:16  hypothesis[0].measure = "accuracy": {number}: use r_squared',
        f'mine.toml:21  hypothesis[1].measure = "variance_explained": {layer}',
    )


def test_a_claim_of_the_condition_that_cannot_have_its_measure(file):
    other = '[[condition]]\nname = "signs"\n[[condition]]\nname = "sum"\n'
    other += 'task = { kind = "staircase" }\n'
    of = ("of", 'of = { condition = "sum", target = "y" }')
    text = claims(("minus", ""), of).replace("[[hypothesis]]", f"{other}[[hypothesis]]")
    says(
        text,
        file,
        'mine.toml:23  hypothesis[0].measure = "accuracy": is of 0/1 and class targets, and the '
        "target y is a number: use r_squared",
    )
    text = text.replace('"sum", target = "y"', '"signs", target = "linear"')
    assert studyfile.read(file(text)).hypotheses


def test_too_few_seeds_for_any_claim_are_a_note(file):
    text = claims()
    assert studyfile.read(file(text)).notes == (
        "4 seeds: no claim can be tested with fewer than 6",
    )
    study = studyfile.read(file(text), overrides=["seeds=1"])
    assert study.notes == ("1 seed: no claim can be tested with fewer than 6",)
    assert studyfile.read(file(text), overrides=["seeds=6"]).notes == ()


def test_the_value_of_a_list_is_asked_for_as_it_is_written(file):
    grid = '[grid]\n"task.features" = [["linear", "parity2"], ["linear", "parity3"]]\n'
    sides = (
        ("of", 'of = { feature = "linear", "task.features" = ["linear", "parity2"] }'),
        ("minus", 'minus = { feature = "linear", "task.features" = ["linear", "parity3"] }'),
    )
    text = claims(*sides).replace("[[hypothesis]]", f"{grid}[[hypothesis]]")
    contrast = studyfile.read(file(text)).hypotheses[0].contrast
    assert contrast.of["task.features"] == '["linear", "parity2"]'
    says(
        text.replace('["linear", "parity3"] }', '["linear"] }'),
        file,
        'mine.toml:22  hypothesis[0].minus."task.features": no condition has it. There are: '
        '["linear", "parity2"], ["linear", "parity3"]',
    )


def test_a_name_with_a_colon_does_not_cut_the_message(file):
    text = claims(
        ("measure", 'measure = "time_to_learn"'),
        ("of", 'of = { feature = "xor_xor_xor: a" }'),
        ("minus", ""),
    )
    says(
        inserted('features = ["linear", "xor_xor_xor"]', 'watched = ["xor_xor_xor: a"]', text),
        file,
        "mine.toml:20  hypothesis[0].of: it has no time-to-learn: it is measured only: no output "
        'is trained on it. Did you mean "xor_xor_xor"? There are: linear, xor_xor_xor',
    )


WEIRD = [
    -1, 2.5, float("inf"), True, "a\0", [], {}, [[]], [1, "a", 1], {"kind": []},
    {"kind": "boolean", "features": {}}, [{"name": 3}, {"name": []}, {}, 3], {"a.b": [1]},
    {"task": {"kind": ["x"]}}, [{"of": {"at": {}}, "id": []}, {"minus": [[]]}], {"": [""]}, 10**30,
    datetime.date(2024, 5, 14), [datetime.time(1)],
]  # fmt: skip


INSIDE = ("task.kind", "task.features", "training.examples")


@pytest.mark.parametrize("key", [*studyfile.HEAD, *studyfile.TABLES, *INSIDE])
def test_any_value_anywhere_is_read_or_refused(key, monkeypatch):
    *tables, last = key.split(".")
    for value in WEIRD:
        document = tomllib.loads(GOOD + MORE)
        functools.reduce(dict.__getitem__, tables, document)[last] = value
        monkeypatch.setattr(studyfile, "parsed", lambda text, file, found=document: found)
        try:
            study = studyfile.read("complexity")
        except StudyError as error:
            assert error.problems and str(error).endswith("nothing was run."), value
        else:
            assert study.conditions, value


MORE = """
[grid]
"training.learning_rate" = [0.1, 0.2]
[[condition]]
name = "a"
[[hypothesis]]
id = "a"
claim = "b"
measure = "accuracy"
expect = "less"
"""


# ---------------------------------------------------------------------------- files that are none


FILES = {
    "not TOML": (
        b"name = mine\n",
        'mine.toml:1  not valid TOML: invalid value (column 8). Text needs quotes: "adam"',
    ),
    "a key twice": (
        b"seeds = 1\n\nseeds = 2\n",
        "mine.toml:3  not valid TOML: cannot overwrite a value (column 10). A key or table "
        "stands twice",
    ),
    "a table twice": (
        b"[task]\n[task]\n",
        "mine.toml:2  not valid TOML: cannot declare ('task',) twice (column 6). A table "
        "stands twice",
    ),
    "an open list": (
        b"a = 1\nb = [1,\n",
        'mine.toml:2  not valid TOML: invalid value (end of the file). Text needs quotes: "adam"',
    ),
    "NUL": (b"a = 1\n\0\n", "mine.toml:2  a NUL character: not a text file; save it as UTF-8"),
    "not UTF-8": (b'a = 1\nb = "\xe9"\n', "mine.toml:2  not UTF-8 text: save the file as UTF-8"),
    "UTF-16": ("a = 1\n".encode("utf-16"), "mine.toml:1  not UTF-8 text: save the file as UTF-8"),
    "too large": (b"#" * 1_000_001, "mine.toml  larger than 1,000,000 bytes: not a study file"),
    "deep lists": (
        b"a = " + b"[" * 400_000,
        "mine.toml  lists or tables nested too deeply; 32 inside each other is the most",
    ),
    "deep tables": (
        b"a = " + b"{a=" * 200_000,
        "mine.toml  lists or tables nested too deeply; 32 inside each other is the most",
    ),
    "33 lists": (
        b"a = " + b"[" * 33 + b"]" * 33,
        "mine.toml  lists or tables nested too deeply; 32 inside each other is the most",
    ),
    "deep keys": (
        b"\n" + b"a." * 400_000 + b"a = 1",
        "mine.toml:2  more than 200 dots in one key: nested too deeply",
    ),
    "40 keys": (
        b"a." * 40 + b"a = 1",
        "mine.toml  lists or tables nested too deeply; 32 inside each other is the most",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_what_cannot_be_read_is_one_line(case, file):
    data, said = FILES[case]
    says(data, file, said)


def test_a_number_of_thousands_of_digits(file):
    with pytest.raises(StudyError, match=r"^mine\.toml  not valid TOML: "):
        studyfile.read(file("seeds = " + "9" * 5000))


def test_a_byte_order_mark_and_windows_line_ends_are_fine(file):
    data = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert studyfile.read(file(data)).name == "mine"
    says(
        data.replace(b"epochs", b"epocs"),
        file,
        'mine.toml:13  training.epocs: unknown key. Did you mean "epochs"?',
    )


def test_no_file(file):
    for name, said in {
        "none.toml": "no such file. `primacy init complexity --out FILE` writes one to start from",
        "complexity.toml": "no such file. The built-in study is called without .toml: complexity",
        "a\0.toml": "cannot be read: embedded null byte",
        "folder.toml": "a folder; a study is one TOML file",
    }.items():
        file(GOOD)
        Path("folder.toml").mkdir(exist_ok=True)
        with pytest.raises(StudyError) as caught:
            studyfile.read(name)
        shown = name.replace("\0", r"\u0000")
        assert str(caught.value) == f"{shown}  {said}\n1 problem; nothing was run."


def test_a_pipe_is_not_waited_for(file):
    file(GOOD)
    os.mkfifo("pipe.toml")
    with pytest.raises(StudyError, match="not a regular file"):
        studyfile.read("pipe.toml")


# ------------------------------------------------------------------ all of it in one round


def test_measures_features_and_expressions_are_told_beside_other_mistakes(file):
    """One round: each of these used to wait for the others to be mended."""
    text = (
        GOOD.replace('"xor_xor_xor"]', '"a and and b"]')
        .replace("epochs = 5", 'epochs = "5"')
        .replace("seeds = 4", 'seeds = 4\nmeasures = ["acuracy"]')
    )
    says(
        text
        + """
[[hypothesis]]
id = "a"
claim = "b"
measure = "relianc"
of = { feature = "linaer" }
minus = { feature = "linear null" }
at = { learned = "a and and b" }
expect = "lesser"
""",
        file,
        'mine.toml:4  measures[0] = "acuracy": not a measure. Did you mean "accuracy"?',
        'mine.toml:7  task.features[1] = "a and and b": not a feature: "and" after "and": expected '
        'a bit, not or (. Did you mean "or_and_and"?  (`primacy explain boolean` shows all)',
        'mine.toml:14  training.epochs = "5": must be a whole number, without quotes',
        'mine.toml:20  hypothesis[0].measure = "relianc": not a measure. Did you mean "reliance"?',
        'mine.toml:21  hypothesis[0].of.feature = "linaer": not a feature. Did you mean "linear"?',
        'mine.toml:24  hypothesis[0].expect = "lesser": must be one of "less", "greater", "equal", '
        '"never". Did you mean "less"?',
    )


def test_features_are_not_guessed_where_a_task_is_unknown(file):
    text = claims(("of", 'of = { feature = "whatever" }'))
    says(
        text.replace('kind = "boolean"', 'kind = "bolean"').replace("features = ", "gates = "),
        file,
        'mine.toml:5  task.kind = "bolean": not a task. Did you mean "boolean"?',
    )


def test_a_claim_about_a_feature_that_the_task_misspells_is_no_mistake_of_the_claim(file):
    says(
        claims().replace('"xor_xor_xor"]', '"xor_xor_xorr"]'),
        file,
        'mine.toml:6  task.features[1] = "xor_xor_xorr": not a feature. Did you mean '
        '"xor_xor_xor"?  (`primacy explain boolean` shows all)',
    )
