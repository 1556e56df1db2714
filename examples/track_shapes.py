"""Does a network learn the shape, or the color that goes with it? A Lightning module.

pip install 'primacy[lightning]'
python examples/track_shapes.py 0 2 4 &       # two processes write into one folder
python examples/track_shapes.py 1 3 5
primacy report runs/shapes
"""

import sys

import lightning as L
import numpy as np
import torch
from colored_shapes import COLOR, SHAPE, World
from torch import nn

import primacy
from primacy.networks.lightning_callback import LightningTracker

CLAIMS = [
    {
        "id": "color-first",
        "claim": "where both tell the class, color is relied on before shape",
        "measure": "time_to_learn",
        "of": {"feature": "color", "tells": 0.95},
        "minus": {"feature": "shape", "tells": 0.95},
        "scale": "ratio",
        "expect": "less",
        "margin": 0.25,
    },
    {
        "id": "shortcut",
        "claim": "in the end shape is used less where color tells the class in 95 % of the images",
        "measure": "reliance",
        "of": {"feature": "shape", "tells": 0.95},
        "minus": {"feature": "shape", "tells": 0.4},
        "expect": "less",
        "margin": 0.1,
    },
]


class CNN(L.LightningModule):
    """Two convolutions with batch norm and dropout: nothing here is about primacy."""

    def __init__(self, width=8):
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.fc1, self.drop = nn.Linear(2 * width * 16, 32), nn.Dropout(0.2)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv1(x))), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(self.drop(torch.relu(self.fc1(x.flatten(1)))))

    def training_step(self, batch, _):
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 2e-3)


def asked(tells, test=192):
    """Held-out images of the same kind, and what is asked about them."""
    world = World(2 * test, seed=10_000, tells=tells)
    make = world.images
    return primacy.declare(
        make(),
        {"class": world.shape},
        {
            "shape": primacy.values(
                np.array(SHAPE)[world.shape], lambda i, j: make(i, shape=j), target="class"
            ),
            "color": primacy.values(np.array(COLOR)[world.color], lambda i, j: make(i, color=j)),
            "size": primacy.values(world.size, lambda i, j: make(i, size=j)),
            "place": primacy.values(world.place[:, 0], lambda i, j: make(i, place=j)),
            "corner": np.pad(np.ones((3, 3, 3), bool), ((0, 0), (0, 13), (0, 13))),  # shows nothing
        },
        classes=SHAPE,
        name="colored shapes",
        fit=test,
        test=test,
    )


def run(seed, tells, out="runs/shapes", steps=400, **how):
    """Train one network."""
    L.seed_everything(seed, verbose=False)
    world = World(2048, seed=seed, tells=tells)
    rows = torch.utils.data.TensorDataset(
        torch.from_numpy(world.images()), torch.from_numpy(world.shape)
    )
    tracker = LightningTracker(
        asked(tells),
        out=out,
        seed=seed,
        condition=f"color tells {tells:.0%}",
        settings={"tells": tells},
        hypotheses=CLAIMS,
        question="Does the network learn the shape, or the color that goes with it?",
        **{"evaluations": 20, **how},
    )
    trainer = L.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[tracker],
    )
    trainer.fit(CNN(), torch.utils.data.DataLoader(rows, batch_size=64, shuffle=True))
    return tracker.tracker


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or range(6)):
        for share in (0.95, 0.4):
            run(number, share)
