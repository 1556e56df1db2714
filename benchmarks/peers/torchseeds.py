"""PyTorch as a good user writes it: an eager loop, or a `torch.func` ensemble of all seeds.

`--processes` and `--threads` (of each) say how the cores are used; the seeds are shared out.
"""

import functools
import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from shape import (
    BATCH,
    FEATURES,
    FIT,
    INPUTS,
    RATE,
    SLOPE,
    TEST,
    TRAIN,
    WIDTHS,
    arguments,
    hand_in,
    parity_data,
)
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = (INPUTS, *WIDTHS, len(FEATURES))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        for layer in self.layers:
            sd = (2 / (layer.in_features + layer.out_features)) ** 0.5 / 0.87962566
            nn.init.trunc_normal_(layer.weight, std=sd, a=-2 * sd, b=2 * sd)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = nn.functional.leaky_relu(layer(x), SLOPE)
        return self.layers[-1](x), x


def data(seed):
    generator = np.random.default_rng(seed)
    sizes = (("train", TRAIN), ("fit", FIT), ("test", TEST))
    return {s: tuple(map(torch.from_numpy, parity_data(generator, n))) for s, n in sizes}


def evaluated(forward, sets):
    """Every metric; examples are the last axis but one, so that seeds may stand before it."""
    with torch.no_grad():
        train_logits, _ = forward(sets["train"][0])
        cross_entropy(train_logits, sets["train"][1], reduction="none").mean(-2)
        ((train_logits > 0) == sets["train"][1]).float().mean(-2)
        (_, fit), (logits, reps) = forward(sets["fit"][0]), forward(sets["test"][0])
        y, shares = sets["test"][1], []
        cross_entropy(logits, y, reduction="none").mean(-2)
        for f in range(len(FEATURES)):
            x, test_x = sets["fit"][1][..., f : f + 1], y[..., f : f + 1]
            middle, spread = x.mean(-2, keepdim=True), x.var(-2, correction=0, keepdim=True)
            mean = fit.mean(-2, keepdim=True)
            slope = ((x - middle) * (fit - mean)).mean(-2, keepdim=True) / spread
            guess = mean + (test_x - middle) * slope
            rest = ((reps - guess) ** 2).mean(-2) / reps.var(-2, correction=0)
            shares.append((1 - rest).mean(-1))
        total = reps.var(-2, correction=0).sum(-1)
        accuracy = ((logits > 0) == y).float().mean(-2)
        return accuracy.numpy(), total.numpy(), torch.stack(shares, -1).numpy()


def loop(seeds, epochs):
    """Seeds one after another."""
    answers = []
    for seed in seeds:
        torch.manual_seed(seed)
        sets, network = data(seed), Network()
        rule = torch.optim.Adam(network.parameters(), RATE)
        looks = [evaluated(network, sets)]
        for _ in range(epochs):
            for rows in torch.randperm(TRAIN).split(BATCH):
                rule.zero_grad()
                logits, _ = network(sets["train"][0][rows])
                cross_entropy(logits, sets["train"][1][rows]).backward()
                rule.step()
            looks.append(evaluated(network, sets))
        answers.append([np.stack(part) for part in zip(*looks, strict=True)])
    return [np.stack(part) for part in zip(*answers, strict=True)]


def ensemble(seeds, epochs):
    """All seeds side by side: stacked parameters, `torch.func.vmap` over `functional_call`."""
    networks = []
    for seed in seeds:
        torch.manual_seed(seed)
        networks.append(Network())
    params, _ = torch.func.stack_module_state(networks)
    shell = networks[0]
    each = torch.func.vmap(lambda p, x: torch.func.functional_call(shell, p, (x,)))
    every = [data(seed) for seed in seeds]
    sets = {
        split: tuple(torch.stack([one[split][part] for one in every]) for part in (0, 1))
        for split in every[0]
    }
    rule = torch.optim.Adam(params.values(), RATE)
    own = torch.arange(len(seeds))[:, None]
    looks = [evaluated(lambda x: each(params, x), sets)]
    for _ in range(epochs):
        order = torch.stack([torch.randperm(TRAIN) for _ in seeds])
        for rows in order.split(BATCH, dim=1):
            rule.zero_grad()
            logits, _ = each(params, sets["train"][0][own, rows])
            # Summed over seeds: no network's gradient depends on another's loss.
            loss = cross_entropy(logits, sets["train"][1][own, rows], reduction="none")
            loss.mean((1, 2)).sum().backward()
            rule.step()
        looks.append(evaluated(lambda x: each(params, x), sets))
    return [np.stack(part, 1) for part in zip(*looks, strict=True)]


def part_of(seeds, way, epochs, threads):
    """The answers of some of the seeds, in a process of their own."""
    torch.set_num_threads(threads)
    return (loop if way == "loop" else ensemble)(seeds, epochs)


def main():
    asked = arguments(__doc__, "--as", "--processes", "--threads")
    count, threads = int(asked.processes or 1), int(asked.threads or torch.get_num_threads())
    shares = [seeds for i in range(count) if (seeds := range(i, asked.seeds, count))]
    work = functools.partial(
        part_of, way=getattr(asked, "as"), epochs=asked.epochs, threads=threads
    )
    if len(shares) == 1:
        parts = [work(shares[0])]
    else:
        with ProcessPoolExecutor(len(shares), multiprocessing.get_context("spawn")) as pool:
            parts = list(pool.map(work, shares))
    hand_in(asked.out, *(np.concatenate(each) for each in zip(*parts, strict=True)))


if __name__ == "__main__":
    main()
