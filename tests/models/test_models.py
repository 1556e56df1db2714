"""Models: how they start, what they read; and what every registered model must keep.

A model with more faces than its defaults adds an example to `MADE`.
"""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from primacy.models.deep_linear import DeepLinear
from primacy.models.dense import LARGE_PRODUCT, large_product, product, size
from primacy.models.encodings import trained
from primacy.models.heads import SeparateHeads
from primacy.models.linear import Linear
from primacy.models.mlp import MLP
from primacy.registry import canonical, models
from primacy.study.toml.mistakes import checked, dotted
from primacy.types import Forward, Model

D, T, N = 3, 2, 50

MADE = {
    "mlp": MLP(widths=(5, 4)),
    "mlp uniform": MLP(widths=(8,), activation="relu", initialization="fan_in_uniform"),
    "mlp standardize": MLP(widths=(5, 4), encoding="standardize"),
    "mlp positional": MLP(widths=(5,), encoding="positional", frequencies=(0.5, 2.0)),
    "linear": Linear(),
    "linear uniform": Linear(initialization="fan_in_uniform"),
    "linear standardize": Linear(encoding="standardize"),
    "linear positional": Linear(encoding="positional", frequencies=(1.0,)),
    "deep_linear": DeepLinear(),
    "deep_linear three": DeepLinear(widths=(4, 5), scale=0.5),
    "sep_heads": SeparateHeads(),
    "sep_heads two": SeparateHeads(columns=(2, 0), head_units=3, widths=(4, 3)),
    "sep_heads all": SeparateHeads(columns=(0, 1, 2), head_units=1, activation="tanh"),
}
COUNTS = {  # by hand: (inputs + 1) x outputs of every layer
    "mlp": 4 * 5 + 6 * 4 + 5 * 2,
    "mlp uniform": 4 * 8 + 9 * 2,
    "mlp standardize": 4 * 5 + 6 * 4 + 5 * 2,
    "mlp positional": 16 * 5 + 6 * 2,
    "linear": 4 * 2,
    "linear uniform": 4 * 2,
    "linear standardize": 4 * 2,
    "linear positional": 10 * 2,
    "deep_linear": 3 * 16 + 16 * 2,
    "deep_linear three": 3 * 4 + 4 * 5 + 5 * 2,
    "sep_heads": 2 * 8 + (8 + 2 + 1) * 8 + 9 * 2,
    "sep_heads two": 2 * (2 * 3) + (3 + 3 + 1 + 1) * 4 + 5 * 3 + 4 * 2,
    "sep_heads all": 3 * 2 + 4 * 8 + 9 * 2,
}
KINDS = sorted(models.load())
CASES = [*MADE, *(kind for kind in KINDS if kind not in {name.split()[0] for name in MADE})]


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def model(case):
    return MADE[case] if case in MADE else models[case]()


def inputs(seed=0, n=N, d=D):
    """Columns of different place and size."""
    x = np.random.default_rng(seed).normal(size=(n, d))
    return (x * 10.0 ** np.arange(-1, d - 1) + np.arange(d)).astype(np.float32)


SHAPES = {"convolutional": (6, 5, 2), "transformer": (4, 1)}
"""What a model reads that reads no plain vector."""
NOT_BY_LAYERS = {"transformer"}
"""Models whose read-outs do not decide the outputs."""


def shape_of(model):
    return SHAPES.get(canonical(model)["kind"], (D,))


def read(model, seed=0, n=N):
    """Inputs as the model reads them."""
    if (shape := shape_of(model)) == (D,):
        return inputs(seed, n)
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def start(model, seed=0, d=None, t=T):
    params = model.init(np.random.default_rng(seed), shape_of(model) if d is None else (d,), t)
    return model.fitted(params, inputs(d=d or D)) if hasattr(model, "fitted") else params


# Every registered model


def test_every_kind_is_tested():
    assert {name.split()[0] for name in CASES} == set(KINDS)


def test_it_is_a_model_with_a_key(model, case):
    assert isinstance(model, Model)
    assert canonical(model)["kind"] == case.split()[0]
    hash(jax.tree.structure(model))
    assert type(model).__doc__.splitlines()[0].endswith(".")


def test_parameters_are_drawn_on_the_host_as_float32(model):
    for leaf in jax.tree.leaves(start(model)):
        assert isinstance(leaf, np.ndarray) and leaf.dtype == np.float32


def test_same_seed_same_bits_and_other_seeds_others(model):
    shape = shape_of(model)
    same, again, other = (model.init(np.random.default_rng(s), shape, T) for s in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(np.array_equal, same, again))
    leaves = jax.tree.leaves(same)
    differ = not jax.tree.all(jax.tree.map(np.array_equal, same, other))
    assert differ == any(leaf.any() for leaf in leaves)  # all zeros have nothing to draw


def test_outputs_and_layers_have_the_declared_shapes_and_names(model):
    forward = model.apply(start(model), jnp.asarray(read(model)))
    assert isinstance(forward, Forward)
    assert forward.outputs.shape == (N, T)
    assert tuple(forward.layers) == model.layer_names
    for layer in forward.layers.values():
        assert layer.shape[0] == N and layer.ndim == 2
    for leaf in jax.tree.leaves(forward):
        assert leaf.dtype == jnp.float32 and bool(jnp.isfinite(leaf).all())


def test_going_on_from_an_own_layer_gives_the_outputs(model):
    """Oracle: `apply` itself, bit for bit; an edited layer gives others."""
    params, x = start(model), jnp.asarray(read(model))
    seen = model.apply(params, x)
    goes_on = bool(model.layer_names) and canonical(model)["kind"] not in NOT_BY_LAYERS
    assert hasattr(model, "onward") == goes_on
    if not goes_on:
        return
    for name, reps in seen.layers.items():
        np.testing.assert_array_equal(model.onward(params, name, reps), seen.outputs)
        assert not np.array_equal(model.onward(params, name, reps + 1), seen.outputs)


def test_going_on_from_a_layer_that_is_not_there_is_refused():
    for model in (MLP(widths=(5,)), SeparateHeads()):
        with pytest.raises(ValueError, match="not in tuple"):
            model.onward(start(model), "hidden9", jnp.zeros((2, 5)))


def test_examples_do_not_see_each_other(model):
    params, x = start(model), read(model)
    whole = model.apply(params, jnp.asarray(x)).outputs
    for i in (0, 7):
        alone = model.apply(params, jnp.asarray(x[i : i + 1])).outputs
        np.testing.assert_allclose(alone[0], whole[i], rtol=1e-5, atol=1e-5)


def test_compiled_and_side_by_side_is_eager(model):
    x = jnp.asarray(read(model))
    lanes = [start(model, seed) for seed in range(3)]
    eager = [model.apply(params, x) for params in lanes]
    apply = lambda spec, params: spec.apply(params, x)  # noqa: E731
    specs = jax.tree.map(lambda leaf: jnp.full(3, leaf), model)
    stacked = jax.tree.map(lambda *a: np.stack(a), *lanes)
    together = jax.jit(jax.vmap(apply, axis_size=3))(specs, stacked)
    alone = jax.jit(apply)(model, lanes[0])
    close = {"rtol": 1e-5, "atol": 1e-5}
    for one, other in ((alone, eager[0]), (jax.tree.map(lambda a: a[2], together), eager[2])):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **close), one, other)


@pytest.mark.parametrize("name", MADE)
def test_number_of_parameters(name):
    """Oracle: counted by hand."""
    leaves = jax.tree.leaves(MADE[name].init(np.random.default_rng(0), (D,), T))
    assert sum(leaf.size for leaf in leaves) == COUNTS[name]
    assert MADE[name].cost((D,), T) == COUNTS[name]  # a dense layer uses each once an example


def test_the_stated_shapes_are_those_of_what_is_drawn(model):
    """Oracle: the drawn parameters; names, shapes and types, so the counts too."""
    drawn = model.init(np.random.default_rng(0), shape_of(model), T)
    described = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), drawn)
    stated = model.shapes(shape_of(model), T)
    assert stated == described
    assert size(stated) == sum(leaf.size for leaf in jax.tree.leaves(drawn))


def test_the_stated_layer_sizes_are_those_of_apply(model):
    """Oracle: `apply` itself, traced without computing anything."""
    seen = jax.eval_shape(model.apply, start(model), jnp.asarray(read(model)))
    sizes_of = getattr(model, "sizes_of", None)
    stated = sizes_of(shape_of(model), T) if sizes_of else model.layer_sizes
    assert [seen.layers[name].shape for name in model.layer_names] == [(N, u) for u in stated]


@pytest.mark.parametrize("make", [
    lambda big: MLP(widths=big), lambda big: DeepLinear(widths=big),
    lambda big: DeepLinear(widths=big, initialization="aligned"),
    lambda big: SeparateHeads(widths=big),
])  # fmt: skip
def test_a_size_takes_no_memory_however_large_the_network(make):
    """Oracle: two hidden layers of 10**5 have 10**10 weights between them, 40 GB if drawn."""
    model = make((100_000, 100_000))
    tracemalloc.start()
    try:
        assert 10**10 < size(model.shapes((D,), T)) == model.cost((D,), T) < 1.001 * 10**10
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_file_can_name_it(kind):
    spec, mistakes = checked(models[kind], {}, ("model",))
    assert not mistakes and spec == models[kind]()


def test_frequencies_of_a_study_file_are_those_of_python():
    """A list with a whole number becomes the tuple of floats, so the key is the same."""
    table = {"encoding": "positional", "frequencies": [0.5, 1]}
    spec, mistakes = checked(MLP, table, ("model",))
    assert not mistakes
    assert canonical(spec) == canonical(MLP(encoding="positional", frequencies=(0.5, 1.0)))
    assert all(isinstance(f, float) for f in spec.frequencies)


# How weights start


@pytest.mark.parametrize("fan_in", [1, 4, 100])
def test_uniform_weights_are_pytorchs(fan_in):
    """Oracle: the uniform law on +-1/sqrt(fan_in), whose variance is 1 / (3 fan_in)."""
    model = MLP(widths=(5000,), initialization="fan_in_uniform")
    layer = model.init(np.random.default_rng(0), (fan_in,), 1)["hidden1"]
    bound = 1 / np.sqrt(fan_in)
    for weights in (layer["kernel"].ravel(), layer["bias"]):
        assert np.abs(weights).max() <= bound * (1 + 1e-6)
        # The variance of u^2 is (4/45) bound^4, so this is five standard errors.
        error = 5 * np.sqrt(4 / 45) * bound**2 / np.sqrt(weights.size)
        assert np.mean(weights**2) == pytest.approx(1 / (3 * fan_in), abs=error)
        law = stats.uniform(-bound, 2 * bound)
        assert stats.kstest(weights, law.cdf).pvalue > 1e-3


def test_uniform_weights_have_the_law_of_torch_linear():
    """Oracle: PyTorch's own nn.Linear, by a two-sample Kolmogorov-Smirnov test."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Linear(7, 3000)
    ours = Linear(initialization="fan_in_uniform").init(np.random.default_rng(0), (7,), 3000)[
        "output"
    ]
    for mine, its in ((ours["kernel"], theirs.weight), (ours["bias"], theirs.bias)):
        assert mine.size == its.numel()
        assert stats.ks_2samp(mine.ravel(), its.detach().numpy().ravel()).pvalue > 1e-3


def test_uniform_bounds_of_every_layer_follow_its_own_inputs():
    model = MLP(widths=(400, 25), initialization="fan_in_uniform")
    params = model.init(np.random.default_rng(0), (4,), 900)
    for name, fan_in in (("hidden1", 4), ("hidden2", 400), ("output", 25)):
        for weights in params[name].values():
            assert np.abs(weights).max() * np.sqrt(fan_in) == pytest.approx(1, abs=0.3)
            assert np.abs(weights).max() * np.sqrt(fan_in) <= 1 + 1e-6


def test_a_linear_model_starts_at_zero():
    assert not any(leaf.any() for leaf in jax.tree.leaves(start(Linear())))


# What is read


def test_standardized_is_numpy():
    """Oracle: NumPy's mean and std (ddof 0) in float64."""
    model = Linear(encoding="standardize", initialization="fan_in_uniform")
    seen, new = inputs(0), inputs(1)
    params = model.fitted(model.init(np.random.default_rng(0), (D,), T), seen)
    wide = seen.astype(float)
    read = (new - wide.mean(0)) / wide.std(0)
    expected = read @ params["output"]["kernel"] + params["output"]["bias"]
    found = model.apply(params, jnp.asarray(new)).outputs
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("scale", "shift"), [(0.01, 0.0), (1.0, 10.0), (-50.0, 3.0)])
def test_a_standardized_network_does_not_see_scale_and_shift(scale, shift):
    """Oracle: (a x + b - mean) / SD = sign(a) (x - mean x) / SD x; float32 at b leaves 1e-4."""
    model = MLP(widths=(8,), activation="tanh", encoding="standardize")
    first, x = model.init(np.random.default_rng(0), (D,), T), inputs()
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    moved = (scale * x + shift).astype(np.float32)
    plain, other = (
        model.apply(model.fitted(first, seen), jnp.asarray(seen)).outputs
        for seen in (np.sign(np.float32(scale)) * x, moved)
    )
    np.testing.assert_allclose(other, plain, atol=1e-4)


def test_positional_is_numpy():
    """Oracle: x, then sin and cos of 2 pi f x of all columns, frequency by frequency."""
    model = Linear(encoding="positional", frequencies=(0.5, 3.0), initialization="fan_in_uniform")
    params, x = model.init(np.random.default_rng(0), (D,), T), inputs(1)
    wide = x.astype(float)
    parts = [wide]
    for f in (0.5, 3.0):
        parts += [np.sin(2 * np.pi * f * wide), np.cos(2 * np.pi * f * wide)]
    expected = np.concatenate(parts, 1) @ params["output"]["kernel"] + params["output"]["bias"]
    # float32 knows the phase of an input of size 30 at frequency 3 to 1e-4.
    found = model.apply(params, jnp.asarray(x)).outputs
    np.testing.assert_allclose(
        found, expected, atol=2e-4 * np.abs(params["output"]["kernel"]).sum()
    )


def test_a_positional_network_is_the_plain_one_where_waves_have_no_weight():
    plain = MLP(widths=(5,))
    waves = MLP(widths=(5,), encoding="positional", frequencies=(1.0, 2.0))
    params = start(plain)
    first = params["hidden1"]
    more = np.concatenate([first["kernel"], np.zeros((4 * D, 5), np.float32)])
    x = jnp.asarray(inputs())
    np.testing.assert_allclose(
        waves.apply({**params, "hidden1": {**first, "kernel": more}}, x).outputs,
        plain.apply(params, x).outputs,
        atol=1e-5,
    )


def test_without_encoding_nothing_is_fitted():
    for encoding in ("none", "positional"):
        model = MLP(widths=(5,), encoding=encoding)
        params = model.init(np.random.default_rng(0), (D,), T)
        assert model.fitted(params, inputs()) is params


def test_a_column_that_never_varies_becomes_zero():
    x = inputs()
    x[:, 1] = 0.1  # whose float64 SD over 50 rows is 1e-17, not 0
    model = Linear(encoding="standardize")
    told = model.fitted(model.init(np.random.default_rng(0), (D,), T), x)["input"]
    assert told["sd"][1] == 1
    assert told["mean"][1] == np.float32(0.1)
    assert (told["sd"][[0, 2]] == x.astype(float).std(0).astype(np.float32)[[0, 2]]).all()


def test_inputs_that_are_not_finite_stay_so_without_a_warning():
    x = inputs()
    x[3, 1] = np.inf
    model = Linear(encoding="standardize", initialization="fan_in_uniform")
    params = model.fitted(model.init(np.random.default_rng(0), (D,), T), x)
    assert not np.isfinite(params["input"]["mean"][1])
    assert not np.isfinite(model.apply(params, jnp.asarray(x)).outputs).any()


def test_standardize_before_it_is_fitted_is_refused():
    model = MLP(widths=(5,), encoding="standardize")
    with pytest.raises(ValueError, match=r"needs the mean and SD .* call model.fitted"):
        model.apply(model.init(np.random.default_rng(0), (D,), T), jnp.asarray(inputs()))


@pytest.mark.parametrize("rule", ["adam", "sgd", "adamw"])
def test_training_leaves_the_mean_and_sd_alone(rule):
    """They are constants: no gradient, and no decay where the optimizer is told which move."""
    model = MLP(widths=(5,), encoding="standardize")
    params, x = start(model), jnp.asarray(inputs())
    step = {
        "adam": optax.adam(0.1),
        "sgd": optax.sgd(0.1, momentum=0.9),
        "adamw": optax.adamw(0.1, weight_decay=0.5, mask=trained),
    }[rule]
    memory, now = step.init(params), params
    for _ in range(3):
        slope = jax.grad(lambda p: (model.apply(p, x).outputs ** 2).mean())(now)
        updates, memory = step.update(slope, memory, now)
        now = optax.apply_updates(now, updates)
    assert jax.tree.all(jax.tree.map(np.array_equal, now["input"], params["input"]))
    assert not np.array_equal(now["hidden1"]["kernel"], params["hidden1"]["kernel"])


def test_gradients_with_respect_to_inputs_run_through_the_encoding():
    """Oracle: d output / d x of a standardized linear model is weight / SD."""
    model = Linear(encoding="standardize", initialization="fan_in_uniform")
    params = start(model)
    slope = jax.jacobian(lambda x: model.apply(params, x[None]).outputs[0])(jnp.ones(D))
    expected = params["output"]["kernel"].T / params["input"]["sd"]
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


# Separate heads


def test_heads_are_what_numpy_says():
    """Oracle: the same sums in NumPy, columns 2 and 0 through heads and column 1 straight."""
    model = MADE["sep_heads two"]
    params, x = model.init(np.random.default_rng(0), (D,), T), inputs()
    assert {k: v["kernel"].shape for k, v in params.items()} == {
        "head1": (1, 3), "head2": (1, 3), "hidden1": (7, 4), "hidden2": (4, 3), "output": (3, 2),
    }  # fmt: skip
    dense = lambda name, a: a @ params[name]["kernel"] + params[name]["bias"]  # noqa: E731
    read = np.concatenate([dense("head1", x[:, [2]]), dense("head2", x[:, [0]]), x[:, [1]]], 1)
    hidden1 = np.maximum(dense("hidden1", read), 0)
    hidden2 = np.maximum(dense("hidden2", hidden1), 0)
    forward = model.apply(params, jnp.asarray(x))
    np.testing.assert_allclose(forward.layers["hidden1"], hidden1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(forward.outputs, dense("output", hidden2), rtol=1e-5, atol=1e-5)


def test_the_notebooks_heads_and_their_control_have_equally_many_parameters():
    """Linear(1, 8) and x2 before 8 units: 16 + 80 + 9 = 105 = 26 x 4 + 1."""
    model = SeparateHeads()
    assert size(model.shapes((2,), 1)) == 105
    control = model.matched((2,), 1)
    assert control.widths == (26,)
    assert size(control.shapes((2,), 1)) == 105
    assert (control.activation, control.initialization) == ("relu", "fan_in_uniform")


@pytest.mark.parametrize("widths", [(8,), (4, 3), (30, 2, 5)])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_no_other_width_matches_better(widths, d):
    model = SeparateHeads(widths=widths, head_units=5)
    control = model.matched((d,), 1)
    assert control.widths[1:] == widths[1:]
    own = size(model.shapes((d,), 1))
    off = {
        first: abs(size(MLP(widths=(first, *widths[1:])).shapes((d,), 1)) - own)
        for first in range(1, 3 * control.widths[0])
    }
    assert off[control.widths[0]] == min(off.values())


@pytest.mark.parametrize(
    ("columns", "message"),
    [((0, 3), r"columns\[1\] = 3: the inputs are 0 to 2"), ((1, 1), r"columns\[1\] = 1: stands")],
)
def test_heads_on_columns_that_are_not_there_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        SeparateHeads(columns=columns).init(np.random.default_rng(0), (D,), T)


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ({"frequencies": [1.0, -2]}, "frequencies[1]", "must be above 0"),
        ({"frequencies": []}, "frequencies", "needs at least 1 item"),
        ({"encoding": "standardise"}, "encoding", 'Did you mean "standardize"?'),
        ({"initialization": "fan_in"}, "initialization", "must be one of"),
    ],
)
def test_what_a_study_file_may_not_say(table, key, message):
    _, (mistake,) = checked(MLP, table, ("model",))
    assert message in mistake.message
    assert dotted(mistake.path) == f"model.{key}"


def test_a_large_product_is_the_plain_one_forwards_and_backwards():
    """Oracle: JAX's own rules for `@`, in float64; and it is taken for large ones only."""
    rng = np.random.default_rng(0)
    n, a, b = 64, 96, 128
    assert n * a * b > LARGE_PRODUCT
    with jax.enable_x64(True):
        x, kernel, dx, dkernel = (
            jnp.asarray(rng.normal(size=shape)) for shape in ((n, a), (a, b), (n, a), (a, b))
        )
        plain = lambda x, kernel: x @ kernel  # noqa: E731
        (made, along), (wanted, slope) = (
            jax.jvp(f, (x, kernel), (dx, dkernel)) for f in (product, plain)
        )
        np.testing.assert_allclose(made, wanted, rtol=1e-12)
        np.testing.assert_allclose(along, slope, rtol=1e-10)
        weight = jnp.asarray(rng.normal(size=(n, b)))
        back, asked = (
            jax.grad(lambda *at, f=f: (f(*at) * weight).sum(), argnums=(0, 1))(x, kernel)
            for f in (product, plain)
        )
        for one, other in zip(back, asked, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10)
        twice, asked = (
            jax.hessian(lambda x, f=f: (f(x, kernel[:3]) ** 3).sum())(x[:2, :3])
            for f in (large_product, plain)
        )
        np.testing.assert_allclose(twice, asked, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("n", "turned"), [(64, True), (4, False)])
def test_only_a_large_product_turns_an_operand(n, turned):
    traced = jax.make_jaxpr(jax.grad(lambda k: product(jnp.ones((n, 96)), k).sum()))
    assert ("optimization_barrier" in str(traced(jnp.ones((96, 128))))) is turned
