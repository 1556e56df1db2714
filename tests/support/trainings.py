"""The same small training in every framework, with a tracker or without: `train(out) -> weights`.

`out` None is the untracked training. Each returns its final weights as arrays.
"""

import contextlib
import logging
import os
import warnings

import numpy as np

import primacy
from tests.support.tracked import ROWS, STEPS, arrays, data

BATCH = 32


def batches():
    """Batches in a fixed order, by a generator of their own."""
    x, y = arrays()
    rng = np.random.default_rng(7)
    for _ in range(STEPS):
        rows = rng.integers(0, ROWS, BATCH)
        yield x[rows], y[rows]


def tracker_of(out, **how):
    """A tracker, or nothing."""
    if out is None:
        return None
    return primacy.track(data(), out=out, seed=0, steps=STEPS, evaluations=6, quiet=True, **how)


def torch_net():
    """With dropout and batch norm, which have a training mode and random numbers."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )


def torch_loop(out, wrap=lambda model: model):
    """A plain loop; `wrap` compiles or distributes the module."""
    import torch

    model = torch_net()
    called = wrap(model)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    tracker = tracker_of(out)
    for step, (x, y) in enumerate(batches()):
        if tracker:
            tracker.evaluate(called, step)
        called.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(called(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
    if tracker:
        tracker.evaluate(called, STEPS)
        assert tracker.finish() is not None
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def compiled(out):
    """`torch.compile`, by the back end that needs no compiler of the machine."""
    import torch

    return torch_loop(out, lambda model: torch.compile(model, backend="aot_eager"))


def distributed(out):
    """DistributedDataParallel of one process."""
    import torch

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        return torch_loop(out, torch.nn.parallel.DistributedDataParallel)
    finally:
        torch.distributed.destroy_process_group()


def lightning(out):
    """A LightningModule with its Trainer."""
    import lightning as L
    import torch

    from primacy.networks.lightning_callback import LightningTracker

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch_net()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _):
            return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 1e-2)

    x, y = (torch.from_numpy(a) for a in arrays())
    L.seed_everything(0, verbose=False)
    rows = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(rows, BATCH, shuffle=True)
    callbacks = []
    if out is not None:
        callbacks = [LightningTracker(data(), out=out, seed=0, evaluations=6, quiet=True)]
    model = Module()
    with quiet():
        trainer = L.Trainer(
            max_steps=STEPS,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
        )
        trainer.fit(model, loader)
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def transformers(out):
    """A module with the Trainer of Hugging Face."""
    import torch
    from transformers import Trainer, TrainingArguments, set_seed

    from primacy.networks.transformers_callback import TransformersTracker

    set_seed(0)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch_net()

        def forward(self, x, labels=None):
            logits = self.net(x)
            if labels is None:
                return {"logits": logits}
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    x, y = arrays()
    rows = [{"x": torch.from_numpy(a), "labels": int(b)} for a, b in zip(x, y, strict=True)]
    how = {"evaluations": 6, "quiet": True, "outputs": lambda result: result["logits"]}
    callbacks = [] if out is None else [TransformersTracker(data(), out=out, **how)]
    folder = os.environ["PRIMACY_TEST_FOLDER"]
    model = Module()
    with quiet():
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            seed=0,
            learning_rate=1e-2,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
        )
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=callbacks).train()
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def _jax_step(loss):
    """One jitted step of Adam on a tree of parameters."""
    import jax
    import optax

    rule = optax.adam(1e-2)

    @jax.jit
    def step(params, memory, x, y):
        updates, memory = rule.update(jax.grad(loss)(params, x, y), memory, params)
        return optax.apply_updates(params, updates), memory

    return rule.init, step


def _cross_entropy(logits, y):
    import optax

    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def linen(out):
    """flax linen: a module and its variables."""
    import flax.linen as nn
    import jax

    module = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(3)])
    params = module.init(jax.random.key(0), np.zeros((1, 12), np.float32))
    init, step = _jax_step(lambda p, x, y: _cross_entropy(module.apply(p, x), y))
    memory, tracker = init(params), tracker_of(out)
    for i, (x, y) in enumerate(batches()):
        if tracker:
            tracker.evaluate((module, params), i)
        params, memory = step(params, memory, x, y)
    return _finished(tracker, (module, params), jax.tree.leaves(params))


def nnx(out):
    """flax nnx, with dropout and batch norm."""
    import jax
    import optax
    from flax import nnx as nn

    class Module(nn.Module):
        def __init__(self, rngs):
            self.first = nn.Linear(12, 16, rngs=rngs)
            self.norm = nn.BatchNorm(16, rngs=rngs)
            self.drop = nn.Dropout(0.3, rngs=rngs)
            self.second = nn.Linear(16, 3, rngs=rngs)

        def __call__(self, x):
            return self.second(self.drop(nn.relu(self.norm(self.first(x)))))

    model = Module(nn.Rngs(0))
    optimizer = nn.Optimizer(model, optax.adam(1e-2), wrt=nn.Param)

    @nn.jit
    def step(model, optimizer, x, y):
        optimizer.update(model, nn.grad(lambda m: _cross_entropy(m(x), y))(model))

    tracker = tracker_of(out)
    for i, (x, y) in enumerate(batches()):
        if tracker:
            tracker.evaluate(model, i)
        step(model, optimizer, x, y)
    state = nn.state(model, nn.Not(nn.RngState))
    return _finished(tracker, model, jax.tree.leaves(state))


def equinox(out):
    """An equinox module of one example."""
    import equinox as eqx
    import jax

    model = eqx.nn.MLP(12, 3, 16, 1, key=jax.random.key(0))
    params, static = eqx.partition(model, eqx.is_inexact_array)
    init, step = _jax_step(lambda p, x, y: _cross_entropy(jax.vmap(eqx.combine(p, static))(x), y))
    memory, tracker = init(params), tracker_of(out)
    for i, (x, y) in enumerate(batches()):
        if tracker:
            tracker.evaluate(eqx.combine(params, static), i)
        params, memory = step(params, memory, x, y)
    return _finished(tracker, eqx.combine(params, static), jax.tree.leaves(params))


def _finished(tracker, model, leaves):
    if tracker:
        tracker.evaluate(model, STEPS)
        assert tracker.finish() is not None
    return {str(i): np.asarray(leaf) for i, leaf in enumerate(leaves)}


@contextlib.contextmanager
def quiet():
    """Without the warnings and messages of other libraries, which are not what is tested."""
    for name in ("lightning.pytorch", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


TRAININGS = {
    "PyTorch": torch_loop,
    "torch.compile": compiled,
    "DistributedDataParallel": distributed,
    "Lightning": lightning,
    "Hugging Face": transformers,
    "flax linen": linen,
    "flax nnx": nnx,
    "equinox": equinox,
}
