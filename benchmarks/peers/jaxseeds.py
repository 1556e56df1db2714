"""Plain JAX as a good user writes it: one jitted program for all, `vmap` or `map` over seeds.

Data come from NumPy, all redraws at once; weights and batch orders from `jax.random`; metrics
without a backward pass; the regression on one feature in closed form.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from shape import (
    BATCH,
    EPOCHS,
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

RULE = optax.adam(RATE)


def init(key):
    draw = jax.nn.initializers.variance_scaling(1.0, "fan_avg", "truncated_normal")
    sizes = (INPUTS, *WIDTHS, len(FEATURES))
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        {"kernel": draw(k, (a, b)), "bias": jnp.zeros(b)}
        for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def forward(params, x):
    for layer in params[:-1]:
        x = jax.nn.leaky_relu(x @ layer["kernel"] + layer["bias"], SLOPE)
    return x @ params[-1]["kernel"] + params[-1]["bias"], x


def losses(params, x, y):
    return optax.sigmoid_binary_cross_entropy(forward(params, x)[0], y).mean(0)


def evaluated(params, sets):
    train_logits, _ = forward(params, sets["train"][0])
    train = optax.sigmoid_binary_cross_entropy(train_logits, sets["train"][1]).mean(0)
    train_accuracy = ((train_logits > 0) == sets["train"][1]).mean(0)
    _, fit = forward(params, sets["fit"][0])
    logits, reps = forward(params, sets["test"][0])
    y = sets["test"][1]

    def share(f):
        x, test_x = sets["fit"][1][:, f], y[:, f]
        slope = ((x - x.mean())[:, None] * (fit - fit.mean(0))).mean(0) / x.var()
        guess = fit.mean(0) + (test_x - x.mean())[:, None] * slope
        return (1 - ((reps - guess) ** 2).mean(0) / reps.var(0)).mean()

    return {
        "accuracy": ((logits > 0) == y).mean(0),
        "loss": optax.sigmoid_binary_cross_entropy(logits, y).mean(0),
        "train_accuracy": train_accuracy,
        "train_loss": train,
        "total_variance": reps.var(0).sum(),
        "variance_explained": jnp.stack([share(f) for f in range(len(FEATURES))]),
    }


def one(key, sets):
    first, key = jax.random.split(key)
    params = init(first)

    def step(carry, rows):
        params, memory = carry
        x, y = (part[rows] for part in sets["train"])
        slope = jax.grad(lambda p: losses(p, x, y).mean())(params)
        updates, memory = RULE.update(slope, memory, params)
        return (optax.apply_updates(params, updates), memory), None

    def epoch(carry, key):
        order = jax.random.permutation(key, TRAIN).reshape(-1, BATCH)
        carry, _ = jax.lax.scan(step, carry, order)
        return carry, evaluated(carry[0], sets)

    before = evaluated(params, sets)
    _, after = jax.lax.scan(epoch, (params, RULE.init(params)), jax.random.split(key, EPOCHS))
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), before, after)


def main():
    asked = arguments(__doc__, "--over")
    sets = []
    for seed in range(asked.seeds):
        generator = np.random.default_rng(seed)
        sizes = (("train", TRAIN), ("fit", FIT), ("test", TEST))
        sets.append({split: parity_data(generator, n) for split, n in sizes})
    stacked = jax.tree.map(lambda *parts: np.stack(parts), *sets)
    keys = jax.random.split(jax.random.key(0), asked.seeds)
    if asked.over == "vmap":
        found = jax.jit(jax.vmap(one))(keys, stacked)
    else:
        found = jax.jit(lambda *all_: jax.lax.map(lambda each: one(*each), all_))(keys, stacked)
    found = jax.device_get(found)
    hand_in(asked.out, found["accuracy"], found["total_variance"], found["variance_explained"])


if __name__ == "__main__":
    main()
