"""What an evaluation of a network of one's own costs, beside a script that computes the same.

    python benchmarks/evaluation.py [--rounds 9] [--examples 256] [--one-thread]

A small CNN in PyTorch on colored shapes, all default measures. `native` is what one would write for
this network with PyTorch and NumPy: forward passes with hooks, interchanged images, slopes, least
squares. Both take turns, and their numbers are compared first. Then the memory of processes that
track more and more layers of a network whose layers are equally large.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measured import measured

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples"))

LAYERS = ("conv2.input", "fc1.input", "fc2.input")
CHILD = """
import sys
import numpy as np, torch, primacy
layers, examples = int(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(0)
blocks = []
for i in range(16):
    blocks += [torch.nn.Conv2d(8 if i else 3, 8, 3, padding=1), torch.nn.ReLU()]
ends = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 3)
net = torch.nn.Sequential(*blocks, *ends)
rng = np.random.default_rng(0)
x = rng.normal(size=(2 * examples, 3, 32, 32)).astype(np.float32)
region = np.zeros((3, 32, 32), bool)
region[:, :16] = True
how = {"fit": examples, "test": examples}
data = primacy.declare(x, {"c": rng.integers(0, 3, len(x))}, {"top": region}, **how)
names = [f"{2 * i + 2}.input" for i in np.linspace(0, 14, layers).astype(int)]
how = {"evaluations": [0, 1], "layers": names, "quiet": True}
tracker = primacy.track(data, out=sys.argv[3], seed=0, steps=2, **how)
for step in (0, 1):
    assert tracker.evaluate(net, step), tracker.refused
"""
"""A process that tracks so many of sixteen layers of 8 x 32 x 32 numbers, each taken as a mean."""


def cnn() -> Any:
    """Two convolutions and two matrices."""
    import torch
    from torch import nn

    class CNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
            self.fc1, self.fc2 = nn.Linear(256, 32), nn.Linear(32, 3)

        def forward(self, x: Any) -> Any:
            x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
            x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
            return self.fc2(torch.relu(self.fc1(x.flatten(1))))

    torch.manual_seed(0)
    return CNN()


def world(examples: int) -> tuple[Any, Any]:
    """The images, declared, and what made them."""
    from colored_shapes import COLOR, SHAPE, World

    import primacy

    made = World(2 * examples, seed=10_000, tells=0.9)
    region = np.zeros((3, 16, 16), bool)
    region[:, :3, :3] = True
    declared = primacy.declare(
        made.images(),
        {"class": made.shape},
        {
            "shape": primacy.values(
                np.array(SHAPE)[made.shape], lambda i, j: made.images(i, shape=j)
            ),
            "color": primacy.values(
                np.array(COLOR)[made.color], lambda i, j: made.images(i, color=j)
            ),
            "size": primacy.values(made.size, lambda i, j: made.images(i, size=j)),
            "corner": region,
        },
        classes=SHAPE,
        fit=examples,
        test=examples,
    )
    return declared, made


def native(model: Any, declared: Any, donors: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers, written for this network: by measure, features in rows."""
    import torch

    fit, test = declared.rows(declared.fit), declared.rows(declared.test)
    labels = declared.answers[declared.test, 0].astype(int)
    held: dict[str, Any] = {}
    hooks = [
        getattr(model, name.split(".")[0]).register_forward_pre_hook(
            lambda _, given, name=name: held.__setitem__(name, given[0].flatten(1).numpy())
        )
        for name in LAYERS
    ]
    model.eval()
    with torch.no_grad():
        model(torch.from_numpy(fit))
        fit_reps = dict(held)
        raw = model(torch.from_numpy(test)).numpy()
        reps = dict(held)
    for hook in hooks:
        hook.remove()
    out, found = _centered(raw), {}
    found["accuracy"] = np.array([(raw.argmax(1) == labels).mean()])
    loss = _cross_entropy(raw, labels)
    found["loss"] = np.array([loss.mean()])
    whole = 2 * out.var(axis=0).sum()
    relied = {"reliance": [], "reliance_loss": [], "reliance_accuracy": []}
    for k in range(len(declared.features)):
        changed = declared.swapped(k, declared.test, declared.test[donors])
        with torch.no_grad():
            now = model(torch.from_numpy(changed)).numpy()
        relied["reliance"].append(((_centered(now) - out) ** 2).mean(axis=0).sum() / whole)
        relied["reliance_loss"].append((_cross_entropy(now, labels) - loss).mean())
        same = (now.argmax(1) == labels).mean()
        relied["reliance_accuracy"].append(found["accuracy"][0] - same)
    found |= {name: np.array(values) for name, values in relied.items()}
    found["input_gradient"] = _slopes(model, test, declared)
    for name, of_layer in zip(("0", "1", "2"), LAYERS, strict=True):
        for measure, value in _represented(
            fit_reps[of_layer], reps[of_layer], *_codes(declared)
        ).items():
            found[f"{measure} {name}"] = np.asarray(value)
    return found


def _centered(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=1, keepdims=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(labels)), labels]
    return np.log(np.exp(shifted).sum(axis=1)) - own


def _slopes(model: Any, inputs: np.ndarray, declared: Any) -> np.ndarray:
    """Of every feature that is a region."""
    import torch

    x = torch.from_numpy(inputs.copy()).requires_grad_(True)
    out = model(x)
    out = out - out.mean(dim=1, keepdim=True)
    sizes = []
    for i in range(out.shape[1]):
        (slope,) = torch.autograd.grad(out[:, i].sum(), x, retain_graph=True)
        sizes.append(slope.reshape(len(x), -1).abs().mean(dim=0).numpy())
    size = np.stack(sizes) ** 2
    return np.array(
        [
            np.sqrt(size[:, list(f.columns)].sum()) if f.columns else np.nan
            for f in declared.features
        ]
    )


def _codes(declared: Any) -> tuple[list[np.ndarray | None], list[np.ndarray | None]]:
    """The columns of each feature on the fit and the test examples; None for a region."""
    found: tuple[list, list] = ([], [])
    for k, feature in enumerate(declared.features):
        for rows, place in zip((declared.fit, declared.test), found, strict=True):
            value = declared.values[rows, k]
            levels = np.arange(len(feature.levels))
            coded = (value[:, None] == levels) if feature.levels else value[:, None]
            place.append(None if np.isnan(value).any() else coded.astype(np.float64))
    return found


def _represented(
    fit_reps: np.ndarray, reps: np.ndarray, fit_codes: list, codes: list
) -> dict[str, Any]:
    """What a layer represents, by the definitions of docs/measures.md."""
    fit_reps, reps = fit_reps.astype(np.float64), reps.astype(np.float64)
    deviations = reps - reps.mean(axis=0)
    total, size = (deviations**2).sum(axis=0), (deviations**2).sum(axis=1)
    alive = total > 1e-6 * total.mean()

    def error(columns: list[np.ndarray], held_out: list[np.ndarray]) -> np.ndarray:
        basis = np.concatenate([np.ones((len(fit_reps), 1)), *columns], axis=1)
        new = np.concatenate([np.ones((len(reps), 1)), *held_out], axis=1)
        return reps - new @ np.linalg.lstsq(basis, fit_reps, rcond=1e-10)[0]

    known = [k for k, c in enumerate(codes) if c is not None]
    names = ("", "_unit_mean", "_example_mean", "_unique")
    found: dict[str, Any] = {f"variance_explained{n}": np.full(len(codes), np.nan) for n in names}

    def pooled(these: list[int]) -> float:
        wrong = error([fit_codes[k] for k in these], [codes[k] for k in these])
        return 1 - (wrong**2).sum() / total.sum()

    joint = pooled(known)
    for k in known:
        wrong = error([fit_codes[k]], [codes[k]]) ** 2
        found["variance_explained"][k] = 1 - wrong.sum() / total.sum()
        each = 1 - wrong.sum(axis=0)[alive] / total[alive]
        found["variance_explained_unit_mean"][k] = each.mean()
        found["variance_explained_example_mean"][k] = (1 - wrong.sum(axis=1) / size).mean()
        found["variance_explained_unique"][k] = joint - pooled([j for j in known if j != k])
    spectrum = np.linalg.svd(deviations, compute_uv=False) ** 2
    return found | {
        "variance_explained_joint": joint,
        "total_variance": total.sum() / len(reps),
        "dead_units": (~alive).sum(),
        "participation_ratio": spectrum.sum() ** 2 / (spectrum**2).sum(),
    }


def prepared(examples: int, out: Path) -> tuple[Any, Any, Any]:
    """A network that was met, and how it is asked by primacy and natively."""
    import primacy
    from primacy.networks import asking

    declared, _ = world(examples)
    model = cnn()
    tracker = primacy.track(
        declared, out=out, seed=0, steps=9, layers=list(LAYERS), evaluations=[0, 9], quiet=True
    )
    tracker.evaluate(model, 0)
    donors = asking.streams(0, "evaluation")("donors", 0).permutation(len(declared.test))
    resolved = tracker.run.declared

    def ours() -> dict[str, np.ndarray]:
        return asking.ask(tracker.network, resolved, tracker._about, 0, 0)

    return ours, lambda: native(model, resolved, donors), tracker._about


def compared(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> tuple[int, float]:
    """How many measures both have, and their largest difference, relative to 1 or the value.

    Raises:
        ValueError: primacy measured something that the native script does not.
    """
    worst, names = 0.0, set()
    for name, value in ours.items():
        measure, _, split = name.partition("/")
        if split != "test" or measure == "variance_explained_group":
            continue
        own = np.asarray(value)
        parts = (
            {measure: own}
            if measure in theirs
            else {f"{measure} {i}": own[i] for i in range(len(LAYERS))}
        )
        for key, one in parts.items():
            if key not in theirs:
                raise ValueError(f"{measure} is not computed natively")
            gap = np.abs(one.ravel() - theirs[key].ravel()) / np.maximum(
                1, np.abs(theirs[key].ravel())
            )
            worst = max(worst, float(np.nanmax(gap)))
        names.add(measure)
    return len(names), worst


def costs(rounds: int, examples: int) -> dict[str, float]:
    """Medians of both in seconds of CPU and on the clock, in turns, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs, _ = prepared(examples, Path(folder) / "run")
        count, worst = compared(ours(), theirs())
        times: dict[str, list[tuple[float, float]]] = {"primacy": [], "native": []}
        for _ in range(rounds):
            for name, run in (("primacy", ours), ("native", theirs)):
                wall, cpu = time.perf_counter(), time.process_time()
                run()
                times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    found = {
        f"{name} {kind}": median(t[i] for t in each)
        for name, each in times.items()
        for i, kind in enumerate(("cpu", "wall"))
    }
    ratios = [a[1] / b[1] for a, b in zip(times["primacy"], times["native"], strict=True)]
    in_cpu = [a[0] / b[0] for a, b in zip(times["primacy"], times["native"], strict=True)]
    return found | {
        "ratio wall": median(ratios),
        "ratio cpu": median(in_cpu),
        "measures": count,
        "largest difference": worst,
    }


def memory(examples: int = 256) -> dict[int, float]:
    """Peak resident bytes of a process by the number of layers that it tracks."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for layers in (1, 4, 15):
            command = [
                sys.executable,
                "-c",
                CHILD,
                str(layers),
                str(examples),
                f"{folder}/{layers}",
            ]
            found[layers] = measured(command, {}, Path(folder) / "log").memory
    return found


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--one-thread", action="store_true", help="of PyTorch's")
    parser.add_argument("--no-memory", action="store_true")
    given = parser.parse_args()
    if given.one_thread:
        import torch

        torch.set_num_threads(1)
    for name, value in costs(given.rounds, given.examples).items():
        print(f"{name:20} {value:.6g}", flush=True)
    if not given.no_memory:
        for layers, peak in memory().items():
            print(f"{layers:2} layers: {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
