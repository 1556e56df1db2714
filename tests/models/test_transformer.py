"""The transformer: PyTorch's numbers, and which position sees which."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.models.dense import size
from primacy.models.transformer import Transformer, visible

BITS, SLOTS = 6, 3
SHAPE = (BITS + SLOTS - 1, 1)
MASKS = ("decoder", "prefix", "queries")


def tokens(n=16, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, *SHAPE)).astype(np.float32)


def start(model, seed=0):
    rng = np.random.default_rng(seed)
    params = model.init(rng, SHAPE, SLOTS)
    # Norms other than 1 and 0, or a network that lacks them would pass.
    return jax.tree.map(lambda a: (a + 0.1 * rng.normal(size=a.shape)).astype(np.float32), params)


@pytest.mark.parametrize("mask", MASKS)
def test_outputs_and_gradients_are_pytorchs(mask):
    """Oracle: PyTorch's scaled_dot_product_attention, layer_norm and gelu (its tanh form)."""
    torch = pytest.importorskip("torch")
    from tests.support.torch_networks import tensors, transformer

    model, x = Transformer(width=8, heads=2, depth=2, mask=mask), tokens()
    params = start(model)
    weigh = np.random.default_rng(3).normal(size=(len(x), SLOTS)).astype(np.float32)
    theirs = tensors(params)
    made = transformer(model, theirs, x)
    (made * torch.tensor(weigh)).sum().backward()
    outputs = model.apply(params, jnp.asarray(x)).outputs
    np.testing.assert_allclose(outputs, made.detach().numpy(), atol=2e-5)
    gradient = jax.grad(lambda p: (model.apply(p, jnp.asarray(x)).outputs * weigh).sum())(params)
    for ours, its in zip(jax.tree.leaves(gradient), jax.tree.leaves(theirs), strict=True):
        expected = its.grad.numpy()
        np.testing.assert_allclose(ours, expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("mask", MASKS)
def test_an_output_changes_with_what_its_slot_may_see_and_nothing_else(mask):
    """Oracle: the definition of each mask; token by token turned, output by output compared."""
    model, x = Transformer(width=8, heads=2, mask=mask), tokens(4)
    params = start(model)
    before = np.asarray(model.apply(params, jnp.asarray(x)).outputs)
    for token, slot in itertools.product(range(SHAPE[0]), range(SLOTS)):
        turned = x.copy()
        turned[:, token] = 1 - turned[:, token]
        after = np.asarray(model.apply(params, jnp.asarray(turned)).outputs)
        label = token - BITS  # of that slot, read by the slots after it
        seen = token < BITS or (mask != "queries" and label < slot)
        assert (np.abs(after - before)[:, slot].max() > 1e-5) == seen


def test_inputs_see_one_another_but_in_a_decoder():
    assert not visible("decoder", 3, 2)[0, 1]
    for mask in ("prefix", "queries"):
        allowed = visible(mask, 3, 2)
        assert allowed[:3, :3].all() and not allowed[:3, 3:].any()


def test_read_outs_are_as_wide_as_stated():
    """Oracle: `apply` itself."""
    model = Transformer()
    layers = model.apply(start(model), jnp.asarray(tokens())).layers
    assert tuple(layers) == model.layer_names
    assert tuple(a.shape[1] for a in layers.values()) == model.sizes_of(SHAPE, SLOTS)
    np.testing.assert_allclose(
        layers["inputs"].reshape(16, BITS, -1).mean(1), layers["inputs-mean"], atol=1e-6
    )


def test_cost_is_counted_by_hand():
    """Oracle: d = 4, 2 positions: 12 d^2 weights and 9 d biases each, and 2 pairs x 2 d."""
    model = Transformer(width=4, heads=2, depth=1)
    assert model.cost((1,), 1) == 2 * (12 * 16 + 9 * 4 + 2 * 2 * 4) + 5
    attention = 12 * 16 + 9 * 4 + 2 * 8  # two norms
    assert size(model.shapes((1,), 1)) == attention + 2 * 4 + 2 * 4 + 4 + 8 + 5


def test_a_slot_that_would_read_labels_needs_them():
    with pytest.raises(ValueError, match='kind = "tokens", or mask = "queries"'):
        Transformer().shapes((8,), 2)
    assert Transformer(mask="queries").sizes_of((8,), 2)[1] == 8 * 32
    with pytest.raises(ValueError, match="do not divide"):
        Transformer(width=10)
