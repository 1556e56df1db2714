"""What every registered task must keep, whoever wrote it: a new one is tested by being there.

A task that cannot be made without arguments, or that has more faces than its defaults, adds an
example below. `more` is the same task with one feature more, where its features are a list; else
its features are what it is, and `FIXED` says so.
"""

import collections
import math

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
import statsmodels.api

from primacy.registry import canonical, tasks
from primacy.rng import streams
from primacy.tasks.arrays import Arrays, Groups
from primacy.tasks.boolean import Boolean
from primacy.tasks.distractors import Distractors, PaddedDistractors
from primacy.tasks.gated import Gate
from primacy.tasks.modes import LinearModes
from primacy.tasks.regression import Affine, Duplicates, NoisyShortcut, Sum
from primacy.tasks.shared import Shared
from primacy.tasks.slabs import Slabs
from primacy.tasks.spurious import Spurious
from primacy.tasks.staircase import Staircase
from primacy.tasks.tokens import Tokens
from primacy.types import Batch, Task, input_shape


def arrays(folder, target):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    frame = pl.DataFrame(x, schema=["a", "b", "c"]).with_columns(
        label=pl.Series(x[:, 0] + rng.normal(size=200) > 0).cast(pl.Int8),
        cost=pl.Series(x[:, 1] * 3 + 10),
    )
    path = folder / "data.parquet"
    frame.write_parquet(path)
    return Arrays(
        file=str(path), target=(target,), features=Groups({"one": ["a"], "two": ["b", "c"]})
    )


def classes(folder):
    """Text to predict and text to predict from."""
    rng = np.random.default_rng(0)
    color = rng.choice(["blue", "green", "red"], 200)
    kind = np.where(rng.random(200) < 0.6, color, "none")
    x = rng.normal(size=200)
    pl.DataFrame({"size": x, "color": color, "kind": kind}).write_csv(folder / "classes.csv")
    groups = Groups({"size": ["size"], "color": ["color"]})
    path = str(folder / "classes.csv")
    return Arrays(file=path, target=("kind",), as_class=("color",), features=groups)


def images(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3, 4, 2))
    np.savez(folder / "images.npz", x=x, digit=np.digitize(x[:, 0, 0, 0], [-0.5, 0.5]))
    groups = Groups({"top": ["x[0, *, *]"], "corner": ["x[2, 3, 0]"]})
    path = str(folder / "images.npz")
    return Arrays(file=path, target=("digit",), inputs="x", features=groups)


MADE = {
    "boolean": lambda _: Boolean(),
    "boolean exact": lambda _: Boolean(features=("linear", "and_or_xor"), balance="exact"),
    "boolean none": lambda _: Boolean(features=("and_and_and", "a or b"), balance="none"),
    "boolean rare": lambda _: Boolean(prevalence={"linear": 0.5}),
    "boolean watched": lambda _: Boolean(trained=1, watched=("xor_xor_xor: a xor b",)),
    "shared": lambda _: Shared(predictivity={"linear1": 0.7}),
    "arrays": lambda folder: arrays(folder, "label"),
    "arrays cost": lambda folder: arrays(folder, "cost"),
    "arrays classes": classes,
    "arrays images": images,
    "affine": lambda _: Affine(scale=0.01, shift=1.0),
    "affine noisy": lambda _: Affine(scale=-5.0, shift=2.0, noise=0.5),
    "sum": lambda _: Sum(),
    "sum 15": lambda _: Sum(terms=3, term_scale=15.0),
    "sum white": lambda _: Sum(terms=3, term_scale=2.0, whitening=1.0),
    "duplicates": lambda _: Duplicates(slope2=-1.0, shift2=-1.0),
    "duplicates mistaken": lambda _: Duplicates(slope1=0.1, slope2=-1.0, probability=0.2),
    "duplicates noisy": lambda _: Duplicates(noise1=0.5, slope2=0.1),
    "noisy_shortcut": lambda _: NoisyShortcut(),
    "distractors": lambda _: Distractors(distractors=0),
    "distractors one": lambda _: Distractors(distractors=1),
    "distractors nine": lambda _: Distractors(gain=10.0**0.5),
    "padded_distractors": lambda _: PaddedDistractors(width=20),
    "gate": lambda _: Gate(),
    "gate smooth": lambda _: Gate(steepness=2.0),
    "gate no leak": lambda _: Gate(steepness=2.0, leak=0.0),
    "gate some leak": lambda _: Gate(leak=0.5),
    "linear_modes": lambda _: LinearModes(),
    "staircase": lambda _: Staircase(),
    "staircase leap": lambda _: Staircase(bits=8, degrees=(1, 3)),
    "spurious": lambda _: Spurious(),
    "spurious two": lambda _: Spurious(spurious=2, predictivity=0.7),
    "tokens": lambda _: Tokens(),
    "tokens reversed": lambda _: Tokens(features=("linear1", "a or b"), reversed=True),
    "slabs": lambda _: Slabs(),
    "slabs noisy": lambda _: Slabs(pieces=(1, 3), copies=(1, 2), noise=0.3),
    "slabs rotated": lambda _: Slabs(pieces=(5, 7), copies=(1, 3), rotation=0),
}
MORE = {
    "boolean": lambda _: Boolean(features=("parity3", "linear", "xor_xor_xor")),
    "boolean exact": lambda _: Boolean(
        features=("linear", "a and b", "and_or_xor"), balance="exact"
    ),
    "boolean none": lambda _: Boolean(features=("and_and_and", "a or b", "linear"), balance="none"),
    "boolean rare": lambda _: Boolean(
        features=("linear", "xor_xor_xor", "parity3"), prevalence={"linear": 0.5}
    ),
    "boolean watched": lambda _: Boolean(
        features=("linear", "xor_xor_xor", "parity3"),
        trained=1,
        watched=("xor_xor_xor: a xor b",),
    ),
    "shared": lambda _: Shared(
        domains=("linear1", "parity2", "parity3"), predictivity={"linear1": 0.7}
    ),
    "linear_modes": lambda _: LinearModes(singular_values=(4.0, 2.0, 1.0, 0.5, 0.25)),
    "tokens": lambda _: Tokens(features=("linear1", "parity3", "a or b")),
    "tokens reversed": lambda _: Tokens(features=("linear1", "a or b", "parity2"), reversed=True),
}
FIXED = {
    "affine",
    "sum",
    "duplicates",
    "noisy_shortcut",
    "distractors",
    "padded_distractors",
    "gate",
    "slabs",
    "staircase",
    "spurious",
    "circle",
    "sines",
    "dominoes",
    "sprites",
}
KINDS = sorted(tasks.load())
LOSSES = {
    "sigmoid_cross_entropy": "binary",
    "squared_error": "number",
    "softmax_cross_entropy": "class",
}

CASES = [*MADE, *(kind for kind in KINDS if kind not in {name.split()[0] for name in MADE})]
N = 64


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def task(case, tmp_path):
    return MADE[case](tmp_path) if case in MADE else tasks[case]()


def draw(task, split="train", seed=0, n=N):
    n = n if task.sizes is None else min(n, task.sizes[split])
    return task.draw(split, streams(seed, "data"), n)


def close(one, other):
    """Equal up to rounding: a compiler fuses a product and a sum, and so rounds once, not twice."""

    def near(a, b):
        size = np.nanmax(np.abs(a), initial=0)  # of what was added up, more or less
        return np.allclose(a, b, rtol=0, atol=1e-6 * size, equal_nan=True)

    return jax.tree.all(jax.tree.map(near, one, other))


def same(one, other):
    return jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b, equal_nan=True), one, other))


def test_every_kind_is_tested():
    assert {name.split()[0] for name in CASES} == set(KINDS)


def test_it_is_a_task_with_a_key(task, case):
    assert isinstance(task, Task)
    assert canonical(task)["kind"] == case.split()[0]
    assert task.loss in LOSSES
    hash(jax.tree.structure(task))


def test_declarations_fit_each_other(task):
    d, t = len(task.input_names), len(task.targets)
    names = [f.name for f in task.declared]
    for unique in (names, [x.name for x in task.targets], task.input_names):
        assert len(set(unique)) == len(unique)
    for f in task.declared:
        assert f.columns and len(set(f.columns)) == len(f.columns)
        assert set(f.columns) | set(f.null_columns) <= set(range(d))
        assert not set(f.columns) & set(f.null_columns)
        assert len(f.null_columns) <= len(f.columns)
        assert f.target is None or 0 <= f.target < t
    for x in task.targets:
        assert 0 <= x.chance < x.ceiling <= 1
        assert LOSSES[task.loss] == x.kind
        assert x.width == (len(x.classes) if x.kind == "class" else 1)


@pytest.mark.parametrize("split", ["train", "fit", "test"])
def test_shapes_and_types(task, split):
    draws = draw(task, split)
    n = len(next(iter(draws.values())))
    assert all(isinstance(a, np.ndarray) and len(a) == n for a in draws.values())
    batch = task.build(draws)
    assert isinstance(batch, Batch)
    assert batch.inputs.shape == (n, *input_shape(task))
    assert math.prod(input_shape(task)) == len(task.input_names)
    assert batch.features.shape == (n, len(task.declared))
    assert batch.targets.shape == (n, len(task.targets))
    assert batch.inputs.dtype == batch.features.dtype == batch.targets.dtype == jnp.float32
    assert bool(jnp.isfinite(batch.inputs).all()) and bool(jnp.isfinite(batch.targets).all())
    assert not np.asarray(jnp.isinf(batch.features)).any()


def test_as_many_examples_as_asked_for(task):
    # One by one where the data end: the arrays that training and measures get must fit.
    for n in (1, 2, 7):
        assert all(len(a) == n for a in draw(task, n=n).values())


def test_binary_targets_are_0_and_1_and_classes_indices(task):
    batch = task.build(draw(task))
    for i, target in enumerate(task.targets):
        if target.kind != "number":
            values = range(2 if target.kind == "binary" else len(target.classes))
            assert set(np.unique(batch.targets[:, i])) <= set(values)


def test_same_seed_same_bits_and_other_seeds_and_splits_others(task):
    assert same(draw(task), draw(task))
    assert not same(draw(task), draw(task, seed=1))
    n = 20
    assert not same(draw(task, "train", n=n), draw(task, "test", n=n))
    assert not same(draw(task, "fit", n=n), draw(task, "test", n=n))


def test_drawing_leaves_the_global_generator_alone(task):
    before = np.random.get_state()[1].copy()
    draw(task)
    assert (np.random.get_state()[1] == before).all()


def test_build_under_jit_and_vmap_is_build(task):
    draws = [draw(task, seed=seed) for seed in range(3)]
    eager = [task.build(d) for d in draws]
    equal = close if jax.tree.leaves(task) else same
    assert equal(jax.jit(lambda t, d: t.build(d))(task, draws[0]), eager[0])
    stack = lambda *trees: jax.tree.map(lambda *a: jnp.stack(a), *trees)  # noqa: E731
    side = jax.vmap(lambda t, d: t.build(d), axis_size=3)
    specs = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 3), task)
    assert equal(side(specs, stack(*draws)), stack(*eager))


def test_chance_is_what_the_best_constant_scores(task):
    """The majority's share of a large sample; the standard error is sqrt(p (1 - p) / n)."""
    labels = everything(task).targets
    for i, target in enumerate(task.targets):
        if target.kind != "number":
            rate = np.unique(labels[:, i], return_counts=True)[1].max() / len(labels)
            error = np.sqrt(target.chance * (1 - target.chance) / len(labels))
            assert abs(rate - target.chance) < 5 * error
        else:
            assert target.chance == 0


def test_declared_predictivity_is_what_the_data_say(task):
    """Of the target that a feature tells about: accuracy of the majority label for each setting of
    its columns (binary; for each slice of their values, where these are numbers), or R^2 of a line
    (number), of any curve where the feature has no slope."""
    batch = everything(task)
    for i, f in enumerate(task.declared):
        target = only(task, f)
        if target is None or f.predictivity is None:
            continue
        label, curved = batch.targets[:, target], False
        numbers = not hasattr(task, "swap") and len(np.unique(batch.inputs)) > 1000
        if task.targets[target].kind == "binary" and numbers:
            # Numbers tell a label: the majority in each slice of the values; of a group, by the
            # best of its coordinates, which is all that is known where the others are copies of it.
            read = coordinates(task, batch.inputs)[:, f.columns]
            found, curved = max(sliced(x, label) for x in read.T), True
            error = 0.5 / np.sqrt(len(label))
        elif task.targets[target].kind == "binary":
            votes = collections.defaultdict(collections.Counter)
            # Where a feature is painted, no columns are its own: its value says it.
            painted = hasattr(task, "swap")
            rows = batch.features[:, [i]] if painted else batch.inputs[:, f.columns]
            for row, value in zip(rows.tolist(), label.tolist(), strict=True):
                votes[tuple(row)][value] += 1
            assert len(votes) < len(label) / 20, "too many settings to estimate from"
            right = sum(counter.most_common(1)[0][1] for counter in votes.values())
            found, error = right / len(label), 0.5 / np.sqrt(len(label))
        else:
            value = batch.features[:, i]
            if np.isnan(value).all():  # a group: the best line through all its columns
                found = fitted(batch.inputs[:, f.columns], label)
            elif f.best is None and f.solo is None:
                found, curved = binned(value, label), True
            else:
                found = np.corrcoef(value, label)[0, 1] ** 2
            error = 1 / np.sqrt(len(label))
        exact = f.predictivity == 1 and not curved  # bins blur a curve
        assert found == pytest.approx(f.predictivity, abs=1e-6 if exact else 5 * error)


def test_declared_slopes_are_what_the_data_say(task):
    """`best`: a least-squares fit on all inputs, where they identify it; `solo`: on this one.

    Oracle: statsmodels, estimate and standard error.
    """
    batch = everything(task)
    asked = [f for f in task.declared if f.best is not None or f.solo is not None]
    for f in asked:
        target = only(task, f)
        assert target is not None, "slopes are of one target"
        label = batch.targets[:, target].astype(float)
        inputs = batch.inputs.astype(float)
        live = np.flatnonzero(inputs.std(0) > 0)
        for slope, among in ((f.best, live), (f.solo, np.intersect1d(f.columns, live))):
            if slope is None:
                continue
            assert len(f.columns) == 1 or slope == 0
            fit = statsmodels.api.OLS(label, statsmodels.api.add_constant(inputs[:, among])).fit()
            at = 1 + np.flatnonzero(np.isin(among, f.columns))
            # Where the fit is exact the error is the rounding of inputs.
            rounding = 1e-5 * max(1, abs(slope)) * (1 + np.abs(inputs).max())
            assert (abs(fit.params[at] - slope) < 5 * fit.bse[at] + rounding).all()


def test_null_columns_say_nothing_about_any_target(task):
    batch = everything(task)
    n = len(batch.targets)
    for f in task.declared:
        for column in f.null_columns:
            for label in batch.targets.T:
                r = np.corrcoef(batch.inputs[:, column], label)[0, 1]
                assert abs(r) < 5 / np.sqrt(n)


def test_one_feature_more_leaves_the_others_alone(case, tmp_path):
    if case not in MORE:
        kind = case.split()[0]
        assert kind in FIXED or MADE[case](tmp_path).sizes is not None, "needs a MORE"
        pytest.skip("these features are given")
    task, more = MADE[case](tmp_path), MORE[case](tmp_path)
    one, other = (t.build(draw(t, n=500)) for t in (task, more))
    features = {f.name: (i, f) for i, f in enumerate(more.declared)}
    assert len(features) == len(task.declared) + 1
    for i, f in enumerate(task.declared):
        j, twin = features[f.name]
        np.testing.assert_array_equal(one.features[:, i], other.features[:, j])
        np.testing.assert_array_equal(one.targets[:, f.target], other.targets[:, twin.target])
        for mine, its in ((f.columns, twin.columns), (f.null_columns, twin.null_columns)):
            np.testing.assert_array_equal(one.inputs[:, mine], other.inputs[:, its])


def only(task, feature):
    """The target that a feature tells about: its own, or the task's only one."""
    return 0 if feature.target is None and len(task.targets) == 1 else feature.target


def fitted(x, label):
    """R^2 on one half of the best line fitted to the other; at least 0, a constant's."""
    x = x[:, x.std(0) > 0]
    half = len(label) // 2
    fit = statsmodels.api.OLS(label[:half], statsmodels.api.add_constant(x[:half])).fit()
    rest = label[half:] - fit.predict(statsmodels.api.add_constant(x[half:]))
    return max(0.0, 1 - rest.var() / label[half:].var())


def binned(value, label):
    """R^2 on one half of the means over 100 bins of the other: what any curve could tell."""
    half = len(label) // 2
    edges = np.unique(np.quantile(value, np.linspace(0, 1, 101)[1:-1]))
    bins = np.searchsorted(edges, value)
    count = np.bincount(bins[:half], minlength=len(edges) + 1)
    mean = np.bincount(bins[:half], label[:half], len(edges) + 1) / np.maximum(count, 1)
    return max(0.0, 1 - (label[half:] - mean[bins[half:]]).var() / label[half:].var())


def coordinates(task, inputs):
    """The inputs along the task's own directions."""
    turned = getattr(task, "rotation_matrix", None)
    return inputs if turned is None else inputs @ turned.T


def sliced(value, label):
    """Accuracy on one half of the majority label of the other, in 200 slices of the values."""
    half = len(label) // 2
    edges = np.unique(np.quantile(value, np.linspace(0, 1, 201)[1:-1]))
    slices = np.searchsorted(edges, value)
    ones = np.bincount(slices[:half], label[:half], len(edges) + 1)
    count = np.bincount(slices[:half], minlength=len(edges) + 1)
    return ((2 * ones > count)[slices[half:]] == label[half:]).mean()


def everything(task):
    """20,000 examples (of images a tenth), or all there are; inputs as measures see them, flat."""
    if task.sizes is None:
        parts = [draw(task, n=2_000 if hasattr(task, "swap") else 20_000)]
    else:
        parts = [draw(task, split, n=size) for split, size in task.sizes.items()]
    batches = [task.build(part) for part in parts]
    whole = jax.tree.map(lambda *a: np.concatenate(a), *batches)
    (inputs, *rest), structure = jax.tree.flatten(whole)
    return jax.tree.unflatten(structure, [inputs.reshape(len(inputs), -1), *rest])
