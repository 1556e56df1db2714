"""A plain program of the demo's shape: seeds one after another, the way the demo does it.

One jit call a batch, a Python loop that redraws each example until its label fits, metrics from
the function that also gives gradients, scikit-learn's regressions, all training examples scored
after every epoch. Our own text. It compiles once for all seeds.
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
    UNITS,
    WIDTHS,
    arguments,
    hand_in,
)
from sklearn.linear_model import LinearRegression

RULE = optax.adam(RATE)


def examples(n):
    inputs = np.random.binomial(1, 0.5, (n, INPUTS))
    inputs[:, 1:4] = inputs[:, :1]
    labels = np.zeros((n, 2), int)
    labels[:, 0] = inputs[:, 0]
    for i, row in enumerate(np.random.permutation(n)):
        while True:
            a, b, c, d = inputs[row, UNITS : UNITS + 4]
            if ((a ^ b) ^ (c ^ d)) == i % 2:
                break
            inputs[row, UNITS:] = np.random.binomial(1, 0.5, UNITS)
        labels[row, 1] = i % 2
    return inputs.astype(np.float32), labels.astype(np.float32)


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


def objective(params, x, y):
    logits, reps = forward(params, x)
    losses = optax.sigmoid_binary_cross_entropy(logits, y).mean(0)
    return losses.mean(), (losses, ((logits > 0) == y).mean(0), reps)


scored = jax.jit(jax.value_and_grad(objective, has_aux=True))


@jax.jit
def step(params, memory, x, y):
    (_, aux), slope = jax.value_and_grad(objective, has_aux=True)(params, x, y)
    updates, memory = RULE.update(slope, memory, params)
    return optax.apply_updates(params, updates), memory, aux[0]


def evaluated(params, sets):
    for split in ("train", "test"):
        (_, (losses, accuracy, reps)), _ = scored(params, *sets[split])
        losses, accuracy, reps = map(np.asarray, (losses, accuracy, reps))
    (_, (_, _, fit_reps)), _ = scored(params, *sets["fit"])
    fit_reps, shares = np.asarray(fit_reps), []
    for f in range(len(FEATURES)):
        x, test_x = sets["fit"][1][:, f : f + 1], sets["test"][1][:, f : f + 1]
        shares.append(LinearRegression().fit(x, fit_reps).score(test_x, reps))
    return accuracy, reps.var(0).sum(), shares


def main():
    asked = arguments(__doc__)
    answers = []
    for seed in range(asked.seeds):
        np.random.seed(seed)
        sets = {s: examples(n) for s, n in (("train", TRAIN), ("fit", FIT), ("test", TEST))}
        params = init(jax.random.PRNGKey(seed))
        memory = RULE.init(params)
        looks = [evaluated(params, sets)]
        for _ in range(EPOCHS):
            order = np.random.permutation(TRAIN)
            for start in range(0, TRAIN, BATCH):
                rows = order[start : start + BATCH]
                x, y = (part[rows] for part in sets["train"])
                params, memory, _ = step(params, memory, x, y)
            looks.append(evaluated(params, sets))
        answers.append(zip(*looks, strict=True))
    hand_in(asked.out, *([np.stack(a) for a in part] for part in zip(*answers, strict=True)))


if __name__ == "__main__":
    main()
