"""The command line as a person types it: output, exit codes, and being killed."""

import hashlib
import html
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from primacy.cli import app
from primacy.engine import machine
from primacy.records import live
from primacy.registry import PLUGINS, models
from primacy.study import describe
from tests.support.waiting import until

PRIMACY = [sys.executable, "-m", "primacy"]

STUDY = """\
name = "tiny"
question = "Does it run?"
seeds = 6
measures = ["accuracy", "loss", "total_variance", "variance_explained",
  "variance_explained_unit_mean"]

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
epochs = 30
evaluations = 31

[[hypothesis]]
id = "simple-first"
claim = "linear is learned before xor_and_or"
measure = "time_to_learn"
of = { feature = "linear" }
minus = { feature = "xor_and_or" }
expect = "less"
"""  # fmt: skip


def called(capsys, *words):
    """Exit code, stdout and stderr of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        app.main([str(word) for word in words])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("cli")
    (place / "tiny.toml").write_text(STUDY)
    return place


@pytest.fixture(scope="module")
def run(folder):
    """An uninterrupted run, as a person starts it."""
    out = folder / "runs" / "whole"
    done = started("run", "tiny.toml", "--out", out, cwd=folder).communicate(timeout=1200)
    assert (out / "report.html").exists(), done
    return out


def started(*words, cwd=None, **more):
    return subprocess.Popen(
        [*PRIMACY, *map(str, words)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, **more,
    )  # fmt: skip


def data_files(out):
    patterns = ("curves/*", "checkpoints/*", "*.parquet", "verdicts.json")
    return {
        str(path.relative_to(out)): path.read_bytes()
        for pattern in patterns
        for path in sorted(out.glob(pattern))
    }


KILLED = """
import itertools, os, signal, sys
from primacy.cli import app

out, at, numbers = sys.argv[1], int(sys.argv[2]), itertools.count(1)

def counted(event, given):
    if event in ("open", "os.mkdir", "os.rename", "os.remove"):
        path = str(given[0])  # live files are written by the clock
        if path.startswith(out) and "/live" not in path and next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(counted)
try:
    app.main(["run", "tiny.toml", "--out", out])
finally:
    print("", next(numbers) - 1)
"""
"""A run that kills itself at an operation on its folder, which it counts; at 0 it does not."""


def test_ten_kills_lose_nothing(folder, run):
    """kill -9 at ten moments; the same command then ends with the bytes of an uninterrupted run.

    A moment is an operation on the folder, whatever the other threads do: the clock chooses none.
    """
    chance, out = random.Random(0), folder / "runs" / "killed"

    def killed(out, at):
        words = [sys.executable, "-c", KILLED, str(out), str(at)]
        return subprocess.run(words, cwd=folder, capture_output=True, text=True)

    whole = int(killed(folder / "runs" / "counted", 0).stdout.split()[-1])
    ends = [killed(out, chance.randint(1, whole // 4)).returncode for _ in range(10)]
    # Two together do half a run at most: the third one cannot come to the end.
    assert set(ends) <= {-signal.SIGKILL, 0} and ends.count(-signal.SIGKILL) >= 3
    process = started("run", "tiny.toml", "--out", out, cwd=folder)
    _, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err
    assert data_files(out) == data_files(run)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_a_run_and_prints_what_resumes(folder, run, number, code):
    out = folder / "runs" / f"stopped {number}"
    words = ("run", "tiny.toml", "--out", out, "--set", "training.epochs=30000")
    process = started(*words, cwd=folder)
    until(lambda: process.poll() is not None or live.files(out))  # it trains
    process.send_signal(number)
    _, err = process.communicate(timeout=1200)
    assert process.returncode == code, err
    assert "primacy run tiny.toml" in err
    assert f"'{out}'" in err  # the blank in the path is quoted
    assert "--set training.epochs=30000" in err
    assert "Traceback" not in err


def commands(text):
    """Every command line of ours in a text, as words."""
    found = re.findall(r"primacy run [^`\n<]+", html.unescape(text))
    return [shlex.split(line)[1:] for line in found]


def test_every_printed_command_runs_the_same_study_again(folder, capsys, monkeypatch):
    """Oracle: the command itself, run as it is printed, finds nothing left to train."""
    monkeypatch.chdir(folder)
    (folder / "a study.toml").write_text(STUDY)
    given = (
        "--out",
        "runs/as told",
        "--set",
        "training.epochs=4",
        "--set",
        "training.evaluations=5",
    )
    code, out, _ = called(capsys, "run", "a study.toml", *given, "--controls", "none")
    assert code == 0
    (more,) = commands(out)
    assert more[-4:] == ["--seeds", "30", "--out", "runs/as told"]
    again = commands((folder / "runs" / "as told" / "report.html").read_text())
    assert again
    for words in (more, *again):
        code, out, err = called(capsys, *words, "--dry-run", "--json")
        assert code == 0, err
        told = json.loads(out)
        assert told["networks_stored"] == 6
        assert told["networks_to_train"] == (24 if "30" in words else 0)


PLUGIN = """\
import jax
import jax.numpy as jnp
from primacy.registry import models, spec
from primacy.types import Forward

@models.add("constant_guess")
@spec
class Guess:
    start: float = 0.0
    layer_names = layer_sizes = ()

    def shapes(self, shape, outputs):
        return {"output": {"bias": jax.ShapeDtypeStruct((outputs,), jnp.float32)}}

    def cost(self, shape, outputs):
        return outputs

    def init(self, rng, shape, outputs):
        return {"output": {"bias": rng.normal(size=outputs).astype("float32") + self.start}}

    def apply(self, params, inputs):
        shape = (inputs.shape[0], params["output"]["bias"].shape[0])
        return Forward(jnp.broadcast_to(params["output"]["bias"], shape), {})
"""


def test_a_plugin_is_run_and_its_hash_is_kept(folder, capsys, monkeypatch):
    """Oracle of the hash: hashlib over the file."""
    monkeypatch.chdir(folder)
    registry = models.load()
    (folder / "guess.py").write_text(PLUGIN)
    (folder / "guess.toml").write_text(
        STUDY.replace('kind = "mlp"\nwidths = [80, 40]', 'kind = "constant_guess"')
        .replace("epochs = 30\nevaluations = 31", "epochs = 2\nevaluations = 5")
        .split("[[hypothesis]]")[0]
    )
    code, _, err = called(capsys, "check", "guess.toml")
    assert (code, "not a model" in err) == (2, True)
    try:
        code, out, err = called(capsys, "run", "guess.toml", "--plugin", "guess.py")
        assert code == 0, err
        assert "--plugin guess.py" in out
        lock = json.loads((folder / "runs" / "tiny" / "study.lock.json").read_text())
        sha256 = hashlib.sha256(PLUGIN.encode()).hexdigest()
        assert lock["versions"]["plugin guess.py"] == sha256
        assert sha256 in (folder / "runs" / "tiny" / "report.html").read_text()
        (folder / "guess.py").write_text(PLUGIN + "# another\n")
        code, _, err = called(capsys, "run", "guess.toml", "--plugin", "guess.py")
        assert (code, "plugin guess.py: " in err) == (2, True)
    finally:
        registry.pop("constant_guess", None)
        PLUGINS.clear()
    assert "plugin" not in "".join(describe.versions())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "mine.py  cannot be read: No such file"),
        (
            "x = 1\nfrom nowhere_at_all import x\n",
            "mine.py:2  ModuleNotFoundError: No module named",
        ),
        ("x = (\n", "mine.py:1  not valid Python: "),
        (PLUGIN.replace("constant_guess", "mlp"), "mine.py:6  ValueError: model 'mlp' is already"),
    ],
)
def test_a_plugin_that_fails_is_one_line(capsys, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("mine.py").write_text(text)
    code, _, err = called(capsys, "list", "models", "--plugin", "mine.py")
    assert (code, message in err, "Traceback" in err) == (2, True, False), err
    assert not PLUGINS


def test_judge_and_report_need_no_jax(run):
    """Oracle: an interpreter in which importing JAX fails."""
    script = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'optax'): sys.modules[name] = None\n"
        "from primacy.cli.app import main\n"
        f"main(['{{}}', {str(run)!r}])\n"
    )
    before = data_files(run)
    for command in ("judge", "report", "verify"):
        done = subprocess.run(
            [sys.executable, "-c", script.format(command)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert data_files(run) == before


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom primacy.cli.app import app\n"
        "app(['--help'], result_action='return_value')\n"
        "assert not {'jax', 'polars', 'altair', 'scipy', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_judge_as_json_is_the_file(run, capsys):
    code, out, _ = called(capsys, "judge", run, "--json")
    assert code == 0
    assert json.loads(out) == json.loads((run / "verdicts.json").read_text())


@pytest.mark.parametrize("words", [["schema"], ["list", "measures"], ["init", "notebook"]])
def test_a_reader_that_is_gone_ends_it_quietly(words):
    """As `| head` does: nobody reads the pipe any more when the command writes."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PRIMACY, *words], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=600
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_only_a_run_speaks_of_committed_blocks(run, capsys, tmp_path):
    """A folder where a file should be: no command can write there."""
    (tmp_path / "page.html").mkdir()
    code, _, err = called(capsys, "report", run, "--out", tmp_path / "page.html")
    assert code == 1
    assert "page.html" in err and "block" not in err


def test_evaluate_fits_80_columns(run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = called(capsys, "evaluate", run, "--measure", "accuracy", "--measure", "loss")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["accuracy", "linear"] in [line[:2] for line in lines]
    named = {line[0] for line in lines if line and line[0].isidentifier()}
    assert named == {"accuracy", "loss", "measure"}
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = called(capsys, "evaluate", run, "--measure", "accuracy", "--json")
    assert {row["measure"] for row in json.loads(out)} == {"accuracy"}
    code, _, err = called(capsys, "evaluate", run, "--measure", "acuracy")
    assert (code, 'Did you mean "accuracy"?' in err) == (2, True)


def test_every_command_has_json_for_a_machine(run, folder, capsys, tmp_path):
    for words, key in (
        (["init", "complexity"], "text"),
        (["init", "complexity", "--out", tmp_path / "new.toml"], "file"),
        (["report", run], "page"),
        (["export", run, "--to", "latex"], "text"),
        (["export", run, "--to", "latex", "--out", tmp_path / "x.tex"], "file"),
    ):
        code, out, err = called(capsys, *words, "--json")
        assert (code, err) == (0, "")
        assert key in json.loads(out)
    assert (
        json.loads(called(capsys, "init", "complexity", "--json")[1])["text"]
        == (called(capsys, "init", "complexity")[1])
    )


def test_no_table_without_a_line(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    Path("plain.toml").write_text(STUDY.split("[[hypothesis]]")[0])
    change = ("--set", "training.epochs=2", "--set", "training.evaluations=3")
    code, out, _ = called(capsys, "run", "plain.toml", "--out", "runs/plain", "--seeds", 1, *change)
    assert code == 0
    assert "verdict" not in out
    assert "claim" not in called(capsys, "judge", "runs/plain")[1]


def test_runs_shows_what_is_there_and_how_far_it_is(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "whole")
    shutil.copytree(run, tmp_path / "part")
    manifest = json.loads((run / "manifest.json").read_text())
    name = sorted(manifest["parts"])[0]
    del manifest["parts"][name]
    (tmp_path / "part" / "manifest.json").write_text(json.dumps(manifest))
    shutil.copytree(run, tmp_path / "broken")
    (tmp_path / "broken" / "study.lock.json").write_text("{")
    (tmp_path / "no run").mkdir()
    code, out, _ = called(capsys, "runs", tmp_path, "--json")
    told = {Path(own["folder"]).name: own for own in json.loads(out)}
    assert code == 0
    assert {name: (own["state"], own["of"]) for name, own in told.items()} == {
        "whole": ("complete", 6), "part": ("unfinished", 6), "broken": ("damaged", 0),
    }  # fmt: skip
    assert told["whole"]["networks"] == 6 > told["part"]["networks"]
    words = [v["word"] for v in json.loads((run / "verdicts.json").read_text())["verdicts"]]
    assert told["whole"]["verdicts"] == {words[0]: 1}
    code, out, _ = called(capsys, "runs", tmp_path)
    assert (code, "unfinished" in out) == (0, True)
    code, out, _ = called(capsys, "runs", tmp_path / "no run")
    assert (code, out[:13]) == (0, "no run folder")
    assert called(capsys, "runs", tmp_path / "nowhere")[0] == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete(capsys, shell):
    code, out, _ = called(capsys, "completion", shell)
    assert code == 0
    assert "evaluate" in out and "primacy" in out


def test_a_subset_of_seeds_writes_nothing(run, capsys):
    before = data_files(run)
    code, out, _ = called(capsys, "judge", run, "--seeds", "3")
    assert code == 0
    assert "first 3 seeds only" in out
    assert data_files(run) == before


def test_inspect_shows_shapes(run, capsys):
    code, out, _ = called(capsys, "inspect", run, "--seed", "2", "--json")
    told = {row["parameter"]: row["shape"] for row in json.loads(out)["parameters"]}
    assert code == 0
    assert told["hidden1/kernel"] == [16, 80]
    assert told["output/bias"] == [2]
    code, _, err = called(capsys, "inspect", run, "--seed", "77")
    assert (code, "holds no network" in err) == (2, True)


def test_the_demos_table_is_exported(run, capsys):
    code, out, _ = called(capsys, "export", run, "--to", "demo-csv")
    lines = out.splitlines()
    golden = Path(__file__).parents[1] / "golden" / "demo-results-seed0.csv"
    assert code == 0
    assert lines[0] == golden.read_text().splitlines()[0].replace("xor_xor_xor", "xor_and_or")
    assert len(lines) == 1 + 6 * 31
    curves = pl.read_parquet(run / "curves" / "*.parquet")
    row = lines[1 + 31 + 5]  # seed 1, epoch 5
    assert row.startswith("1, 5, (linear, xor_and_or), ")
    shown = float(row.split(")")[1].split(",")[2])
    mean = curves.filter(
        pl.col("seed") == 1, pl.col("step") == 10, pl.col("measure") == "loss",
        pl.col("split") == "test", pl.col("target").is_null(),
    )["value"][0]  # fmt: skip
    assert shown == pytest.approx(mean, abs=1e-7)


def test_what_is_whole_and_what_is_not_is_counted(run, folder, capsys):
    parts = json.loads(called(capsys, "verify", run, "--json")[1])["good"]
    assert called(capsys, "verify", run)[1] == f"all {len(parts)} parts intact\n"
    page = (run / "report.html").read_text()
    assert "loads nothing from the internet" in page
    assert "The unit of replication is one trained network" in page
    assert "A control fails if its score exceeds chance by more than 0.01 and the excess is" in page


def test_a_damaged_part_is_named_without_a_traceback(folder, run, capsys):
    broken = folder / "runs" / "broken"
    subprocess.run(["cp", "-r", str(run), str(broken)], check=True)
    part = sorted((broken / "curves").iterdir())[0]
    part.write_bytes(part.read_bytes()[:-9])
    for command in ("verify", "judge", "report"):
        code, out, err = called(capsys, command, broken)
        assert code == 1
        assert part.name in out + err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "complexty"], 'Did you mean "complexity"?'),
        (["run", "none.toml"], "none.toml"),
        (["judge", "nowhere"], "not a run folder"),
        (["explain", "acuracy"], 'Did you mean "accuracy" or'),
        (["rn"], "run"),
        (["run", "complexity", "--sseeds", "3"], "--seeds"),
        (["list", "measurs"], "measures"),
        (["run", "complexity", "--seeds", "0"], "seeds"),
    ],
)
def test_bad_input_is_one_line_of_cause_and_exit_code_two(
    capsys, words, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = called(capsys, *words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
    code, out, _ = called(capsys, *words, "--json")
    assert code == 2
    assert set(json.loads(out)) == {"error", "problems"}


def test_all_four_mistakes_are_listed(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        STUDY.replace('"xor_and_or"]', '"xor_xor_xorr"]')
        .replace("units_per_feature = 8", "units_per_feature = 2")
        .replace("epochs = 30", "epocs = 30")
        .replace("batch_size = 128", 'batch_size = "128"')
    )
    code, out, err = called(capsys, "run", path, "--out", tmp_path / "run")
    assert code == 2
    for words in ("xor_xor_xor", "epocs", "batch_size", "units_per_feature"):
        assert words in err
    assert "nothing was run" in err
    assert not (tmp_path / "run").exists()
    code, out, _ = called(capsys, "check", path, "--json")
    problems = json.loads(out)["problems"]
    assert code == 2
    assert {p["line"] for p in problems} >= {9, 10, 18}


def test_dry_run_writes_nothing(folder, capsys):
    out = folder / "dry"
    code, text, _ = called(capsys, "run", folder / "tiny.toml", "--dry-run", "--json", "--out", out)
    told = json.loads(text)
    assert code == 0
    assert told["networks_to_train"] == 6
    assert not out.exists()


def test_lists_teach(capsys):
    for what in ("studies", "tasks", "models", "measures"):
        code, out, _ = called(capsys, "list", what, "--json")
        assert code == 0
        assert all(json.loads(out).values())
    for name, words in (
        ("time_to_learn", "training steps"),
        ("variance_absolute", "variance_explained x total_variance"),
        ("boolean", "parityK"),
        ("mlp", "widths"),
    ):
        code, out, _ = called(capsys, "explain", name)
        assert (code, words in out) == (0, True)
        code, out, _ = called(capsys, "explain", name, "--json")
        assert (code, json.loads(out)["name"]) == (0, name)
    code, out, _ = called(capsys, "explain", "reliance")
    assert "misleads" in out
    assert "Null:" in out
    assert "reference: \n" not in called(capsys, "explain", "loss")[1]


def test_measures_computed_only_where_named_are_marked(capsys):
    _, out, _ = called(capsys, "list", "measures")
    first = {line.split("  ")[0].strip() for line in out.splitlines()}
    assert {"probe_accuracy *", "variance_explained"} <= first
    assert "* only where a study names it" in out
    _, out, _ = called(capsys, "explain", "probe_accuracy")
    assert "computed: only where a study names it" in out


def test_init_prints_a_study_that_checks(capsys, tmp_path):
    _, out, _ = called(capsys, "init", "complexity")
    (tmp_path / "mine.toml").write_text(out)
    assert called(capsys, "check", tmp_path / "mine.toml")[0] == 0
    assert called(capsys, "init", "--out", tmp_path / "mine.toml")[0] == 2
    assert called(capsys, "init", "--out", tmp_path / "own.toml")[0] == 0
    # Not the built-in study's name, whose run folder it would share.
    assert called(capsys, "check", tmp_path / "own.toml")[1].startswith(
        "own: 1 condition, 30 seeds"
    )


HUGE = STUDY.replace("widths = [80, 40]", "widths = [100000, 100000]")


def test_a_network_that_fits_no_machine_is_checked_and_both_runs_refuse_it(
    capsys, tmp_path, monkeypatch
):
    """Oracle: 10**10 weights, eight float32 numbers each, are 320 GB beside what else is held."""
    monkeypatch.setattr(machine, "cores", lambda: 1)  # else as many networks at once
    path, out = tmp_path / "huge.toml", tmp_path / "out"
    path.write_text(HUGE)
    code, told, _ = called(capsys, "check", path)
    assert (code, "No mistakes." in told) == (0, True)
    words = ("run", path, "--out", out)
    code, told, err = called(capsys, *words, "--dry-run", "--json")
    facts = json.loads(told)
    assert code == 2 and 320e9 < facts["memory_bytes"] < 350e9
    code, told, _ = called(capsys, *words, "--dry-run")
    assert code == 2 and "refused: this needs about 32" in told
    code, _, err = called(capsys, *words)
    assert code == 2 and err.strip() == facts["refused"]
    code, told, _ = called(capsys, "run", "complexity", "--dry-run", "--json", "--out", out)
    assert code == 0 and json.loads(told)["refused"] is None
    # Nothing but the lock of the folder was written.
    assert not out.exists() or [p.name for p in out.iterdir()] == [".lock"]


def test_members_are_listed_below_the_study_that_includes_them(capsys):
    _, out, _ = called(capsys, "list", "studies")
    lines = [line for line in out.splitlines() if line.strip()]
    at = {line.split()[0]: i for i, line in enumerate(lines)}
    assert not lines[at["complexity"]].startswith(" ")
    for whole, member in (("notebook", "size"), ("paper", "order"), ("paper", "depth")):
        assert not lines[at[whole]].startswith(" ")
        assert lines[at[member]].startswith(f"  {member}")
        assert at[whole] < at[member]
