"""JAX networks of each library are measured where they are. Oracle: the library's own call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.networks.frameworks.adapters import adapted
from primacy.networks.frameworks.network import LayerError, NetworkRefused

X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


def nnx_net():
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first, self.second = nnx.Linear(6, 5, rngs=rngs), nnx.Linear(5, 3, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.second(self.drop(nnx.relu(self.first(x))))

    model = Net(nnx.Rngs(0))

    def plain(x):
        return model.second(nnx.relu(model.first(x)))

    return model, plain, "second.input", lambda h: model.second(h)


def linen_net():
    import flax.linen as nn

    module = nn.Sequential([nn.Dense(5), nn.relu, nn.Dense(3)])
    variables = module.init(jax.random.key(0), X[:1])
    last = variables["params"]["layers_2"]
    rest = lambda h: h @ last["kernel"] + last["bias"][None]  # noqa: E731
    return (module, variables), lambda x: module.apply(variables, x), "layers_2.input", rest


def equinox_net():
    import equinox as eqx

    model = eqx.nn.MLP(6, 3, 5, 1, key=jax.random.key(0))
    return model, jax.vmap(model), "layers.1.input", jax.vmap(model.layers[1])


NETS = {"nnx": nnx_net, "linen": linen_net, "equinox": equinox_net}


@pytest.mark.parametrize("name", NETS)
def test_answers_are_those_of_the_library(name):
    model, plain, layer, rest = NETS[name]()
    network = adapted(model)
    network.meet(X)
    assert network.framework == name and [x.name for x in network.layers] == [layer]
    assert network.layers[0].cut and network.layers[0].shape == (5,)
    outputs, held = network.answers(X, True)
    np.testing.assert_allclose(outputs, plain(jnp.asarray(X)), atol=1e-6)
    np.testing.assert_allclose(rest(jnp.asarray(held[layer])), outputs, atol=1e-6)
    rows = held[layer] + 1
    np.testing.assert_allclose(network.onward(layer, X, rows), rest(jnp.asarray(rows)), atol=1e-6)
    slopes = network.slopes(X, 3)
    expected = jax.vmap(jax.jacrev(lambda x: plain(x[None])[0]))(jnp.asarray(X))
    np.testing.assert_allclose(slopes, np.moveaxis(np.asarray(expected), 1, 0), atol=1e-6)
    assert network.count() == 6 * 5 + 5 + 5 * 3 + 3


def test_names_of_the_network_s_own_code_are_layers():
    from jax.ad_checkpoint import checkpoint_name

    def forward(params, x):
        for i in range(3):
            x = checkpoint_name(jnp.tanh(x @ params["w"]), "state")
            assert i < 3
        return x[:, :2]

    params = {"w": np.eye(6, dtype=np.float32) + 0.1}
    network = adapted(params, forward=jax.jit(forward), layers=["state:*"])
    network.meet(X)
    assert [x.name for x in network.layers] == ["state", "state:2", "state:3"]
    _, held = network.answers(X, True)
    np.testing.assert_allclose(
        held["state:2"], np.tanh(np.tanh(X @ params["w"]) @ params["w"]), atol=1e-5
    )
    again = network.onward("state:2", X, held["state:2"])
    np.testing.assert_allclose(again, network.answers(X, False)[0], atol=1e-6)
    with pytest.raises(LayerError, match='Did you mean "state"'):
        adapted(params, forward=forward, layers=["stat"]).meet(X)


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (lambda p, x: (x, x), "a tuple; say which"),
        (lambda p, x: {"logits": x}, "a dict; say which"),
        (lambda p, x: x[:3], r"shape \(3, 6\) for 20 examples"),
        (lambda p, x: x.astype(complex), "complex numbers"),
        (lambda p, x: x + np.random.normal(size=(1, 6)).astype("f"), "of the same batch differ"),
    ],
)
def test_refusals_are_one_line(forward, told):
    with pytest.raises(NetworkRefused, match=told):
        adapted({"w": np.zeros(1)}, forward=forward).meet(X)


def asked(model, **how):
    """Every question, in a context that leaves things as they were; outputs and slopes."""
    network = adapted(model, **how)
    with network.evaluating():
        network.meet(X)
        outputs, held = network.answers(X, True)
        for own in network.layers:  # a cut with its own content changes nothing
            back = network.onward(own.name, X, held[own.name])
            np.testing.assert_allclose(back, outputs, rtol=1e-5, atol=1e-6)
        network.pulled(X, outputs)
        return outputs, network.slopes(X, outputs.shape[1])


@pytest.mark.parametrize("kind", [jnp.float32, jnp.bfloat16])
def test_a_module_in_train_mode_is_left_as_it_was(kind):
    """Batch norm keeps its statistics, dropout its key, the module its mode."""
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            how = {"rngs": rngs, "dtype": kind, "param_dtype": kind}
            self.first, self.second = nnx.Linear(6, 5, **how), nnx.Linear(5, 3, **how)
            self.norm, self.drop = nnx.BatchNorm(5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.second(self.drop(nnx.relu(self.norm(self.first(x)))))

    def content():
        kept = nnx.state(model, nnx.Not(nnx.RngKey))
        return [np.asarray(v).tobytes() for v in jax.tree.leaves(kept)]

    model = Net(nnx.Rngs(0))
    model.train()
    before = content()
    outputs, slopes = asked(model)
    assert content() == before and not model.drop.deterministic
    assert not model.norm.use_running_average
    assert outputs.dtype == np.float32 and np.isfinite(outputs).all() and np.isfinite(slopes).all()


def test_arrays_and_random_states_of_the_user_are_left_as_they_were():
    """A function that writes into its parameters, and one that draws where it is traced."""

    def writes(params, x):
        params["w"] += 1
        np.random.random()
        return x @ params["w"]

    params = {"w": np.eye(6, dtype=np.float32)}
    drawn = np.append(*np.random.get_state()[1:3])
    outputs, _ = asked(params, forward=writes)
    np.testing.assert_allclose(outputs, X @ (np.eye(6) + 1), rtol=1e-5, atol=1e-6)
    assert (params["w"] == np.eye(6)).all()
    assert (np.append(*np.random.get_state()[1:3]) == drawn).all()


def test_what_is_no_network_is_refused():
    with pytest.raises(NetworkRefused, match="say how it is: forward="):
        adapted({"w": np.zeros(3)})
    with pytest.raises(NetworkRefused, match="cannot be called by itself"):
        adapted(lambda x: x)
