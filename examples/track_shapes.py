"""Does a network learn the shape, or the color that goes with it? A Lightning module.

pip install 'primacy[lightning]'
python examples/track_shapes.py 0 2 4 &       # two processes write into one folder
python examples/track_shapes.py 1 3 5
primacy report runs/shapes

In one condition the color tells the class in 95 % of the training images, in the other (the
control, in which that link is broken) no better than chance. Both are measured on the same images.
"""

import sys

import lightning as L
import numpy as np
import torch
from colored_shapes import COLOR, SHAPE, World
from torch import nn

import primacy
from primacy.networks.lightning_callback import LightningTracker

LINKED, BROKEN = 0.95, 0.33
"""Share of training images in which color and class are the same number; of three, a third is
chance."""

CLAIMS = [
    {
        "id": "color-first",
        "claim": "where both tell the class, color is relied on before shape",
        "measure": "time_to_learn",
        "of": {"feature": "color", "tells": LINKED},
        "minus": {"feature": "shape", "tells": LINKED},
        "scale": "ratio",
        "expect": "less",
        "margin": 0.25,
    },
    {
        "id": "shortcut",
        "claim": "shape is used less where color tells the class in 95 %",
        "measure": "reliance",
        "of": {"feature": "shape", "tells": LINKED},
        "minus": {"feature": "shape", "tells": BROKEN},
        "expect": "less",
        "margin": 0.1,
    },
    {
        "id": "excess",
        "claim": "color is used beyond what networks use of it that were trained without the link",
        "measure": "reliance",
        "of": {"feature": "color", "tells": LINKED},
        "minus": {"feature": "color", "tells": BROKEN},
        "expect": "greater",
        "margin": 0.1,
    },
    {
        "id": "conflict",
        "claim": "given the color of another class, more answers follow it than in the control",
        "measure": "conflict_index",
        "of": {"feature": "color", "tells": LINKED},
        "minus": {"feature": "color", "tells": BROKEN},
        "expect": "greater",
        "margin": 0.1,
    },
    {
        "id": "corner",
        "claim": "a corner that shows nothing is used no more than another one",
        "measure": "reliance",
        "of": {"feature": "corner", "tells": LINKED},
        "minus": {"feature": "other corner", "tells": LINKED},
        "expect": "equal",
        "margin": 0.01,
    },
]

MEASURES = ["accuracy", "loss", "reliance", "conflict_index", "conflict_decided",
            "variance_explained"]  # fmt: skip


def corner(row, column):
    """A region of 3 x 3 pixels in which nothing is ever drawn."""
    region = np.zeros((3, 16, 16), bool)
    region[:, row : row + 3, column : column + 3] = True
    return region


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


def asked(test=192):
    """Held-out images, and what is asked about them; the same for every network."""
    world = World(2 * test, seed=10_000, tells=LINKED)
    make = world.images
    return primacy.declare(
        make(),
        {"class": world.shape},
        {
            "shape": primacy.values(np.array(SHAPE)[world.shape], lambda i, j: make(i, shape=j)),
            "color": primacy.values(np.array(COLOR)[world.color], lambda i, j: make(i, color=j)),
            "size": primacy.values(world.size, lambda i, j: make(i, size=j)),
            "place": primacy.values(world.place[:, 0], lambda i, j: make(i, place=j)),
            "corner": corner(0, 0),
            "other corner": corner(13, 13),
        },
        classes=SHAPE,
        name="colored shapes",
        fit=test,
        test=test,
    )


def run(seed, tells, out="runs/shapes", steps=300, **how):
    """Train one network."""
    L.seed_everything(seed, verbose=False)
    world = World(2048, seed=seed, tells=tells)
    rows = torch.utils.data.TensorDataset(
        torch.from_numpy(world.images()), torch.from_numpy(world.shape)
    )
    tracker = LightningTracker(
        asked(),
        out=out,
        seed=seed,
        condition=f"color tells {tells:.0%}",
        settings={"tells": tells},
        hypotheses=CLAIMS,
        question="Does the network learn the shape, or the color that goes with it?",
        **{"evaluations": 32, "measures": MEASURES, **how},
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
    torch.set_num_threads(1)  # two processes on few cores would wait for each other's threads
    for number in map(int, sys.argv[1:] or range(6)):
        for share in (LINKED, BROKEN):
            run(number, share)
