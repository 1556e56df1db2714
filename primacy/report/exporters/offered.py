"""Which exporters there are, by the name of their tracker and of the extra that brings it."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from primacy.report.exporters.mlflow_store import address, local_store
from primacy.report.exporters.series import Exporter
from primacy.report.exporters.tensorboard import event_files
from primacy.report.exporters.wandb_runs import offline_runs

EXPORTERS: Mapping[str, Exporter] = {
    "tensorboard": event_files,
    "wandb": offline_runs,
    "mlflow": local_store,
}

_SHOWN_BY = {
    "tensorboard": "tensorboard --logdir {}",
    "wandb": "wandb sync --sync-all {}",
    "mlflow": "mlflow ui --backend-store-uri {}",
}


def shown_by(name: str, out: Path) -> str:
    """The command of a tracker that shows what was exported to a folder."""
    inside = {"wandb": str(out / "wandb"), "mlflow": address(out)}.get(name, str(out))
    return _SHOWN_BY[name].format(shlex.quote(inside))
