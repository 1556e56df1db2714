"""Other tools' formats: event files read back by TensorBoard, and LaTeX tables."""

import dataclasses
import re

import numpy as np
import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from primacy.report.export import escaped, latex
from primacy.report.exporters.series import named_folders, series
from primacy.report.exporters.tensorboard import FILE, event_files
from tests.support import synthetic
from tests.support.pages import HOSTILE, copied, made


def read(folder):
    """Numbers of a run by tag and step. Oracle: TensorBoard's own reader."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {t: {e.step: e.value for e in found.Scalars(t)} for t in found.Tags()["scalars"]}


@pytest.fixture(scope="module")
def study():
    return made(7, evaluations=21, rates=(1e-3, 3e-3))


def test_tensorboard_reads_back_the_quantiles(study, tmp_path):
    """Oracle: TensorBoard's reader for the file, NumPy's quantiles for the numbers."""
    runs = event_files(series(study.record, study.curves, study.lanes), tmp_path)
    names = [c.name for c in study.record.conditions]
    assert runs == [f"{n}/{q}" for n in names for q in ("median", "p10", "p90")]
    own = study.curves.filter(
        pl.col("condition") == names[1],
        pl.col("measure") == "variance_explained",
        pl.col("layer") == study.record.conditions[1].layers[-1],
        pl.col("feature") == "linear",
    )
    step = study.record.conditions[1].steps[4]
    values = own.filter(pl.col("step") == step)["value"].to_numpy().astype(float)
    assert len(values) == 7
    tag = f"variance_explained/{study.record.conditions[1].layers[-1]}/linear"
    for name, q in (("median", 0.5), ("p10", 0.1), ("p90", 0.9)):
        told = read(tmp_path / names[1] / name)
        assert told[tag][step] == pytest.approx(np.quantile(values, q), rel=1e-6)
        assert sorted(told[tag]) == list(study.record.conditions[1].steps)
        assert {"accuracy/linear", "accuracy/xor_xor_xor", "loss (train)/linear"} <= set(told)


def test_every_seed_can_be_asked_for(study, tmp_path):
    runs = event_files(series(study.record, study.curves, study.lanes, seeds=True), tmp_path)
    assert len(runs) == 2 * (3 + 7)
    name = study.record.conditions[0].name
    told = read(tmp_path / name / "seed 3")["accuracy/linear"]
    own = study.curves.filter(
        pl.col("condition") == name,
        pl.col("measure") == "accuracy",
        pl.col("seed") == 3,
        pl.col("split") == "test",
        pl.col("target") == "linear",
    )
    assert told == dict(own.select("step", "value").rows())


def test_a_lane_that_stopped_keeps_its_last_value_and_a_diverged_one_is_left_out(tmp_path):
    """Oracle: NumPy on the lanes' own last values."""
    study = made(6, evaluations=21, diverged=(1,))
    early = study.record.conditions[0].steps[10]
    gone = (pl.col("seed") == 2) & (pl.col("step") > early)
    lanes = study.lanes.with_columns(
        ended=pl.when(pl.col("seed") == 2).then(pl.lit("learned")).otherwise(pl.col("ended")),
        end_step=pl.when(pl.col("seed") == 2).then(early).otherwise(pl.col("end_step")),
    )
    table = study.curves.filter(~gone)
    event_files(series(study.record, table, lanes), tmp_path)
    last = study.record.conditions[0].steps[-1]
    own = table.filter(pl.col("measure") == "total_variance", pl.col("layer") == "hidden4")
    ends = own.filter(pl.col("step") == pl.when(pl.col("seed") == 2).then(early).otherwise(last))
    ends = ends.drop_nulls("value")
    assert sorted(ends["seed"]) == [0, 2, 3, 4, 5]
    told = read(tmp_path / study.record.conditions[0].name / "median")["total_variance/hidden4"]
    assert told[last] == pytest.approx(np.median(ends["value"].to_numpy()), rel=1e-6)


def test_equal_runs_give_equal_bytes_without_time_or_host(study, tmp_path):
    for place in ("a", "b"):
        event_files(series(study.record, study.curves, study.lanes), tmp_path / place)
    files = sorted(
        p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()
    )
    assert {p.name for p in files} == {FILE}
    assert all(
        (tmp_path / "a" / p).read_bytes() == (tmp_path / "b" / p).read_bytes() for p in files
    )
    with pytest.raises(ValueError, match="holds event files already"):
        event_files(series(study.record, study.curves, study.lanes), tmp_path / "a")


def test_a_name_is_never_a_path():
    names = ["scale=0.01, noise=2", "size/default", "../../x", "..", "", "a:b", "A:B", "ü 語",
             "x" * 300, HOSTILE]  # fmt: skip
    found = named_folders(names)
    assert found["scale=0.01, noise=2"] == "scale=0.01, noise=2"
    assert found["size/default"] == "size_default"
    assert found["ü 語"] == "ü 語"
    assert len({f.casefold() for f in found.values()}) == len(names)
    for folder in found.values():
        assert not set(folder) & set('/\\:*?"<>|\0') and folder.strip(". ") == folder
        assert 0 < len(folder) <= 104


def test_without_tensorboard_it_says_how_to_get_it(study, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'primacy[tensorboard]'")):
        event_files(series(study.record, study.curves, study.lanes), tmp_path)


def test_latex_escapes_what_it_would_take_for_commands():
    """Oracle: LaTeX's ten special characters, and three that its old encoding prints wrongly."""
    text = escaped(r"50% of x_1 & {y}^2 #3 $4 ~\input<|>" + "\nz")
    assert text == (
        r"50\% of x\_1 \& \{y\}\textasciicircum{}2 \#3 \$4 \textasciitilde{}\textbackslash{}input"
        r"\textless{}\textbar{}\textgreater{} z"
    )


def test_latex_tables_hold_the_verdicts_and_the_features():
    study = made(8, never=(0, 1, 2, 3, 4))
    text = latex(study.record, study.summary, study.verdicts)
    verdicts, features = text.split("\\begin{tabular}")[1:]
    body = [line for line in verdicts.splitlines() if line.endswith(r"\\")][1:]
    assert len(body) == len(study.verdicts) == len(synthetic.HYPOTHESES)
    for line, verdict in zip(body, study.verdicts, strict=True):
        cells = line.removesuffix(r" \\").split(" & ")
        assert cells[0] == escaped(verdict.claim)
        assert cells[1].startswith(verdict.word)
        assert cells[3] == str(verdict.pairs)
        if verdict.value is not None and verdict.value > 0:
            # 5 of 8 never learned the second side of `simple-first`: its ratio is a bound.
            sign = f"${verdict.bound}$" if verdict.bound else ""
            assert (verdict.bound == "<") is (verdict.id == "simple-first")
            assert cells[2].startswith(f"{sign}{verdict.value:.3g}")
    rows = [line.split(" & ") for line in features.splitlines() if line.endswith(r"\\")][1:]
    linear, hard = rows
    own = study.summary.filter(pl.col("feature") == "linear")
    assert linear[1:3] == ["linear", "8 of 8"]
    steps = np.sort(own["time_to_learn"].to_numpy())
    assert linear[3] == f"{steps[3]} [{steps[1]}, {steps[5]}]"  # the 4th, 2nd and 6th of 8
    assert linear[4] == f"{own['variance_explained'].median():.3g}"
    assert hard[1:3] == [r"xor\_xor\_xor", "3 of 8"]
    tau = study.record.conditions[0].tau
    assert hard[3].startswith(f"$>${tau} [")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"):
        assert text.count(part) == 2


def test_latex_of_hostile_names_keeps_its_columns():
    study = copied(made(4), "a & b", r"\input{x}", "50%")
    record = dataclasses.replace(study.record, hypotheses=())
    text = latex(record, study.summary, [])
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert all(len(re.findall(r"(?<!\\)&", row)) == 5 for row in rows)
    assert r"\input" not in text
    assert not re.search(r"(?<!\\)%", text)
