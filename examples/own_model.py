"""Networks of your own, which primacy trains: `primacy run examples/own_model.toml --model ...`

    --model examples/own_model.py:in_equinox     (or in_torch, in_nnx, in_linen)

A function gets those of `inputs`, `outputs` and `seed` that it names, and the study's settings.
"""


def in_equinox(inputs, outputs, seed, width=16):
    """An equinox module; it reads one example."""
    import equinox as eqx
    import jax

    return eqx.nn.MLP(inputs, outputs, width, 2, jax.nn.relu, key=jax.random.key(seed))


def in_torch(inputs, outputs, width=16):
    """A PyTorch module; its first weights are drawn from the run's seed."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )


def in_nnx(inputs, outputs, seed, width=16):
    """A flax nnx module."""
    from flax import nnx

    rngs = nnx.Rngs(seed)
    return nnx.Sequential(
        nnx.Linear(inputs, width, rngs=rngs),
        nnx.relu,
        nnx.Linear(width, width, rngs=rngs),
        nnx.relu,
        nnx.Linear(width, outputs, rngs=rngs),
    )


def in_linen(outputs, width=16):
    """A flax linen module; its variables are made from the run's seed."""
    import flax.linen as nn

    return nn.Sequential([nn.Dense(width), nn.relu, nn.Dense(width), nn.relu, nn.Dense(outputs)])
