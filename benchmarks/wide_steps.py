"""A training step of the convolutional network and of the transformer, beside PyTorch's.

Ours are the steps of a block, as the engine takes them in a study: the compiled program, turning
pages and drawing a stream included; compiling, evaluating and writing are not steps. PyTorch's is
an eager loop over eight stored batches, channels first and last, on one thread; the faster of the
two counts. Turn by turn, and the medians of CPU time, so that other work on the machine counts
less; ratios still vary by a tenth on a busy one.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax

from primacy.engine.hardware import workers
from primacy.models.convolutional import Convolutional
from primacy.models.transformer import Transformer
from primacy.rng import streams
from primacy.study.describe import describe, measured
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.sprites import Sprites
from primacy.tasks.tokens import Tokens
from primacy.training.block import _Work
from primacy.training.lane import Lane
from primacy.training.programs import Programs

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import torchnets

STEPS = 30
"""Of each turn."""
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


def ours(name: str) -> Callable[[], None]:
    """Steps of the engine: the program is compiled, then each call takes so many."""
    task, model, batch, examples = NETWORKS[name]
    training = Training(
        batch_size=batch,
        examples=examples,
        steps=10**6,
        evaluations=2,
        fit_examples=64,
        test_examples=64,
        confirm=1,
    )
    condition = Condition(task=task, model=model, training=training)
    study = Study(name="steps", conditions={"one": condition}, measures=("loss",), seeds=1)
    programs = Programs(condition, measured(study), 1, workers()[0])
    work = _Work(programs, [Lane(condition, describe(study).conditions[0], 0)], study.seed_axes)

    def steps() -> None:
        until = work.done + STEPS
        while work.done < until:
            work.advance(until)
        jax.block_until_ready(work.state)

    return steps


def theirs(name: str, channels_last: bool) -> Callable[[], None]:
    """Steps of PyTorch."""
    task, model, batch, _ = NETWORKS[name]
    held = torchnets.batches(task, batch, 8, streams(0, "data"))
    if isinstance(model, Convolutional):
        batch_norm = model.normalization == "batch"
        network = torchnets.Convolutional(model.channels, 3, 3, model.residual, batch_norm)
    else:
        slots = len(task.targets)
        network = torchnets.Transformer(task.input_shape[0] - slots + 1, slots)
    return lambda: torchnets.trained(network, held, STEPS, channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, nargs="+", default=list(NETWORKS))
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    for name in asked.network:
        loops = {"ours": ours(name), "torch": theirs(name, False)}
        if name in CONVOLUTIONAL:
            loops["torch, channels last"] = theirs(name, True)
        took: dict[str, list[float]] = {key: [] for key in loops}
        for turn in range(asked.times + 1):
            for key, loop in loops.items():
                began = time.process_time()
                loop()
                if turn:  # the first one warms up
                    took[key].append((time.process_time() - began) / STEPS * 1e3)
        ms = {key: round(statistics.median(each), 2) for key, each in took.items()}
        ratio = ms["ours"] / min(value for key, value in ms.items() if key != "ours")
        found = {"network": name, "cpu_ms": ms, "ratio": round(ratio, 2), "times": asked.times}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
