"""What measures of own networks have a value for: what docs/measures.md says is what is asked.

Oracle: the question that is put to a network of each framework on data of each kind.
"""

import numpy as np
import pytest

import primacy
from primacy.measures.kinds import INPUTS, inputs_of
from primacy.networks import asking
from primacy.networks.declared import rows_only
from primacy.networks.frameworks.representations import OUTPUTS, StoredRepresentations
from primacy.registry import measures

N = 32


def declared(kind):
    rng = np.random.default_rng(0)
    label, other = rng.integers(0, 2, (2, N))
    features = {"other": primacy.values(other, lambda i, j: arrays(i))}

    def arrays(rows):
        made = np.random.default_rng(1).normal(size=(N, 4)).astype(np.float32)
        if kind == "tokens":
            return {"ids": np.arange(4 * N).reshape(N, 4)[rows], "mask": np.ones((N, 4))[rows]}
        return made[rows]

    found = primacy.declare(arrays(np.arange(N)), {"y": label}, features, fit=8, test=8)
    return rows_only(found) if kind == "representations" else found


def networks(kind):
    """Of every framework that can be given this; not called."""
    if kind == "representations":
        held = {"hidden": np.zeros((N, 3)), OUTPUTS: np.zeros((N, 1))}
        return [StoredRepresentations(held, 1)]
    from primacy.networks.frameworks.jax_modules import JaxNetwork

    torch = pytest.importorskip("torch")
    from primacy.networks.frameworks.pytorch import TorchNetwork

    forward = {"forward": lambda params, x: x}
    return [TorchNetwork(torch.nn.Linear(4, 1)), JaxNetwork({"w": np.zeros(3)}, **forward)]


@pytest.mark.parametrize("kind", INPUTS)
def test_a_network_is_asked_for_what_the_table_says(kind):
    every = tuple(measures.load().values())
    data = asking.resolved(declared(kind), 1)
    assert (data.numeric, data.loss) == (kind == "array", "sigmoid_cross_entropy")
    for network in networks(kind):
        asked = {m.name for m in asking.question(data, network, every, 1).measures}
        said = {m.name for m in every if inputs_of(m)[kind] is None and data.loss in m.losses}
        assert asked == said
