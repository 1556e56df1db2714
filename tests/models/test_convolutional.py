"""The convolutional network: PyTorch's numbers, its cost by hand, and batch normalization."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.models.convolutional import Convolutional, convolution
from primacy.models.dense import size

SHAPE, T = (16, 16, 3), 3
KINDS = {
    "plain": Convolutional(),
    "batch": Convolutional(normalization="batch"),
    "residual": Convolutional(residual=True),
    "residual batch": Convolutional(channels=(4, 6), residual=True, normalization="batch"),
}


def images(n=8, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def start(model, seed=0):
    params = model.init(np.random.default_rng(seed), SHAPE, T)
    # Scales and shifts other than 1 and 0, or a network that lacks them would pass.
    rng = np.random.default_rng(seed + 1)
    moved = {"scale", "shift"}
    return {
        name: {
            k: (a + 0.3 * rng.normal(size=a.shape)).astype(np.float32) if k in moved else a
            for k, a in layer.items()
        }
        for name, layer in params.items()
    }


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_are_pytorchs(kind):
    """Oracle: PyTorch's conv2d and batch_norm with the same parameters."""
    torch = pytest.importorskip("torch")
    from tests.support.torch_networks import convolutional, tensors

    model, x = KINDS[kind], images()
    params, weigh = start(model), np.random.default_rng(3).normal(size=(len(x), T))
    theirs = tensors(params)
    # oneDNN's gradient of a 1x1 convolution was seen to corrupt memory (PyTorch 2.13, AVX2).
    with torch.backends.mkldnn.flags(enabled=False):
        made = convolutional(model, theirs, x)
        (made * torch.tensor(weigh)).sum().backward()
    outputs, pull = jax.vjp(lambda p: model.apply(p, jnp.asarray(x)).outputs, params)
    (gradient,) = pull(jnp.asarray(weigh, jnp.float32))
    np.testing.assert_allclose(outputs, made.detach().numpy(), atol=2e-5)
    for ours, its in zip(jax.tree.leaves(gradient), jax.tree.leaves(theirs), strict=True):
        scale = np.abs(its.grad.numpy()).max()
        np.testing.assert_allclose(ours, its.grad.numpy(), atol=2e-4 * scale)


@pytest.mark.parametrize(
    ("shape", "side", "stride"), [((5, 7, 2), 3, 1), ((5, 8, 2), 3, 2), ((6, 5, 1), 1, 2)]
)
def test_shifted_views_are_a_convolution(shape, side, stride, monkeypatch):
    """Oracle: XLA's own convolution, with odd and even sizes; a GPU is given that one."""
    x = jnp.asarray(images(3, shape=shape))
    kernel = jnp.asarray(np.random.default_rng(1).normal(size=(side, side, shape[2], 4)), x.dtype)
    edge = [(side // 2, side // 2)] * 2
    expected = jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), edge, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    found = jnp.moveaxis(convolution(jnp.moveaxis(x, -1, 0), kernel, stride), 0, -1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    theirs = jnp.moveaxis(convolution(jnp.moveaxis(x, -1, 0), kernel, stride), 0, -1)
    np.testing.assert_allclose(theirs, expected, atol=1e-5)


def test_cost_and_parameters_are_counted_by_hand():
    """Oracle: pixels written x channels written x (9 x channels read, and 1 for the bias)."""
    model = KINDS["residual"]
    by_hand = 256 * 8 * (9 * 3 + 1) + 2 * 256 * 8 * (9 * 8 + 1)
    by_hand += 64 * 16 * (9 * 8 + 1) + 64 * 16 * (9 * 16 + 1) + 64 * 16 * (8 + 1)
    by_hand += 16 * 32 * (9 * 16 + 1) + 16 * 32 * (9 * 32 + 1) + 16 * 32 * (16 + 1)
    assert model.cost(SHAPE, T) == by_hand + 33 * 3
    kernels = 8 * 28 + 2 * 8 * 73 + 16 * 73 + 16 * 145 + 16 * 9 + 32 * 145 + 32 * 289 + 32 * 17
    assert size(model.shapes(SHAPE, T)) == kernels + 33 * 3


def test_a_settled_network_scores_an_example_alone_as_among_others():
    """Oracle: on the examples that it was settled on it is the network in training."""
    model = KINDS["residual batch"]
    params, seen, new = start(model), jnp.asarray(images(64)), jnp.asarray(images(5, seed=9))
    settled = model.settled(params, seen)
    before, after = (model.apply(p, seen).outputs for p in (params, settled))
    np.testing.assert_allclose(after, before, atol=1e-5)
    whole, alone = model.apply(settled, new).outputs, model.apply(settled, new[:1]).outputs
    np.testing.assert_allclose(alone[0], whole[0], atol=1e-5)
    in_training = model.apply(params, new[:1]).outputs
    assert np.abs(in_training[0] - model.apply(params, new).outputs[0]).max() > 1e-3
    assert KINDS["plain"].settled(params, seen) is params


def test_inputs_that_are_no_image_are_refused_with_a_task_that_has_some():
    with pytest.raises(ValueError, match=r"inputs are 32.*sprites"):
        Convolutional().shapes((32,), 1)
