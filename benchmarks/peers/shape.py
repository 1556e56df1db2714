"""The work that all peers do: the feature-complexity demo's shape, and how they hand it in."""

import argparse
import json
from pathlib import Path

import numpy as np

FEATURES = ("linear", "xor_xor_xor")
UNITS = 16
INPUTS = UNITS * len(FEATURES)
WIDTHS = (256, 128, 64, 64)
SLOPE = 0.01
TRAIN, FIT, TEST = 8192, 1024, 1024
BATCH, RATE, EPOCHS = 1024, 1e-3, 100


def arguments(description: str | None, *flags: str) -> argparse.Namespace:
    """`--seeds`, `--out`, `--epochs` (fewer of them, to try something) and the flags of a peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    for flag in flags:
        parser.add_argument(flag)
    return parser.parse_args()


def parity_data(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs `[n, 32]` and labels `[n, 2]`, float32; wrong rows are redrawn all at once."""
    inputs = generator.integers(0, 2, (n, INPUTS))
    inputs[:, 1:4] = inputs[:, :1]
    wanted = generator.permutation(n) % 2
    while (wrong := inputs[:, UNITS : UNITS + 4].sum(1) % 2 != wanted).any():
        inputs[wrong, UNITS:] = generator.integers(0, 2, (int(wrong.sum()), UNITS))
    labels = np.stack([inputs[:, 0], wanted], 1)
    return inputs.astype(np.float32), labels.astype(np.float32)


def hand_in(out: Path, accuracy, total_variance, variance_explained) -> None:
    """Write the answers: `[seed, epoch, feature]`, `[seed, epoch]`, `[seed, epoch, feature]`."""
    answers = {
        "accuracy": np.asarray(accuracy, float).tolist(),
        "total_variance": np.asarray(total_variance, float).tolist(),
        "variance_explained": np.asarray(variance_explained, float).tolist(),
    }
    out.write_text(json.dumps(answers))
