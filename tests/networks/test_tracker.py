"""A run measured in a user's own loop lands in an ordinary run folder.

Oracles: the same numbers computed with PyTorch; the same training without a tracker.
"""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import nn

import primacy
from primacy.errors import StudyError
from primacy.networks import messages
from primacy.networks.frameworks.network import LayerError
from primacy.networks.planned import schedule
from primacy.networks.recording import differences
from primacy.records.store import StoreError
from primacy.result import Result
from tests.support.tracked import data, loop, make, trained


def test_a_run_is_an_ordinary_run(tmp_path, capsys):
    for seed in range(2):
        trained(tmp_path / "run", seed=seed, condition="plain", settings={"width": 16})
    result = primacy.open(tmp_path / "run")
    assert result.complete and result.lanes.height == 2
    assert result.record.conditions[0].layers == ("2.input",)
    assert result.curves.filter(pl.col("measure") == "accuracy")["value"].null_count() == 0
    assert result.verified()[1] == {}
    page = result.report().read_text()
    assert "plain" in page and "TorchNetwork" not in page
    told = capsys.readouterr().err
    assert "2.input" in told and "% of the time" in told
    assert result.weights("plain", 0)["0/weight"].shape == (16, 12)


def test_numbers_are_those_of_pytorch(tmp_path):
    """Oracle: accuracy and cross-entropy of the final module on the same rows, by PyTorch."""
    model, result = trained(tmp_path / "run", seed=3)
    declared = data()
    x = torch.from_numpy(declared.rows(declared.test))
    y = torch.from_numpy(declared.answers[declared.test, 0]).long()
    with torch.no_grad():
        out = model(x)
    end = result.curves.filter(pl.col("step") == 40, pl.col("split") == "test")
    found = {m: end.filter(pl.col("measure") == m)["value"][0] for m in ("accuracy", "loss")}
    assert found["accuracy"] == pytest.approx((out.argmax(1) == y).float().mean().item())
    assert found["loss"] == pytest.approx(nn.functional.cross_entropy(out, y).item(), rel=1e-5)


def test_a_feature_that_does_nothing_is_not_relied_on(tmp_path):
    """Oracle: the network's first weights along the feature's column are zero, and stay so."""
    _, result = trained(tmp_path / "run", seed=0, blind=True)
    rows = result.curves.filter(pl.col("measure") == "reliance", pl.col("feature") == "noise")
    assert rows.height and rows["value"].abs().max() == 0


def test_a_script_that_runs_again_adds_nothing(tmp_path, capsys):
    first, result = trained(tmp_path / "run", seed=1)
    parts = result.store.manifest()
    capsys.readouterr()
    again, _ = trained(tmp_path / "run", seed=1)
    assert capsys.readouterr().err == (
        f"primacy: own, seed 1 is in {tmp_path / 'run'} already: not evaluated. To measure it "
        "again, give another out= or condition=, or remove the folder\n"
    )
    assert Result(tmp_path / "run").store.manifest() == parts
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )


def test_another_network_in_the_place_of_a_run_that_is_there_is_told(tmp_path, capsys):
    trained(tmp_path / "run", seed=1)
    capsys.readouterr()
    trained(tmp_path / "run", seed=1, width=8)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[1] == (
        f"primacy: the run in {tmp_path / 'run'} is another one: parameters.0.weight: [16, 12] "
        "there, [8, 12] here (and 2 more)"
    )


def test_a_hash_that_differs_is_shown_by_its_beginning():
    there, here = {"sha256": "a1" * 32}, {"sha256": "b2" * 32}
    assert differences(there, here) == ["sha256: a1a1a1a1a1a1... there, b2b2b2b2b2b2... here"]
    (line,) = differences({"planned": list(range(99))}, {"planned": [1]})
    assert line.endswith(", 15, 16... there, [1] here") and len(line) < 90
    assert differences({"module": "MLP"}, {"module": None}) == ["module: 'MLP' there, None here"]


@pytest.mark.parametrize(
    ("step", "last", "told"),
    [
        (30, 1, '1; give steps=30, or evaluations at even distances: spacing="linear"'),
        (99, 98, "98; call tracker.evaluate(model, 100) after the loop"),
        (20, 20, "20"),
    ],
)
def test_what_is_said_of_a_training_that_stops(step, last, told):
    text = f"stopped after step {step} of 100: the last evaluation was after step {told}"
    assert messages.stopped(step, 100, last) == text


def test_another_network_under_the_same_name_is_refused_at_once(tmp_path):
    trained(tmp_path / "run", seed=0)
    with pytest.raises(StoreError, match=r"(?s)model\.parameters.*condition="):
        trained(tmp_path / "run", seed=1, width=8)


def test_other_steps_are_kept_beside(tmp_path, capsys):
    trained(tmp_path / "run", seed=0)
    loop(tmp_path / "run", seed=1, every=7)
    told = capsys.readouterr().err
    assert "evaluations were due after" in told and "run-2 instead" in told
    assert Result(tmp_path / "run-2").lanes["seed"].to_list() == [1]


def test_a_run_that_stops_early_is_kept_and_told(tmp_path, capsys):
    trained(tmp_path / "run", seed=0)
    assert "stopped" not in capsys.readouterr().err
    loop(tmp_path / "run", seed=1, until=20)
    told = [line for line in capsys.readouterr().err.splitlines() if "stopped" in line]
    assert len(told) == 1 and "stopped after step 20 of 40: the last evaluation was" in told[0]
    lanes = Result(tmp_path / "run").lanes.sort("seed")
    assert lanes["end_step"].to_list()[0] == 40 and 0 < lanes["end_step"].to_list()[1] <= 20
    assert lanes["ended"].cast(pl.String).to_list() == ["budget", "learned"]
    Result(tmp_path / "run").report()


class Odd(Exception):
    """An error of a library's own, as flax's are."""


class Raises(nn.Module):
    """Fails when it is asked for the second time in evaluation mode after some steps."""

    def __init__(self):
        super().__init__()
        self.inner, self.steps = make(), 0

    def forward(self, x):
        if self.training:
            self.steps += 1
        elif self.steps > 5:
            raise Odd("out of memory\nand a long story")
        return self.inner(x)


def test_a_network_that_fails_is_one_line_and_the_training_goes_on(tmp_path, capsys):
    model = Raises()
    loop(tmp_path / "run", seed=0, model=model)
    told = [line for line in capsys.readouterr().err.splitlines() if "not evaluated" in line]
    assert len(told) == 1 and "Odd: out of memory" in told[0]
    assert model.steps == 40
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert Result(tmp_path / "run").lanes.height == 1  # as far as it came


def test_a_network_that_diverges_is_a_diverged_run(tmp_path):
    model = make()
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    loop(tmp_path / "run", seed=0, model=model)
    lanes = Result(tmp_path / "run").lanes
    assert lanes["ended"].to_list() == ["diverged"] and lanes["end_step"].to_list() == [0]


def test_a_wrong_layer_is_an_error_before_training(tmp_path):
    with pytest.raises(LayerError, match=r"There are: 0\.input"):
        loop(tmp_path / "run", seed=0, layers=["conv"])


def test_mistakes_of_track_come_together(tmp_path):
    with pytest.raises(StudyError) as found:
        primacy.track(data(), out=tmp_path, seed=-1, steps=0, theta=2.0, measures=["acuracy"])
    assert len(found.value.problems) == 4
    assert 'Did you mean "accuracy"' in str(found.value)


def test_schedules():
    assert schedule(10, 40, "log", 3) == tuple(range(11))
    for spacing in ("log", "linear"):
        steps = schedule(2000, 40, spacing, 3)
        assert steps[0] == 0 and steps[-1] == 2000 and 25 <= len(steps) <= 41


CLAIMS = [
    {
        "id": "signal-first",
        "claim": "the signal is relied on more than the noise",
        "measure": "reliance",
        "of": {"feature": "signal", "width": 16},
        "minus": {"feature": "noise", "width": 16},
        "expect": "greater",
        "margin": 0.05,
    },
    {
        "id": "wide",
        "claim": "the wide network relies on the signal as much as the narrow one",
        "measure": "reliance",
        "of": {"feature": "signal", "width": 16},
        "minus": {"feature": "signal", "width": 8},
        "expect": "equal",
        "margin": 0.2,
    },
]


def test_fewer_than_six_seeds_describe_and_six_judge(tmp_path):
    out = tmp_path / "run"
    for seed in range(6):
        for width in (16, 8):
            name = f"width {width}"
            _, result = trained(
                out,
                seed=seed,
                condition=name,
                settings={"width": width},
                width=width,
                hypotheses=CLAIMS,
                evaluations=6,
            )
        if seed == 1:
            assert [v.word for v in result.verdicts] == ["untestable", "untestable"]
            assert "6 are needed" in result.verdicts[0].why
    first = Result(out).verdicts[0]
    assert first.word == "supported" and first.pairs == 6 and first.low > 0.05


def in_process(folder, seeds):
    for seed in seeds:
        trained(Path(folder), seed=seed)


def test_two_processes_write_into_one_folder(tmp_path):
    start = multiprocessing.get_context("spawn")
    work = [
        start.Process(target=in_process, args=(str(tmp_path / "run"), seeds))
        for seeds in ((0, 2), (1, 3))
    ]
    for process in work:
        process.start()
    for process in work:
        process.join(600)
    assert [process.exitcode for process in work] == [0, 0]
    result = Result(tmp_path / "run")
    assert sorted(result.lanes["seed"]) == [0, 1, 2, 3]
    assert result.verified()[1] == {}


def test_nothing_of_a_framework_is_imported_unless_used():
    names = "torch lightning transformers flax equinox"
    code = (
        "import sys, primacy; primacy.track, primacy.declare, primacy.run; "
        f"print([n for n in {names.split()!r} if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
