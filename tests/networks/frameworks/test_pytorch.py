"""A PyTorch network is measured and left as it was.

Oracles: PyTorch's own forward pass and autograd on the module itself; its state before and after.
"""

import random

import numpy as np
import pytest
import torch
from torch import nn

from primacy.networks.frameworks.network import LayerError, NetworkRefused
from primacy.networks.frameworks.pytorch import TorchNetwork
from primacy.networks.frameworks.pytorch_guard import untouched
from tests.support.torchnets import Attention, Net, Residual, Shared, X, Y, changed, gives, state


def ask_all(model, **how):
    """Every question, to every layer."""
    network = TorchNetwork(model, **how)
    network.meet(X[:16])
    outputs, layers = network.answers(X, True)
    slopes = network.slopes(X, outputs.shape[1])
    back = {x.name: network.onward(x.name, X, layers[x.name]) for x in network.layers}
    return network, outputs, layers, slopes, back


def frozen():
    model = Net().train()
    model.norm.eval()
    return model


def with_gradients():
    model = Net().train()
    nn.functional.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
    return model


class Counts(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Writes(Net):
    def forward(self, x):
        x += 1
        return super().forward(x)


class Tied(Net):
    """Two layers share their weights; a hook of the user's counts passes."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(192, 192), nn.Linear(192, 192)
        self.b.weight = self.a.weight
        self.out = nn.Linear(192, 3)
        self.passes = []
        self.a.register_forward_hook(lambda *given: self.passes.append(1))

    def forward(self, x):
        return self.out(torch.relu(self.b(torch.relu(self.a(x.flatten(1))))))


class Fourier(Net):
    """Complex numbers inside, and a module that passes them."""

    def __init__(self):
        super().__init__()
        self.passed = nn.Identity()

    def forward(self, x):
        return super().forward(torch.fft.ifft2(self.passed(torch.fft.fft2(x))).real)


class Recurrent(nn.Module):
    """A layer that gives a tuple, and dropout that is no module."""

    def __init__(self):
        super().__init__()
        self.read, self.out = nn.LSTM(24, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        held, _ = self.read(x.reshape(len(x), 8, 24))
        return self.out(nn.functional.dropout(held[:, -1], 0.5, self.training))


def hooked():
    """Hooks of the user's that change what passes, forwards and backwards."""
    model = Net().train()
    model.conv.register_forward_hook(lambda _, given, out: 2 * out)
    model.fc.register_forward_pre_hook(lambda _, given: (given[0] + 1,))
    model.conv.weight.register_hook(lambda gradient: 0 * gradient)
    return model


GOOD = {
    "shared weights and a hook": Tied,
    "hooks that change": hooked,
    "complex inside": Fourier,
    "recurrent": Recurrent,
    "bfloat16": lambda: Net().to(torch.bfloat16).train(),
    "train mode": lambda: Net().train(),
    "frozen norm": frozen,
    "gradients wait": with_gradients,
    "float64": lambda: Net().double(),
    "counts its calls": Counts,
    "writes into its input": Writes,
    "shared": Shared,
    "residual": Residual,
    "attention": Attention,
    "DataParallel": lambda: nn.DataParallel(Net()),
    "NaN": lambda: gives(lambda out: out * float("nan")),
    "one output per example": lambda: gives(lambda out: out[:, 0]),
}


@pytest.mark.parametrize("name", GOOD)
def test_answers_and_leaves_everything_as_it_was(name):
    model = GOOD[name]()
    before, inputs = state(model), X.copy()
    network, outputs, _, slopes, back = ask_all(model)
    assert changed(before, state(model)) == []
    assert (inputs == X).all()
    assert network.layers
    assert outputs.shape[0] == 64 and slopes.shape == (outputs.shape[1], 64, 192)
    for own in network.layers:  # a cut with its own content changes nothing
        assert own.cut
        np.testing.assert_allclose(back[own.name], outputs, atol=1e-5)


def test_outputs_and_slopes_are_those_of_the_module():
    model = Net().eval()
    _, outputs, layers, slopes, _ = ask_all(model)
    x = torch.from_numpy(X.copy()).requires_grad_(True)
    expected = model(x)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), atol=1e-6)
    for i in range(3):
        (slope,) = torch.autograd.grad(expected[:, i].sum(), x, retain_graph=True)
        np.testing.assert_allclose(slopes[i], slope.reshape(64, -1).numpy(), atol=1e-6)
    hidden = torch.relu(model.norm(model.conv(x))).flatten(1).detach().numpy()
    np.testing.assert_allclose(layers["fc.input"], hidden, atol=1e-6)


def test_onward_is_the_rest_of_the_module():
    model = Net().eval()
    network, _, layers, _, _ = ask_all(model)
    rows = layers["fc.input"][::-1].copy()
    expected = model.fc(torch.from_numpy(rows)).detach().numpy()
    np.testing.assert_allclose(network.onward("fc.input", X, rows), expected, atol=1e-5)


def test_pulled_is_the_gradient():
    model, weights = Net().eval(), np.random.default_rng(2).normal(size=(64, 3)).astype("f")
    x = torch.from_numpy(X.copy()).requires_grad_(True)
    (expected,) = torch.autograd.grad((model(x) * torch.from_numpy(weights)).sum(), x)
    found = TorchNetwork(model).pulled(X, weights)
    np.testing.assert_allclose(found, expected.reshape(64, -1).numpy(), atol=1e-5)


class Draws(Net):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, True))


class Mutates(Net):
    def forward(self, x):
        with torch.no_grad():
            self.fc.weight.mul_(1.01)
        return super().forward(x)


class Raises(Net):
    passes = 0

    def forward(self, x):
        self.passes += 1
        if self.passes > 6:
            raise RuntimeError("out of memory")
        return super().forward(x)


BAD = {
    "tuple": (lambda: gives(lambda out: (out, out)), "a tuple; say which"),
    "dict": (lambda: gives(lambda out: {"scores": out}), "a dict of scores; say which"),
    "None": (lambda: gives(lambda out: None), "None; say which"),
    "complex": (lambda: gives(lambda out: torch.complex(out, out)), "complex numbers"),
    "wrong batch": (lambda: gives(lambda out: out[:5]), "shape (5, 3) for 16 examples"),
    "three axes": (lambda: gives(lambda out: out[:, None]), "shape (16, 1, 3)"),
    "draws": (Draws, "two evaluations of the same batch differ"),
    "mutates": (Mutates, "changes its own parameters"),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_one_line_and_leave_everything(name):
    make, told = BAD[name]
    model = make()
    before = state(model)
    with pytest.raises(NetworkRefused) as refused:
        ask_all(model)
    assert told in str(refused.value) and "\n" not in str(refused.value)
    assert changed(before, state(model)) == []


def test_a_failure_within_an_evaluation_leaves_no_hook():
    model = Raises().train()
    before = state(model)
    with pytest.raises(RuntimeError, match="out of memory"):
        ask_all(model)
    assert changed(before, state(model)) == []


def test_random_states_are_put_back():
    model = Net()
    drawn = np.append(*np.random.get_state()[1:3])
    before = random.getstate(), drawn, torch.get_rng_state().clone()
    with untouched(model):
        random.random(), np.random.random(), torch.rand(1)
    assert random.getstate() == before[0]
    assert (np.append(*np.random.get_state()[1:3]) == before[1]).all()
    assert torch.equal(torch.get_rng_state(), before[2])


def test_says_which_part_of_a_result_is_meant():
    model = gives(lambda out: {"scores": out})
    _, outputs, *_ = ask_all(model, outputs=lambda result: result["scores"])
    assert outputs.shape == (64, 3)


@pytest.mark.parametrize(
    "context", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)]
)
def test_the_caller_s_context_does_not_matter(context):
    model = Net()
    expected = ask_all(model)
    with context():
        found = ask_all(model)
    for a, b in zip(expected[1:], found[1:], strict=True):
        if isinstance(a, dict):
            assert all((a[k] == b[k]).all() for k in a)
        else:
            assert (a == b).all()


def test_bfloat16_answers_in_float32():
    _, outputs, *_ = ask_all(Net().to(torch.bfloat16))
    assert outputs.dtype == np.float32 and np.isfinite(outputs).all()


def test_lazy_modules_are_refused_until_they_have_parameters():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(NetworkRefused, match="pass it one batch"):
        TorchNetwork(model)


def test_layers_by_name_and_pattern():
    chosen = ["b.input:*", "c.input"]
    network, *_ = ask_all(Shared(), layers=chosen)
    names = [own.name for own in network.layers]
    assert names == ["b.input", "b.input:2", "b.input:3", "c.input"]
    network, _, layers, *_ = ask_all(Attention(), layers={"encoder.layers.*": "last"})
    assert [own.name for own in network.layers] == ["encoder.layers.0", "encoder.layers.1"]
    assert layers["encoder.layers.1"].shape == (64, 32)
    with pytest.raises(LayerError, match=r'Did you mean "fc.input"'):
        ask_all(Net(), layers=["fcc.input"])


def test_means_over_positions_are_those_of_the_module():
    model = Net().eval()
    network, _, layers, *_ = ask_all(model, layers={"conv": "mean"})
    expected = model.conv(torch.from_numpy(X)).mean((2, 3)).detach().numpy()
    np.testing.assert_allclose(layers["conv"], expected, atol=1e-6)
    moved = network.onward("conv", X, layers["conv"] + 1)
    held = model.conv(torch.from_numpy(X)) + 1
    rest = model.fc(torch.relu(model.norm(held)).flatten(1))
    np.testing.assert_allclose(moved, rest.detach().numpy(), atol=1e-5)


def test_a_layer_beside_the_stream_is_measured_and_not_edited():
    network, _, layers, *_ = ask_all(Residual(), layers=["blocks.0", "head.input"])
    assert [own.cut for own in network.layers] == [False, True]
    assert np.isnan(network.onward("blocks.0", X, layers["blocks.0"])).all()
