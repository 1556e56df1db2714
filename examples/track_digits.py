"""Which part of a digit does a network come to rely on first? A plain PyTorch loop.

    pip install 'primacy[torch]' scikit-learn
    python examples/track_digits.py && primacy report runs/digits

The lines that are primacy's are marked; without them this is an ordinary training script.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

import primacy  # primacy


def bands():
    """Regions of the 8 x 8 pixels."""
    row, column = np.indices((8, 8))
    regions = {"top": row < 3, "middle": (row >= 3) & (row < 5), "bottom": row >= 5}
    return regions | {"corner": (row < 2) & (column < 1)}  # nothing is ever drawn there


def train(seed, out="runs/digits", steps=1000):
    """One network."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8)
    held_out = np.arange(len(images)) % 3 == 0
    x, y = torch.from_numpy(images[~held_out]), torch.from_numpy(labels[~held_out])

    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    data = primacy.declare(images[held_out], {"digit": labels[held_out]}, bands())  # primacy
    with primacy.track(data, out=out, seed=seed, steps=steps) as tracker:  # primacy
        for step in range(steps):
            tracker.evaluate(model, step)  # primacy
            rows = torch.randint(0, len(x), (64,))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        tracker.evaluate(model, steps)  # primacy


if __name__ == "__main__":
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 6):
        train(number)
