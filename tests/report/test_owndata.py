"""Studies of made-up own data, from the file to the first sentence: what is planted is said."""

import dataclasses
import re

import numpy as np
import polars as pl
import pytest

import primacy
from primacy.analysis import outcomes, verdicts
from primacy.errors import StudyError
from primacy.records.study import Contrast, Hypothesis
from primacy.report import html as report
from primacy.study import file

STUDY = """
name = "own"
seeds = {seeds}
measures = [{measures}]
controls = "none"

[task]
kind = "arrays"
file = "data.csv"
{task}

[model]
kind = "mlp"
widths = [{width}]

[training]
batch_size = 32
steps = {steps}
learning_rate = {rate}
evaluations = 11
"""


def written(folder, frame, task, **changes):
    """A study file beside its data."""
    frame.write_csv(folder / "data.csv")
    told = {"seeds": 6, "measures": '"reliance"', "width": 16, "steps": 200, "rate": 1e-2}
    (folder / "own.toml").write_text(STUDY.format(task=task, **told | changes))
    return folder / "own.toml"


def ran(folder, frame, task, more="", **changes):
    """The opened run folder of such a study."""
    path = written(folder, frame, task, **changes)
    path.write_text(path.read_text() + more)
    return primacy.run(file.read(str(path)), folder / "run")


def page_of(result):
    """The page as one line of text."""
    html = result.report().read_text()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


# A shortcut: right in 98 % of the rows that train, random in those that test.


def planted(rows=500):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, rows)
    part = np.resize(["train", "train", "train", "fit", "test"], rows)
    wrong = np.where(part == "train", rng.random(rows) < 0.02, rng.random(rows) < 0.5)
    return pl.DataFrame({
        "y": y, "part": part, "core": 2 * y - 1 + 1.5 * rng.normal(size=rows),
        "sticker": np.where(wrong, 1 - y, y), "noise": rng.normal(size=rows),
    })  # fmt: skip


SPLIT = 'target = ["y"]\nsplit = "part"\nfeatures = { core = ["core"], sticker = ["sticker"], '
SPLIT += 'noise = ["noise"] }\n'
BOTH = '"reliance", "reliance_accuracy"'
IN_TRAINING = """
[[hypothesis]]
id = "relied-on"
claim = "in training the network relies on the sticker"
measure = "reliance_accuracy"
of = { feature = "sticker", split = "train" }
expect = "greater"
threshold = 0.2
"""


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shortcut")
    return ran(folder, planted(), SPLIT + 'shortcut = ["sticker"]', IN_TRAINING, measures=BOTH)


def test_a_declared_shortcut_is_told_with_what_it_costs_and_that_it_does_not_carry(shortcut):
    """Oracle: what was planted, and the stored rows of reliance_accuracy on both splits."""
    ends = shortcut.curves.filter(
        pl.col("measure") == "reliance_accuracy",
        pl.col("feature") == "sticker",
        pl.col("step") == pl.col("step").max(),
    )
    medians = dict(ends.group_by(pl.col("split").cast(str)).agg(pl.col("value").median()).rows())
    assert medians["train"] > 0.3 > 0.1 > medians["test"]
    frame = planted()
    most = max(frame["y"].mean(), 1 - frame["y"].mean())
    right = {
        s: (own["y"] == own["sticker"]).mean()
        for s in ("train", "test")
        if len(own := frame.filter(pl.col("part") == s))
    }
    told = (
        f"The shortcut sticker, which alone predicts {100 * right['train']:.0f} % of training and "
        f"{100 * right['test']:.0f} % of test rows (the commonest class: {100 * most:.0f} %), "
        "is relied on in training in all 6 seeds: "
        f"interchanging it among training examples costs {medians['train']:.2f} of accuracy "
        f"(median). It does not carry over to held-out examples, where that costs "
    )
    assert told in shortcut.answer
    assert told in page_of(shortcut)
    assert "The output relies most on sticker in all 6 seeds (median reliance" in shortcut.answer
    # No group is left out in silence.
    assert re.search(
        r"sticker in all 6 seeds \(median reliance 0\.\d\d; core 0\.\d\d, noise 0\.\d",
        shortcut.answer,
    )


def test_with_a_shortcut_first_is_an_absolute_amount_in_training(shortcut):
    rows = shortcut.summary.filter(pl.col("feature").cast(str) == "sticker")
    assert rows["learned"].all()
    assert "Relied on: interchanging it among training examples costs 0.05" in shortcut.answer
    assert "reliance accuracy among training examples at or above 0.05" in page_of(shortcut)


def test_a_claim_about_training_examples_is_judged(shortcut):
    (verdict,) = shortcut.verdicts
    assert (verdict.word, verdict.pairs) == ("supported", 6)


def test_an_undeclared_shortcut_is_relied_on_and_not_needed(tmp_path):
    result = ran(tmp_path, planted(), SPLIT)
    assert "The output relies most on sticker in all 6 seeds" in result.answer
    assert "sticker moves the output" in result.answer
    assert 'shortcut = ["sticker"] in [task]' in result.answer
    assert "sticker was needed" not in result.answer and "sticker was relied" not in result.answer
    assert "used by" not in page_of(result)


def test_first_as_an_amount_without_a_shortcut(tmp_path):
    """Oracle: the first evaluation at which the stored rows stay at the amount, by hand."""
    task = SPLIT + 'first = { amount = 0.2, split = "train" }'
    result = ran(tmp_path, planted(), task, seeds=2)
    rows = result.curves.filter(
        pl.col("measure") == "reliance_accuracy",
        pl.col("split") == "train",
        pl.col("feature") == "sticker",
        pl.col("seed") == 1,
    ).sort("step")
    there = (rows["value"] >= 0.2).to_numpy()
    starts = [i for i in range(len(there) - 2) if there[i : i + 3].all()]
    found = result.summary.filter(pl.col("seed") == 1, pl.col("feature").cast(str) == "sticker")[
        "time_to_learn"
    ]
    assert found.to_list() == [rows["step"][starts[0]]]


def test_a_claim_about_the_training_examples_of_a_hidden_layer_is_refused(tmp_path):
    path = written(tmp_path, planted(), SPLIT, measures='"variance_explained"')
    claim = IN_TRAINING.replace("reliance_accuracy", "variance_explained")
    path.write_text(path.read_text() + claim)
    with pytest.raises(StudyError, match="measured on held-out examples only"):
        file.read(str(path))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('shortcut = ["stickr"]', '"stickr" is not one of the features. Did you mean "sticker"?'),
        ("first = { amount = 0.0 }", "task.first.amount = 0.0: must be above 0"),
        ('first = { measure = "reliance_r_squared" }', 'for 0/1 and classes: "reliance_accuracy"'),
        ('first = { splt = "train" }', "task.first.splt"),
        ("standardize_target = true", "0/1 targets and classes have no scale"),
        ('split_by = "y"', 'the column "part" splits already'),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, line, says):
    with pytest.raises(StudyError) as caught:
        file.read(str(written(tmp_path, planted(), SPLIT + line)))
    assert says in str(caught.value)


# Several targets.


def quadrants(rows=400):
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 3, rows)
    x = 0.6 * rng.normal(size=(rows, 4))
    x[:, 0] += 2 * (kind == 1)
    x[:, 1] += 2 * (kind == 2)
    names = ("a", "b", "c", "d")
    frame = pl.DataFrame(dict(zip(names, x.T, strict=True)))
    return frame.with_columns(**{f"is_{k}": pl.Series((kind == k).astype(int)) for k in range(3)})


def test_several_targets_answer(tmp_path):
    """Oracle: means over targets of the stored rows; a and b carry the classes, c and d nothing."""
    task = 'target = ["is_0", "is_1", "is_2"]\n'
    task += 'features = { a = ["a"], b = ["b"], c = ["c"], d = ["d"] }'
    result = ran(tmp_path, quadrants(), task)
    assert "None of" not in result.answer
    first = result.answer.split(". The ")[0]
    assert re.search(r"c 0\.0\d, d 0\.0\d\) \(mean over 3 targets\)", first)
    ends = result.curves.filter(
        pl.col("measure") == "reliance", pl.col("step") == pl.col("step").max(), pl.col("seed") == 0
    )
    means = dict(ends.group_by(pl.col("feature").cast(str)).agg(pl.col("value").mean()).rows())
    own = result.summary.filter(pl.col("seed") == 0)
    for name, value in zip(own["feature"].cast(str), own["reliance"], strict=True):
        assert value == pytest.approx(means[name], abs=1e-6)
    assert not own["learned"].is_null().any() and own["learned"].any()
    ends = result.summary.group_by(pl.col("feature").cast(str)).agg(pl.col("score_lost").median())
    lost = dict(ends.rows())
    assert min(lost["a"], lost["b"]) > 0.1 > 0.02 > max(abs(lost["c"]), abs(lost["d"]))
    assert result.summary["final_accuracy"].min() > 0.8


# A task that is not learned.


def numbers(rows=80, noise=1.0, scale=100.0):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 3))
    y = 300 + scale * (x[:, 0] + 0.3 * x[:, 1] + noise * rng.normal(size=rows))
    return pl.DataFrame({"serum": x[:, 0], "bmi": x[:, 1], "age": x[:, 2], "y": y})


GROUPS = 'target = ["y"]\nfeatures = { serum = ["serum"], bmi = ["bmi"], age = ["age"] }\n'


@pytest.fixture(scope="module")
def unlearned(tmp_path_factory):
    """Two steps in the target's own units: an R^2 far below 0."""
    folder = tmp_path_factory.mktemp("unlearned")
    task = GROUPS + "standardize_target = false"
    return ran(folder, numbers(), task, steps=20, rate=1e-4)


def test_an_unlearned_task_is_said_first(unlearned):
    assert unlearned.answer.startswith("The task was not learned: on held-out examples the 6 netw")
    (failed,) = outcomes.failed(unlearned.controls)
    assert (failed.control, failed.word) == ("task learned", "failed") and failed.value < -1
    page = page_of(unlearned)
    at = page.index("1 of 1 control failed (task learned): the task was not learned on held-out")
    assert at < page.index("The task was not learned: on held-out") < page.index("Verdicts")
    assert "used most" not in unlearned.answer and "nothing to find" not in page


def test_the_terminal_says_it_first(unlearned, capsys, tmp_path):
    from primacy.cli import app

    with pytest.raises(SystemExit):
        app.main(["judge", str(unlearned.folder)])
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("1 of 1 controls failed: task learned, default: r_squared is -")
    assert shown.index("The task was not learned") < shown.index("relied on most")


def test_it_is_said_above_the_questions_too(unlearned):
    """Where claims name questions, the answer is theirs, but not the first word."""
    contrast = Contrast(measure="reliance", of={"feature": "serum"})
    claim = Hypothesis(id="x", claim="serum", contrast=contrast, expect="greater", answers="H1")
    record = dataclasses.replace(unlearned.record, hypotheses=(claim,))
    judged = verdicts.judge(unlearned.curves, unlearned.lanes, record)
    first, second = report.answer(record, unlearned.summary, judged).split("\n")
    assert first.startswith("The task was not learned") and second.startswith("H1: ")


def test_number_targets_are_standardized_and_methods_say_so(tmp_path):
    """The very data whose targets in their own units were not learned are learned at a usual rate.

    Oracle: R^2 does not change with the target's scale, so only training can."""
    result = ran(tmp_path, numbers(300, noise=0.3), GROUPS)
    assert result.summary["final_r_squared"].min() > 0.5
    assert not outcomes.failed(result.controls)
    assert "not learned" not in result.answer
    assert "standardize target: yes" in page_of(result)
    assert result.answer.startswith("The output relies most on serum in all 6 seeds")
    assert "bmi" in result.answer and "age" in result.answer


# Rows that occur several times.


def thrice():
    """60 rows with random labels, each three times."""
    rng = np.random.default_rng(4)
    once = pl.DataFrame({f"x{i}": rng.normal(size=60) for i in range(8)})
    once = once.with_columns(y=pl.Series(rng.integers(0, 2, 60)), who=pl.Series(range(60)))
    return once[np.repeat(np.arange(60), 3)]


COPIES = 'target = ["y"]\nfeatures = { left = ["x0..x3"], right = ["x4..x7"] }\n'


def test_memory_of_copied_rows_is_not_taken_for_learning(tmp_path):
    """Oracle: the labels are random, so a held-out score above chance can only be memory."""
    result = ran(tmp_path, thrice(), COPIES, width=64, steps=600)
    assert result.summary["final_accuracy"].median() > 0.75
    (failed,) = outcomes.failed(result.controls)
    assert failed.control == "rows in both"
    first = "of the test rows have the same inputs as a row that trains, so a good score can be"
    assert first in result.answer.split(". ")[0]
    page = page_of(result)
    assert page.index("test rows also train, so a good score can be memory") < page.index(first)


def test_split_by_keeps_copies_on_one_side(tmp_path):
    result = ran(tmp_path, thrice(), COPIES + 'split_by = "who"', width=64, steps=600)
    assert "have the same inputs" not in result.answer
    assert result.summary["final_accuracy"].median() < 0.65
    assert "rows in both" not in {o.control for o in result.controls}


def test_groups_of_several_columns_are_represented(tmp_path):
    """Oracle: the stored rows of the joint fit; before, a group had a dash."""
    frame = planted(200).with_columns(more=pl.Series(np.random.default_rng(5).normal(size=200)))
    task = 'target = ["y"]\nfeatures = { core = ["core", "more"], sticker = ["sticker"] }'
    result = ran(tmp_path, frame, task, measures='"variance_explained"', steps=50, seeds=2)
    own = result.summary.filter(pl.col("seed") == 1)
    ends = result.curves.filter(pl.col("step") == 50, pl.col("seed") == 1).with_columns(
        pl.col("measure", "feature").cast(str)
    )
    joint = ends.filter(pl.col("measure") == "variance_explained_group")
    expected = dict(joint.select("feature", "value").iter_rows())
    single = ends.filter(pl.col("measure") == "variance_explained", pl.col("feature") == "sticker")
    found = dict(own.select(pl.col("feature").cast(str), "variance_explained").iter_rows())
    assert found["core"] == pytest.approx(expected["core"]) and 0 < found["core"] <= 1
    assert found["sticker"] == pytest.approx(single["value"][0])
    assert expected["sticker"] == pytest.approx(found["sticker"], abs=1e-4)
    assert "represented" in result.answer
