"""A training step of the convolutional network and of the transformer, beside PyTorch's.

Ours is a step inside a run, as studies take it: two runs that differ only in their number of steps,
the difference of their CPU time over that of their steps, so compiling, evaluating and writing are
out of it and drawing a stream is in. PyTorch's is an eager loop over eight stored batches, one
thread, channels first and last (`--channels-last`), whichever is faster. Turn by turn, and the
medians. CPU time, not time, so that other work on the machine counts less; ratios still vary by a
tenth on a busy one.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import torchnets

import primacy
from primacy.models.convolutional import Convolutional
from primacy.models.transformer import Transformer
from primacy.rng import streams
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.sprites import Sprites
from primacy.tasks.tokens import Tokens

FEW, MANY = 20, 80
"""Steps of the two runs."""

CONVOLUTIONAL = {
    "convolutional": Convolutional(),
    "residual, batch norm": Convolutional(residual=True, normalization="batch"),
}
TOKENS = Tokens(features=("linear1", "parity2", "parity3", "parity4"))
NETWORKS = {
    **{name: (Sprites(), model, 64, 256) for name, model in CONVOLUTIONAL.items()},
    "transformer": (TOKENS, Transformer(), 256, "stream"),
}
"""Task, model, batch size and training examples."""


def study(name: str, steps: int) -> Study:
    task, model, batch, examples = NETWORKS[name]
    training = Training(
        batch_size=batch, examples=examples, steps=steps, evaluations=2, fit_examples=64,
        test_examples=64, confirm=1,
    )  # fmt: skip
    condition = Condition(task=task, model=model, training=training)
    return Study(
        name="steps", conditions={"default": condition}, measures=("loss",), seeds=1,
        controls="none",
    )  # fmt: skip


def ours(name: str, steps: int, folder: Path) -> float:
    began = time.process_time()
    primacy.run(study(name, steps), folder)
    took = time.process_time() - began
    shutil.rmtree(folder)
    return took


def theirs(name: str, steps: int, channels_last: bool) -> float:
    task, model, batch, _ = NETWORKS[name]
    held = torchnets.batches(task, batch, 8, streams(0, "data"))
    if isinstance(model, Convolutional):
        network = torchnets.Convolutional(
            model.channels, 3, 3, model.residual, model.normalization == "batch"
        )
    else:
        network = torchnets.Transformer(task.input_shape[0] - 3, 4)
    torchnets.trained(network, held, 5, channels_last)
    began = time.process_time()
    torchnets.trained(network, held, steps, channels_last)
    return (time.process_time() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, nargs="+", default=list(NETWORKS))
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    for name in asked.network:
        took: dict[str, list[float]] = {"few": [], "many": [], "torch": [], "torch last": []}
        with tempfile.TemporaryDirectory() as scratch:
            for turn in range(asked.times + 1):
                run = Path(scratch) / "run"
                once = {"few": ours(name, FEW, run), "many": ours(name, MANY, run)}
                once["torch"] = theirs(name, MANY - FEW, False)
                once["torch last"] = theirs(name, MANY - FEW, name in CONVOLUTIONAL)
                if turn:  # the first time compiles
                    for key, seconds in once.items():
                        took[key].append(seconds)
        middle = {key: statistics.median(each) for key, each in took.items()}
        own = (middle["many"] - middle["few"]) / (MANY - FEW)
        torch = min(middle["torch"], middle["torch last"])
        print(json.dumps({
            "network": name, "ms": own * 1e3, "torch_ms": middle["torch"] * 1e3,
            "torch_channels_last_ms": middle["torch last"] * 1e3, "ratio": own / torch,
            "times": asked.times,
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
