"""The convolutional network and the transformer as a PyTorch user writes them, for `wide_steps`."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import relu, scaled_dot_product_attention


class Convolutional(nn.Module):
    """As `primacy.models.convolutional`, with PyTorch's own layers; images are `n c r s`."""

    def __init__(self, channels, depth, outputs, residual, batch):
        super().__init__()
        self.residual = residual

        def convolution(a, b, side, stride):
            made = nn.Conv2d(a, b, side, stride, side // 2, bias=not batch)
            return nn.Sequential(made, nn.BatchNorm2d(b)) if batch else made

        self.stem = convolution(depth, channels[0], 3, 1)
        self.stages, self.skips, before = nn.ModuleList(), nn.ModuleList(), channels[0]
        for i, own in enumerate(channels):
            stride = 1 if i == 0 else 2
            pair = [convolution(before, own, 3, stride), convolution(own, own, 3, 1)]
            self.stages.append(nn.ModuleList(pair))
            same = stride == 1 and before == own
            self.skips.append(nn.Identity() if same else convolution(before, own, 1, stride))
            before = own
        self.output = nn.Linear(before, outputs)

    def forward(self, x):
        x = relu(self.stem(x))
        for (first, second), skip in zip(self.stages, self.skips, strict=True):
            made = second(relu(first(x)))
            x = relu(made + skip(x) if self.residual else made)
        return self.output(x.mean((2, 3)))


class Transformer(nn.Module):
    """As `primacy.models.transformer` with the mask `decoder`; tokens are `n l`, whole numbers."""

    def __init__(self, inputs, slots, width=32, depth=2, heads=4):
        super().__init__()
        self.inputs, self.heads = inputs, heads
        self.token, self.start = nn.Embedding(2, width), nn.Parameter(torch.randn(width))
        self.position = nn.Parameter(torch.randn(inputs + slots, width) / 2)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "before": nn.LayerNorm(width),
                    "attention": nn.Linear(width, 3 * width),
                    "mixed": nn.Linear(width, width),
                    "between": nn.LayerNorm(width),
                    "hidden": nn.Linear(width, 4 * width),
                    "written": nn.Linear(4 * width, width),
                }
            )
            for _ in range(depth)
        )
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, 1)
        self.gelu = nn.GELU(approximate="tanh")

    def forward(self, tokens):
        read = self.token(tokens)
        start = self.start.expand(len(tokens), 1, -1)
        x = torch.cat([read[:, : self.inputs], start, read[:, self.inputs :]], 1) + self.position
        for layer in self.layers:
            seen = layer["attention"](layer["before"](x))
            split = seen.reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mixed = scaled_dot_product_attention(*split, is_causal=True).transpose(1, 2)
            x = x + layer["mixed"](mixed.reshape(x.shape))
            x = x + layer["written"](self.gelu(layer["hidden"](layer["between"](x))))
        return self.output(self.norm(x[:, self.inputs :]))[..., 0]


def trained(network, batches, steps, channels_last=False):
    """Train for so many steps on batches in turn, with Adam, one thread."""
    torch.set_num_threads(1)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    rule = torch.optim.Adam(network.parameters(), 1e-3)
    for i in range(steps):
        x, y = batches[i % len(batches)]
        rule.zero_grad()
        cross_entropy(network(x), y).backward()
        rule.step()


def batches(task, n, count, rng, split="train"):
    """Batches that the task draws, images with channels first and tokens as whole numbers."""
    found = []
    for i in range(count):
        batch = task.build(task.draw(f"{split} {i}", rng, n))
        x = torch.from_numpy(np.array(batch.inputs))
        x = x[..., 0].long() if x.ndim == 3 else x.permute(0, 3, 1, 2)
        found.append((x.contiguous(), torch.from_numpy(np.array(batch.targets))))
    return found
