"""What a training step of one network costs inside a run, compile and start-up apart.

Two runs that differ only in their number of steps, each timed warm and interleaved: the difference
of their medians over the difference of their model-steps. The machine's cores work at it together;
drawing the examples is in it. `--network notebook` has 33 parameters and one example a step,
`--network thousand` has 1,000 inputs.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import primacy
from primacy.engine import machine
from primacy.models.mlp import MLP
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.distractors import Distractors
from primacy.tasks.regression import Affine

NETWORKS = {
    "notebook": (Affine(), 512, (20_000, 80_000)),
    "thousand": (Distractors(distractors=999), 64, (500, 2_500)),
}
"""Task, networks at once, and the two numbers of steps."""


def study(task, networks: int, steps: int) -> Study:
    training = Training(
        batch_size=1, examples="stream", steps=steps, evaluations=3, fit_examples=64,
        test_examples=64,
    )  # fmt: skip
    model = MLP(widths=(8,), activation="relu", initialization="fan_in_uniform")
    condition = Condition(task=task, model=model, training=training)
    return Study(
        name="steps",
        conditions={"default": condition},
        measures=("r_squared",),
        seeds=networks,
        controls="none",
    )


def seconds(asked: Study, folder: Path) -> float:
    began = time.perf_counter()
    primacy.run(asked, folder)
    took = time.perf_counter() - began
    shutil.rmtree(folder)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, required=True)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    task, networks, counts = NETWORKS[asked.network]
    took: dict[int, list[float]] = {steps: [] for steps in counts}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(asked.times + 1):
            for steps in counts:
                once = seconds(study(task, networks, steps), Path(scratch) / "run")
                if turn:  # the first time compiles
                    took[steps].append(once)
    few, many = counts
    apart = statistics.median(took[many]) - statistics.median(took[few])
    spread = [b - a for a, b in zip(took[few], took[many], strict=True)]
    scale = 1e9 / ((many - few) * networks)
    print(json.dumps({
        "network": asked.network, "networks": networks, "cores": machine.cores(),
        "ns": apart * scale, "low": min(spread) * scale, "high": max(spread) * scale,
        "times": asked.times, "model_steps": (many - few) * networks,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
