"""A small training in PyTorch, with or without a tracker."""

import numpy as np
import torch
from torch import nn

import primacy

ROWS, STEPS = 256, 40


def arrays():
    """Three classes by the largest of three inputs; the last of twelve inputs is noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 12)).astype(np.float32)
    return x, x[:, :3].argmax(1)


def data(**more):
    """The same, declared."""
    x, y = arrays()
    features = {"signal": [0, 1, 2], "noise": [11], "other": [5]}
    return primacy.declare(x, {"class": y}, features, fit=64, test=64, **more)


def make(width=16, seed=0, blind=False):
    """An untrained network; `blind` to the noise."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, 3))
    if blind:
        with torch.no_grad():
            model[0].weight[:, 11] = 0
        model[0].weight.register_hook(lambda g: torch.cat([g[:, :11], 0 * g[:, 11:]], 1))
    return model


def loop(out, *, seed, model=None, every=1, until=STEPS, each=None, **how):
    """A training loop; without a folder it is not tracked."""
    model = model or make(seed=seed)
    x, y = (torch.from_numpy(a) for a in arrays())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    torch.manual_seed(seed)
    how = {"evaluations": 8, **how}
    tracker = out and primacy.track(data(), out=out, seed=seed, steps=STEPS, **how)
    for step in range(until):
        if tracker and step % every == 0:
            tracker.evaluate(model, step)
        if each:
            each(step)
        model.train()
        rows = torch.randint(0, ROWS, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    if each:
        each(until)
    if not tracker:
        return model, None
    tracker.evaluate(model, until)
    return model, tracker.finish()


def trained(out, *, seed, width=16, blind=False, **how):
    """A tracked training of a network of that width."""
    return loop(out, seed=seed, model=make(width, seed, blind), **how)
