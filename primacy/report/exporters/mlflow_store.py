"""Curves as a local data base of MLflow. The one file that needs the extra `mlflow`."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from primacy.report.exporters.series import Series, missing

MAX_BATCH = 1000
"""Numbers that MLflow takes at once."""
MAX_PARAMETER = 6000
"""Characters of a parameter that MLflow takes."""


def local_store(runs: Iterable[Series], out: Path) -> list[str]:
    """Write a data base of SQLite for `mlflow ui --backend-store-uri` (an `Exporter`).

    The experiment is the study; of what MLflow allows in no name, every character is a `_`.

    Raises:
        ValueError: MLflow is not installed, or the folder holds something already.
    """
    try:
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]
        from mlflow.entities import Metric, Param  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing(error, "mlflow") from None
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    client, found, experiment = MlflowClient(tracking_uri=address(out)), [], None
    artifacts = (out.resolve() / "artifacts").as_uri()
    for own in runs:
        experiment = experiment or client.create_experiment(_plain(own.study), artifacts)
        name = f"{own.condition}/{own.name}"
        run = client.create_run(experiment, run_name=name).info.run_id
        parameters = [Param(_plain(k), str(v)[:MAX_PARAMETER]) for k, v in own.config.items()]
        client.log_batch(run, params=parameters)
        numbers = [
            Metric(_plain(tag), value, 0, step)
            for step, tag, value in own.rows
            if math.isfinite(value)
        ]
        for start in range(0, len(numbers), MAX_BATCH):
            client.log_batch(run, metrics=numbers[start : start + MAX_BATCH])
        client.set_terminated(run)
        found.append(name)
    return found


def address(out: Path) -> str:
    """What MLflow calls the data base in a folder."""
    return f"sqlite:///{out.resolve() / 'mlflow.db'}"


def _plain(name: str) -> str:
    return re.sub(r"[^\w./ -]", "_", name).strip(" ./") or "_"
