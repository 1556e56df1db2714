"""Small PyTorch networks, and everything about one that an evaluation must leave alone."""

import numpy as np
import torch
from torch import nn

X = np.random.default_rng(0).normal(size=(64, 3, 8, 8)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 64)


class Net(nn.Module):
    """A convolution, batch norm, dropout and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(4 * 64, 3)

    def forward(self, x):
        return self.fc(self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1))


class Shared(nn.Module):
    """One layer that is passed three times."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(192, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x):
        x = torch.relu(self.a(x.flatten(1)))
        for _ in range(3):
            x = torch.relu(self.b(x))
        return self.c(x)


class Residual(nn.Module):
    """Two blocks that add to a stream, which no module holds."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(192, 32), nn.Linear(32, 3)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
            for _ in range(2)
        )

    def forward(self, x):
        x = self.stem(x.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Attention(nn.Module):
    """Two transformer layers over eight positions."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True, dropout=0.1)
        self.embed = nn.Linear(24, 32)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.reshape(len(x), 8, 24))).mean(1))


def gives(make):
    """A network whose forward pass gives something else: `make(outputs)`."""

    class Gives(Net):
        def forward(self, x):
            return make(super().forward(x))

    return Gives()


def state(model):
    """What must be the same after an evaluation.

    Not Python's random state: the type checker of the tests draws from it (test_pytorch tests it).
    """
    modules = list(model.modules())
    return {
        "numbers": {name: value.detach().clone() for name, value in model.state_dict().items()},
        "modes": [module.training for module in modules],
        "torch": torch.get_rng_state().clone(),
        "numpy": np.append(*np.random.get_state()[1:3]),
        "hooks": [
            len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
            for m in modules
        ],
        "gradients": {
            n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()
        },
        "identities": {n: id(p.grad) for n, p in model.named_parameters() if p.grad is not None},
        "enabled": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
    }


def changed(before, after):
    """What of a state is not the same, bit for bit; NaN equals NaN."""
    return [name for name in before if not _same(before[name], after[name])]


def _same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) or torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
    return bool((a == b).all()) if isinstance(a, np.ndarray) else a == b
