"""A study of studies: read from files, run as one, judged as one."""

import collections
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.multitest import multipletests

import primacy
from primacy.cli import app
from primacy.engine.plan import plan
from primacy.engine.run import Progress, holdings, run
from primacy.errors import StudyError
from primacy.records.parts import Parts
from primacy.records.store import Store, StoreError
from primacy.study import file
from primacy.study.describe import measured
from primacy.study.spec import Study
from primacy.training.block import Interrupted
from tests.support import tiny

DEFAULTS = """\
seeds = 6
measures = ["accuracy", "loss", "total_variance", "variance_explained"]
[task]
kind = "boolean"
features = ["linear", "xor_and_or"]
units_per_feature = 8
[model]
kind = "mlp"
widths = [80, 40]
[training]
learning_rate = 0.01
batch_size = 128
examples = 256
fit_examples = 64
test_examples = 64
epochs = 8
evaluations = 9
"""

RATES = (
    DEFAULTS
    + """\
[grid]
"training.learning_rate" = [0.01, 0.03]
[[hypothesis]]
id = "faster"
claim = "a higher rate learns linear sooner"
answers = "H1"
measure = "time_to_learn"
of = { feature = "linear", condition = "learning_rate=0.03" }
minus = { feature = "linear", "training.learning_rate" = 0.01 }
expect = "less"
[[hypothesis]]
id = "faster-xor"
claim = "and xor_and_or"
control_for = "faster"
measure = "loss"
of = { target = "linear", "training.learning_rate" = 0.03 }
minus = { target = "linear", "training.learning_rate" = 0.01 }
expect = "less"
"""
)

# Its condition "plain" is the condition learning_rate=0.01 of the other.
WIDTHS = (
    DEFAULTS
    + """\
[[condition]]
name = "plain"
[[condition]]
name = "narrow"
model = { widths = [60, 40] }
[[hypothesis]]
id = "faster"
claim = "linear is learned before xor_and_or"
answers = "H1"
measure = "time_to_learn"
of = { feature = "linear", condition = "plain" }
minus = { feature = "xor_and_or", condition = "plain" }
expect = "less"
"""
)

WHOLE = """\
name = "both"
question = "What matters?"
seeds = 6
include = ["rates.toml", "widths.toml"]
[[hypothesis]]
id = "across"
claim = "a narrow network is as good as a slow one"
answers = "H1"
control_for = "rates/faster"
measure = "accuracy"
of = { study = "widths", condition = "narrow", target = "linear" }
minus = { study = "rates", "training.learning_rate" = 0.01, target = "linear" }
expect = "equal"
margin = 0.2
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes study files into the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)

    def written(**texts):
        for name, text in texts.items():
            Path(f"{name}.toml").write_text(text)

    return written


# ------------------------------------------------------------------------------- reading


def test_members_seeds_measures_and_overrides(files):
    files(both=WHOLE, rates=RATES, widths=WIDTHS.replace("seeds = 6", "seeds = 9"))
    study = file.read("both.toml", overrides=["training.epochs=12"])
    assert [m.name for m in study.members] == ["rates", "widths"]
    assert (study.conditions, study.source) == ({}, WHOLE)
    assert {m.seeds for m in study.members} == {study.seeds} == {6}
    assert {c.training.epochs for m in study.members for c in m.conditions.values()} == {12}
    assert study.members[0].source == RATES
    assert file.read("both.toml", overrides=["seeds=7"]).members[1].seeds == 7


def test_members_without_a_condition_in_common_measure_their_own(files):
    apart = WIDTHS.replace('"accuracy", "loss"', '"reliance", "accuracy"')
    apart = apart.replace("epochs = 8", "epochs = 16")
    assert apart.count("epochs = 16") == 1
    files(both=WHOLE, rates=RATES, widths=apart)
    study = file.read("both.toml")
    assert ["reliance" in m.measures for m in study.members] == [False, True]
    assert ["loss" in m.measures for m in study.members] == [True, False]
    assert {"reliance", "loss"} < set(study.measures)


def test_the_union_of_what_members_with_conditions_in_common_measure_is_measured(files):
    fewer = WIDTHS.replace('"accuracy", "loss"', '"reliance", "accuracy"')
    files(both=WHOLE, rates=RATES, widths=fewer)
    expected = ("accuracy", "loss", "reliance", "total_variance", "variance_explained")
    assert {m.measures for m in file.read("both.toml").members} == {expected}
    claimed = WHOLE.replace('measure = "accuracy"', 'measure = "reliance_accuracy"').replace(
        'target = "linear" }', 'target = "linear", feature = "linear" }'
    )
    files(both=claimed)
    assert "reliance_accuracy" in file.read("both.toml").measures
    lines = [line for line in RATES.splitlines() if not line.startswith("measures")]
    files(both=WHOLE, rates="\n".join(lines))
    study = file.read("both.toml")
    assert set(study.measures) > {"variance_explained_unique", "reliance"}
    first, second = (tuple(m.name for m in measured(member)) for member in study.members)
    assert first == second == study.measures


def test_a_built_in_study_can_be_included(files):
    files(mine='include = ["complexity", "complexity-sgd"]\nseeds = 3\n')
    study = file.read("mine.toml")
    assert (study.name, [m.name for m in study.members]) == (
        "mine",
        ["complexity", "complexity-sgd"],
    )


WRONG = {
    "a typo": (
        'include = ["complexty"]',
        'mine.toml:1  include[0] = "complexty": no built-in study has this name. Did you mean '
        '"complexity"?; a file\'s name ends in .toml',
    ),
    "no file": (
        'include = ["none.toml"]',
        'mine.toml:1  include[0] = "none.toml": there is no such file beside this one',
    ),
    "another folder": (
        'include = ["../a.toml"]',
        'mine.toml:1  include[0] = "../a.toml": only a file beside this one can be included: '
        "leave out the path",
    ),
    "itself": (
        'include = ["mine.toml"]',
        'mine.toml:1  include[0] = "mine.toml": a study cannot include itself',
    ),
    "twice": (
        'include = ["good.toml", "good.toml"]',
        'mine.toml:1  include[1] = "good.toml": stands twice',
    ),
    "two of one name": (
        'include = ["good.toml", "same.toml"]',
        'mine.toml:1  include[1] = "same.toml": another member is called "good" too',
    ),
    "one that includes others": (
        'include = ["good.toml", "nested.toml"]',
        'mine.toml:1  include[1] = "nested.toml": includes studies itself; a member cannot',
    ),
    "the run folder's own name": (
        'include = ["figures.toml"]',
        'mine.toml:1  include[0] = "figures.toml": a run folder has something of its own called '
        '"figures": rename the study',
    ),
    "a link": (
        'include = ["link.toml"]',
        'mine.toml:1  include[0] = "link.toml": a link; include the file itself',
    ),
    "none": ("include = []", "mine.toml:1  include: needs at least 1 item"),
    "no list": (
        'include = "good.toml"',
        'mine.toml:1  include = "good.toml": must be a list in [ ]',
    ),
    "conditions of its own": (
        'include = ["good.toml"]\n[training]\nepochs = 3',
        "mine.toml:2  training: a study that includes others has no conditions of its own: they "
        "stand in its members",
    ),
    "members that differ in seeds": (
        'include = ["good.toml", "seven.toml"]',
        "mine.toml  seeds: the members differ (good: 6; seven: 7): say here what holds for all",
    ),
    "members that differ in what is run besides": (
        'include = ["good.toml", "solo.toml"]',
        "mine.toml  controls: the members differ (good: default; solo: none): say here what holds "
        "for all",
        "mine.toml  exact_solo: the members differ (good: false; solo: true): say here what holds "
        "for all",
    ),
    "a mistake in a member": (
        'include = ["bad.toml"]\nseeds = "3"',
        'mine.toml:2  seeds = "3": must be a whole number, without quotes',
        'bad.toml:16  training.epocs: unknown key. Did you mean "epochs"?',
    ),
    "no such member": (
        'include = ["good.toml"]\n[[hypothesis]]\nid = "a"\nclaim = "b"\nmeasure = "loss"\n'
        'expect = "less"\nof = { study = "god" }',
        'mine.toml:7  hypothesis[0].of.study = "god": no condition has it. Did you mean "good"? '
        "There are: good",
    ),
    "no such hypothesis in a member": (
        'include = ["good.toml"]\n[[hypothesis]]\nid = "a"\nclaim = "b"\nmeasure = "loss"\n'
        'expect = "less"\ncontrol_for = "good/fasterr"\nof = { condition = "good/plain" }',
        'mine.toml:7  hypothesis[0].control_for = "good/fasterr": no such hypothesis. Did you mean '
        '"good/faster"?',
    ),
    "a measure that a claim of a member needs": (
        'include = ["good.toml", "loss.toml"]\nseeds = 6\nmeasures = ["reliance"]',
        'mine.toml:3  measures: loss/faster cannot be judged: measure = "loss": not measured. '
        "There are: accuracy, reliance, time_to_learn, time_to_pick_up, "
        "time_to_abandon",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_said_where_they_stand(case, files):
    text, *lines = WRONG[case]
    files(
        mine=text, good=WIDTHS, seven=WIDTHS.replace("seeds = 6", "seeds = 7"),
        solo='controls = "none"\nexact_solo = true\n' + WIDTHS,
        same='name = "good"\n' + WIDTHS, nested='include = ["good.toml"]', figures=WIDTHS,
        bad=WIDTHS.replace("epochs", "epocs"),
        loss=WIDTHS.replace('measure = "time_to_learn"', 'measure = "loss"').replace(
            'feature = "', 'target = "'
        ),
    )  # fmt: skip
    Path("link.toml").symlink_to("good.toml")
    with pytest.raises(StudyError) as caught:
        file.read("mine.toml")
    found = [" ".join(line.split()) for line in str(caught.value).splitlines()]
    assert found[:-1] == [" ".join(line.split()) for line in lines]


def test_study_is_a_key_only_where_studies_are_included(files):
    files(mine=WIDTHS.replace('condition = "plain" }\nminus', 'study = "a" }\nminus'))
    with pytest.raises(StudyError, match=r"of\.study: unknown key"):
        file.read("mine.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 5}, "seeds of tiny is 7, of the whole 5"),
        ({"conditions": {"default": tiny.condition()}}, "no conditions of its own"),
        ({"members": (tiny.study(), tiny.study(name="Tiny"))}, "two members have one name"),
    ],
)
def test_members_in_python_must_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        Study(**{"name": "whole", "seeds": 7, "members": (tiny.study(),)} | changes)


# ------------------------------------------------------------------------------- running


class Listen(Progress):
    def __init__(self):
        self.planned_lanes, self.trained, self.steps = [], 0, 0

    def planned(self, plan):
        self.planned_lanes.append(plan.lanes)

    def advanced(self, seed_steps):
        self.steps += seed_steps

    def committed(self, lanes, summary):
        self.trained += lanes.height


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("include")
    for name, text in {"both": WHOLE, "rates": RATES, "widths": WIDTHS}.items():
        (place / f"{name}.toml").write_text(text)
    return place


@pytest.fixture(scope="module")
def study(folder):
    return file.read(str(folder / "both.toml"))


@pytest.fixture(scope="module")
def whole(folder, study):
    listen = Listen()
    result = run(study, folder / "whole", progress=listen)
    result.report()
    return result, listen


def data_files(folder):
    patterns = ("curves/*", "checkpoints/*", "*.parquet", "verdicts.json", "manifest.json")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.rglob(pattern))
    }


def test_a_condition_of_two_members_is_trained_once(whole):
    result, listen = whole
    assert listen.planned_lanes == [18]
    assert listen.trained == 18  # 3 different conditions of 4, 6 seeds
    assert listen.steps == 18 * 16
    assert result.lanes.height == 24
    assert result.complete
    rates, widths = result.members["rates"], result.members["widths"]
    shared = rates.record.conditions[0].key
    assert shared == widths.record.conditions[0].key
    own = {
        n: m.store.curves().filter(pl.col("condition") == shared) for n, m in result.members.items()
    }
    assert own["rates"].height > 0
    assert own["rates"].equals(own["widths"])
    ours, theirs = (m.store.weights(shared, 3) for m in (rates, widths))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_the_whole_has_every_file_and_says_what_it_took(whole):
    result, _ = whole
    names = {p.name for p in result.folder.iterdir()}
    assert names >= {
        "study.toml", "study.lock.json", "verdicts.json", "summary.parquet", "conditions.parquet",
        "report.html", "status.json", "rates", "widths",
    }  # fmt: skip
    told = json.loads((result.folder / "status.json").read_text())
    assert (told["lanes"], told["trained"], told["shared"]) == (24, 18, 6)
    assert told["programs"] == 2  # two widths; the rates are numbers
    assert told["seconds"]["compile"] > 0
    conditions = pl.read_parquet(result.folder / "conditions.parquet")
    assert conditions["name"].to_list() == [
        "rates/learning_rate=0.01",
        "rates/learning_rate=0.03",
        "widths/plain",
        "widths/narrow",
    ]
    assert conditions["study"].to_list() == ["rates", "rates", "widths", "widths"]
    assert conditions["label"].to_list() == [None, None, "plain", "narrow"]
    assert conditions["condition"].to_list() == [c.key for c in result.record.conditions]
    summary = pl.read_parquet(result.folder / "summary.parquet")
    assert summary.height == 24 * 2
    assert not (result.folder / "rates" / "verdicts.json").exists()


def test_ids_are_prefixed_and_holm_takes_them_all(whole):
    """Oracle: statsmodels, on the p values of all members and of the whole."""
    verdicts = whole[0].verdicts
    assert [v.id for v in verdicts] == [
        "across",
        "rates/faster",
        "rates/faster-xor",
        "widths/faster",
    ]
    assert [v.control_for for v in verdicts] == ["rates/faster", None, "rates/faster", None]
    assert {v.answers for v in verdicts} == {"H1", None}
    tested = [v for v in verdicts if v.p is not None]
    assert len(tested) >= 3
    # At a margin a word can be wrong on either side of it, so there p counts twice.
    sides = [v.p * (2 if v.margin else 1) for v in tested]
    expected = multipletests(sides, method="holm")[1]
    np.testing.assert_allclose([v.p_holm for v in tested], expected, rtol=1e-9)


def test_a_members_verdict_is_that_of_the_member_alone(whole):
    """Oracle: the member run as a study of its own; only Holm's family differs."""
    result, _ = whole
    by_id = {v.id: v for v in result.verdicts}
    for name, member in result.members.items():
        for alone in member.verdicts:
            here = by_id[f"{name}/{alone.id}"]
            for field in ("word", "value", "low", "high", "n", "pairs", "p", "claim", "answers"):
                assert getattr(here, field) == getattr(alone, field)


def test_a_claim_across_members_compares_their_runs(whole):
    """Oracle: the mean paired difference, taken from the members' own tables."""
    result, _ = whole

    def last(member, name):
        rows = result.members[member].curves.filter(
            pl.col("condition") == name, pl.col("measure") == "accuracy", pl.col("split") == "test",
            pl.col("target") == "linear", pl.col("step") == 16,
        ).sort("seed")  # fmt: skip
        assert rows.height == 6
        return rows["value"].to_numpy().astype(np.float64)

    expected = (last("widths", "narrow") - last("rates", "learning_rate=0.01")).mean()
    across = result.verdicts[0]
    assert across.value == pytest.approx(expected, rel=1e-9)
    assert across.pairs == 6


def test_the_members_curves_stand_under_their_prefixed_names(whole):
    result, _ = whole
    alone = result.members["widths"].curves
    here = result.curves.filter(pl.col("condition").cast(pl.String).str.starts_with("widths/"))
    columns = [c for c in alone.columns if c not in ("condition", "value")]
    ours = here.select(pl.col(columns).cast(pl.String), "value")
    assert ours.equals(alone.select(pl.col(columns).cast(pl.String), "value"))
    weights = result.weights("widths/narrow", 2)
    assert weights["hidden1/kernel"].shape == (16, 60)


def test_a_file_is_read_once_by_the_whole_and_once_by_its_member(whole, monkeypatch):
    result, read, opened = primacy.open(whole[0].folder), [], Parts.opened

    def counted(parts, name, *given):
        read.append(parts.path(name, "curves"))
        return opened(parts, name, *given)

    monkeypatch.setattr(Parts, "opened", counted)
    assert result.verdicts and result.controls and result.summary.height
    assert len(set(read)) > 1 and max(collections.Counter(read).values()) <= 2


def test_a_member_measures_what_it_measures_alone(folder, whole, tmp_path):
    """Oracle: the member as a study of its own: the same rows, bit for bit."""
    study = file.read(str(folder / "widths.toml"))
    alone = run(study, tmp_path / "alone")
    inside = whole[0].members["widths"].store
    assert alone.store.curves().equals(inside.curves())
    assert alone.store.lanes().equals(inside.lanes())


def test_an_interrupted_run_resumes_to_the_same_bytes(study, whole, tmp_path):
    stop = threading.Event()

    class StopAfter(Listen):
        def __init__(self, lanes):
            super().__init__()
            self.limit = lanes

        def committed(self, lanes, summary):
            super().committed(lanes, summary)
            if self.trained >= self.limit:
                stop.set()

    for limit in (2, 11):
        with pytest.raises(Interrupted):
            run(study, tmp_path / "x", progress=StopAfter(limit), stop=stop)
        stop.clear()
    told = json.loads((tmp_path / "x" / "status.json").read_text())
    assert told["state"] == "running"
    assert 13 <= told["done"] < 18
    last = Listen()
    result = run(study, tmp_path / "x", progress=last)
    assert 0 < last.trained < 8
    assert data_files(result.folder) == data_files(whole[0].folder)
    again = Listen()
    run(study, tmp_path / "x", progress=again)
    assert again.planned_lanes == [0]
    assert data_files(result.folder) == data_files(whole[0].folder)


def test_more_seeds_train_only_the_new_ones(study, whole, tmp_path):
    def with_seeds(n):
        return study.replace(seeds=n, members=tuple(m.replace(seeds=n) for m in study.members))

    run(with_seeds(4), tmp_path / "x")
    listen = Listen()
    result = run(study, tmp_path / "x", progress=listen)
    assert listen.trained == 3 * 2
    assert result.curves.equals(whole[0].curves)
    with pytest.raises(StoreError, match="seeds: 6 -> 4; nothing is thrown away"):
        run(with_seeds(4), tmp_path / "x")


def test_other_studies_do_not_fit_the_folder(study, whole, tmp_path):
    folder = whole[0].folder
    before = data_files(folder)
    for other in (study.members[0], study.replace(members=study.members[:1])):
        with pytest.raises(StoreError, match=r"condition widths/narrow is gone"):
            run(other, folder)
    assert data_files(folder) == before
    assert plan(study, holdings(study, folder)).lanes == 0


def test_a_changed_claim_of_a_member_is_post_hoc_in_the_whole(folder, study, whole, tmp_path):
    first = study.replace(seeds=1, members=tuple(m.replace(seeds=1) for m in study.members))
    run(first, tmp_path / "x")
    rates = first.members[0]
    claims = (
        rates.hypotheses[0],
        primacy.Hypothesis(
            id="new", claim="new", contrast=rates.hypotheses[1].contrast, expect="greater"
        ),
    )
    edited = first.replace(members=(rates.replace(hypotheses=claims), first.members[1]))
    result = run(edited, tmp_path / "x")
    assert result.record.post_hoc == ("rates/new",)
    assert result.members["rates"].record.post_hoc == ("new",)


# --------------------------------------------------------------------- the command line


def called(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        app.main([str(word) for word in words])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_judge_report_and_verify_need_no_jax(whole):
    """Oracle: an interpreter in which importing JAX fails."""
    folder = whole[0].folder
    before = data_files(folder)
    for command in ("report", "verify"):  # report judges, too
        script = (
            "import sys\n"
            "for name in ('jax', 'jaxlib', 'optax'): sys.modules[name] = None\n"
            f"from primacy.cli.app import main\nmain([{command!r}, {str(folder)!r}])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert data_files(folder) == before


def test_commands_look_into_the_members(whole, capsys):
    folder = whole[0].folder
    words = ("inspect", folder, "--seed", "2", "--json", "--condition")
    code, out, _ = called(capsys, *words, "widths/narrow")
    assert (code, "hidden1/kernel" in out) == (0, True)
    code, out, _ = called(capsys, *words, "narrow")
    assert (code, "widths/narrow" in json.loads(out)["error"]) == (2, True)
    code, out, _ = called(capsys, "verify", folder, "--json")
    told = json.loads(out)
    assert code == 0
    controls = {
        f"{member}/controls/{name}"
        for member in ("rates", "widths")
        for name in Store(folder / member / "controls").manifest()
    }
    own = set(told["good"]) - controls
    assert controls and len(own) + len(controls) == len(told["good"])
    assert len(own) == 24  # a lane a part: four conditions, six seeds
    assert all(name.startswith(("rates/part-", "widths/part-")) for name in own)
    code, out, _ = called(capsys, "judge", folder, "--json")
    assert json.loads(out) == json.loads((folder / "verdicts.json").read_text())
    code, out, _ = called(capsys, "judge", folder / "rates", "--seeds", "6", "--json")
    assert [v["id"] for v in json.loads(out)["verdicts"]] == ["faster", "faster-xor"]


def test_run_as_typed_dry_then_whole(folder, whole, capsys, tmp_path):
    words = ("run", folder / "both.toml", "--json", "--out")
    code, out, _ = called(capsys, *words, tmp_path / "x", "--dry-run")
    told = json.loads(out)
    assert code == 0
    assert (told["networks_to_train"], told["networks_shared"], told["programs"]) == (18, 6, 2)
    assert not (tmp_path / "x").exists()
    code, out, _ = called(capsys, *words, whole[0].folder)
    assert code == 0
    assert [v["id"] for v in json.loads(out)["verdicts"]][:2] == ["across", "rates/faster"]
    code, out, _ = called(capsys, "check", folder / "both.toml")
    assert "4 conditions, 6 seeds, 4 hypotheses" in out


def test_a_damaged_part_of_a_member_is_named(whole, capsys, tmp_path):
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(whole[0].folder), str(broken)], check=True)
    part = sorted((broken / "widths" / "curves").iterdir())[0]
    part.write_bytes(part.read_bytes()[:-9])
    for command in ("verify", "judge", "report"):
        code, out, err = called(capsys, command, broken)
        assert code == 1
        assert part.name in out + err


def test_the_page_holds_every_member(whole):
    text = (whole[0].folder / "report.html").read_text()
    for name in ("rates/learning_rate=0.03", "widths/narrow", "a narrow network is as good"):
        assert name in text
