"""Exports to trackers whose libraries are large: read back by those libraries themselves.

They are not among the test dependencies (W&B and MLflow bring some forty packages); where one is
installed, its export is tested: `pip install 'primacy[wandb,mlflow]'`.
"""

import polars as pl
import pytest

from primacy.report.exporters import mlflow_store as to_mlflow
from primacy.report.exporters import wandb_runs as to_wandb
from primacy.report.exporters.offered import EXPORTERS, shown_by
from primacy.report.exporters.series import series
from tests.support.pages import made


@pytest.fixture(scope="module")
def study():
    return made(4, evaluations=6)


@pytest.fixture
def runs(study):
    return list(series(study.record, study.curves, study.lanes, seeds=True))


def stored(study, seed):
    """The held-out accuracy of the linear feature, by step, from the curves."""
    own = study.curves.filter(
        pl.col("measure") == "accuracy",
        pl.col("seed") == seed,
        pl.col("split") == "test",
        pl.col("target") == "linear",
    )
    return dict(own.select("step", "value").rows())


@pytest.mark.parametrize(("name", "module"), [("wandb", to_wandb), ("mlflow", to_mlflow)])
def test_without_its_library_it_says_how_to_get_it(name, module, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(ValueError, match=rf"pip install 'primacy\[{name}\]'"):
        EXPORTERS[name]([], tmp_path)
    assert module.__doc__.startswith("Curves as") and str(tmp_path) in shown_by(name, tmp_path)


@pytest.mark.filterwarnings("default")
def test_mlflow_reads_back_every_number(study, runs, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="pip install 'primacy[mlflow]'")
    written = to_mlflow.local_store(runs, tmp_path / "store")
    assert written == [f"{r.condition}/{r.name}" for r in runs]
    client = mlflow.MlflowClient(tracking_uri=to_mlflow.address(tmp_path / "store"))
    experiment = client.get_experiment_by_name("complexity").experiment_id
    found = {r.info.run_name: r for r in client.search_runs([experiment])}
    assert len(found) == 3 + 4
    own = found["default/seed 2"]
    numbers = client.get_metric_history(own.info.run_id, "accuracy/linear")
    assert {m.step: m.value for m in numbers} == pytest.approx(stored(study, 2))
    assert own.data.params["training.learning_rate"] == "0.001"
    with pytest.raises(ValueError, match="not empty"):
        to_mlflow.local_store(runs, tmp_path / "store")


def log(content):
    """The records of a log of LevelDB after W&B's own header, by its specification: blocks of 32 KB
    of pieces, each a checksum, a length, and whether it is whole, first, middle or last."""
    at, parts = 7, b""
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


@pytest.mark.filterwarnings("default")
def test_wandb_reads_back_every_number_and_sends_nothing(study, runs, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="pip install 'primacy[wandb]'")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # whatever is sent fails
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    chosen = [r for r in runs if r.name == "seed 2"]
    assert to_wandb.offline_runs(chosen, tmp_path / "out") == ["default/seed 2"]
    (file,) = (tmp_path / "out").rglob("*.wandb")
    told, name = {}, ""
    for content in log(file.read_bytes()):
        record = Record()
        record.ParseFromString(content)
        if record.HasField("run"):
            name = f"{record.run.project}: {record.run.run_group}/{record.run.display_name}"
        items = {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
        if "accuracy/linear" in items:
            told[int(items["_step"])] = float(items["accuracy/linear"])
    assert told == pytest.approx(stored(study, 2)) and name == "complexity: default/default/seed 2"
    with pytest.raises(ValueError, match="already"):
        to_wandb.offline_runs(chosen, tmp_path / "out")
