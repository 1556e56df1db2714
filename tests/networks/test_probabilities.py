"""Outputs that are probabilities are told from logits.

Oracle: networks whose last layer is known, trained until they answer, or not trained at all.
"""

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import primacy
from primacy.networks import messages, own_model
from primacy.networks.own_model import Own
from primacy.networks.probabilities import as_probabilities
from primacy.registry import models
from primacy.types import Target

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5)).astype(np.float32)
Y = (X[:, 0] + 0.5 * X[:, 1] > -0.3).astype(int)

ONE = (Target(name="t", kind="binary", chance=0.5),)
TWO = (Target(name="t", kind="class", chance=0.5, classes=("0", "1")),)
NUMBER = (Target(name="t", kind="number", chance=0.0),)


def column(values):
    return np.asarray(values, np.float32)[:, None]


P = column(RNG.uniform(0.55, 0.7, 200))
MOSTLY = (np.arange(200) % 10 < 6).astype(np.float32)[:, None]


@pytest.mark.parametrize(
    ("outputs", "answers", "targets", "found"),
    [
        (P, MOSTLY, ONE, True),  # the base rate is .6, and so are the outputs
        (P - 0.22, MOSTLY, ONE, False),  # logits of the base rate: log(.6 / .4) = .41
        (P + 0.5, MOSTLY, ONE, False),
        (-P, MOSTLY, ONE, False),
        (np.full_like(P, 0.6), MOSTLY, ONE, False),  # the same for every example
        (np.where(P > 0.69, np.nan, P), MOSTLY, ONE, False),
        (np.hstack([P, 1 - P]), MOSTLY, TWO, True),
        (np.hstack([P, 1 - P + 0.01]), MOSTLY, TWO, False),
        (P, P, NUMBER, False),
        (np.hstack([P, P]), np.hstack([MOSTLY, P]), ONE + NUMBER, True),
        (np.hstack([P, P * 9]), np.hstack([MOSTLY, MOSTLY]), ONE + ONE, False),
    ],
)
def test_what_counts_as_probabilities(outputs, answers, targets, found):
    assert as_probabilities(outputs, answers, targets) is found


def test_hardly_an_untrained_network_counts():
    """Oracle: how many of 500 networks with one logit do, as PyTorch makes them."""
    data = torch.from_numpy(X)
    false = 0
    for seed in range(500):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
        with torch.no_grad():
            false += as_probabilities(network(data).numpy(), column(Y), ONE)
    assert false <= 5


def track(out, ends, width=1, train=20, **how):
    """A tracked training of a network with such an end."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, width), *ends)
    optimizer = torch.optim.Adam(model.parameters(), 3e-2)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    data = primacy.declare(X, Y, {"one": [0]}, fit=64, test=64)
    told = {"steps": 20, "evaluations": 4, "measures": ["accuracy"], **how}
    with primacy.track(data, out=out, seed=0, **told) as tracker:
        for step in range(train):
            tracker.evaluate(model, step)
            given = model(x)
            p = torch.sigmoid(given) if not ends else given
            p = torch.cat([1 - p, p], 1) if width == 1 else p
            optimizer.zero_grad()
            nn.functional.nll_loss(torch.log(p + 1e-9), y).backward()
            optimizer.step()
        if train == told["steps"]:
            tracker.evaluate(model, train)
    return model


@pytest.mark.parametrize(
    ("ends", "outputs", "cure"),
    [
        ([nn.Sigmoid()], 1, lambda p: torch.logit(p, 1e-6)),
        ([nn.Softmax(-1)], 2, lambda p: torch.log(p + 1e-9)),
    ],
)
def test_a_tracked_network_is_told_once_and_the_cure_helps(tmp_path, capsys, ends, outputs, cure):
    track(tmp_path / "a", ends, outputs)
    told = capsys.readouterr().err
    assert told.count(messages.logits(outputs > 1, torch=True)) == told.count("probab") == 1
    x = torch.from_numpy(X)
    data = primacy.declare(X, Y, {"one": [0]}, fit=64, test=64)
    model = track(tmp_path / "b", ends, outputs, outputs=cure)
    told = capsys.readouterr().err
    assert "probabilities" not in told
    end = primacy.open(tmp_path / "b").curves.filter(
        pl.col("step") == 20, pl.col("measure") == "accuracy", pl.col("split") == "test"
    )
    with torch.no_grad():
        p = model(x[data.test])
    answer = p.argmax(1) if outputs > 1 else (p[:, 0] > 0.5).long()
    right = (answer == torch.from_numpy(Y)[data.test]).float().mean().item()
    assert end["value"][0] == pytest.approx(right)


def test_logits_are_told_nothing(tmp_path, capsys):
    track(tmp_path / "a", [])
    assert "probabilities" not in capsys.readouterr().err


def test_a_training_that_stops_early_is_told_at_its_end(tmp_path, capsys):
    track(tmp_path / "a", [nn.Sigmoid()], train=3, evaluations=20)
    assert capsys.readouterr().err.count("as probabilities do") == 1
    track(tmp_path / "b", [nn.Sigmoid()], train=1)  # nothing is known of it but how it began
    assert "probabilities" not in capsys.readouterr().err


def sigmoid(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs), nn.Sigmoid())


def softmax(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.Linear(8, outputs), nn.Softmax(-1))


def logits(inputs, outputs):
    network = nn.Linear(inputs, outputs)
    with torch.no_grad():  # untrained outputs lie between 0 and 1 by accident
        network.weight.mul_(0.1)
        network.bias.fill_(0.5)
    return network


@pytest.mark.parametrize(("make", "lines"), [(sigmoid, 1), (softmax, 1), (logits, 0)])
def test_a_model_of_ones_own_is_told_once_whatever_its_weights(make, lines, capsys):
    own_model.give("own", make)
    try:
        for outputs in (2, 3):
            Own().bound((6,), outputs)
    finally:
        own_model.CODE.clear()
        models.pop("own", None)
    told = capsys.readouterr().err
    assert told.count("\n") == told.count(f"test_probabilities.py:{make.__name__}: ") == lines
    assert lines == told.count("leave out the last Sigmoid or Softmax")
