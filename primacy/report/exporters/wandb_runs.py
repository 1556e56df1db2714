"""Curves as offline runs of Weights & Biases. The one file that needs the extra `wandb`."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from primacy.report.exporters.series import Series, missing


def offline_runs(runs: Iterable[Series], out: Path) -> list[str]:
    """Write offline runs into a folder, for `wandb sync` or never (an `Exporter`).

    The project is the study, the group the condition; nothing is sent, and nothing about the
    machine or the code around is gathered. Runs of W&B that this process has open are finished.

    Raises:
        ValueError: W&B is not installed, or the folder holds such runs already.
    """
    try:
        import wandb  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing(error, "wandb") from None
    if out.exists() and any(out.rglob("*.wandb")):
        raise ValueError(f"{out} holds runs of W&B already; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(
        mode="offline",
        console="off",
        silent=True,
        save_code=False,
        disable_git=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
    )
    found = []
    for own in runs:
        name = f"{own.condition}/{own.name}"
        run: Any = wandb.init(
            dir=str(out),
            project=own.study,
            group=own.condition,
            name=name,
            config=dict(own.config),
            settings=settings,
            reinit="create_new",
        )
        for step, rows in itertools.groupby(own.rows, key=lambda row: row[0]):
            values = {tag: value for _, tag, value in rows if math.isfinite(value)}
            run.log(values, step=step)
        run.finish()
        found.append(name)
    wandb.teardown()  # its service writes the last numbers only when it ends
    return found
