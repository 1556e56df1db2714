"""What a network's own numbers say: the units of its first layer, and its function as a picture."""

import json
import xml.etree.ElementTree as ElementTree

import jax
import numpy as np
import pytest
from rich.console import Console

from primacy.analysis.first_layer import FEW, parameters, units
from primacy.cli import app
from primacy.engine.run import run
from primacy.models.heads import SeparateHeads
from primacy.models.mlp import MLP
from primacy.networks import stored as network
from primacy.report import terminal
from primacy.report.page.function_plot import CELLS, POINTS, function_of_inputs, grid
from primacy.study.describe import describe
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.boolean import Boolean
from primacy.tasks.regression import Affine, Sum

TRAINING = Training(
    optimizer="sgd", learning_rate=0.05, batch_size=8, examples="stream", steps=20, evaluations=4,
    fit_examples=64, test_examples=64,
)  # fmt: skip
SMALL = MLP(widths=(4,), activation="relu", initialization="fan_in_uniform")


def described(task, model):
    """The record of a condition, and weights of its model that nothing has trained."""
    condition = Condition(task=task, model=model, training=TRAINING)
    own = describe(Study(name="one", conditions={"default": condition})).conditions[0]
    params = model.init(np.random.default_rng(3), *own.size)
    if hasattr(model, "fitted"):
        inputs = np.random.default_rng(4).normal(5, 2, (64, len(own.inputs))).astype(np.float32)
        params = model.fitted(params, inputs)
    flat, _ = jax.tree_util.tree_flatten_with_path(params)
    return (
        own,
        params,
        {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in flat},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run folders of networks that read one input, two, and sixteen."""
    tasks = {
        "one": Affine(scale=2.0, shift=1.0),
        "two": Sum(),
        "many": Boolean(features=("linear", "xor_and_or"), units_per_feature=8),
    }
    found = {}
    for name, task in tasks.items():
        condition = Condition(task=task, model=SMALL, training=TRAINING)
        study = Study(name=name, conditions={"default": condition}, seeds=2, measures=("loss",))
        found[name] = run(study, tmp_path_factory.mktemp(name))
    return found


def test_shares_are_those_counted_by_hand():
    """Oracle: closed form, on weights 3 and 4 (9/25 and 16/25), then with SDs 4 and 1."""
    own, _, weights = described(Sum(), MLP(widths=(2,)))
    weights["hidden1/kernel"] = np.array([[3.0, 0.0], [4.0, 0.0]], np.float32)
    first, dead = units(own, weights)
    names = [f.name for f in own.features]
    assert (first.largest, first.size) == (names[1], 5.0)
    assert first.shares == pytest.approx({names[0]: 9 / 25, names[1]: 16 / 25})
    assert (dead.largest, dead.size, set(dead.shares.values())) == (None, 0.0, {None})
    first, _ = units(own, weights, np.array([4.0, 1.0]))
    assert (first.largest, first.size) == (names[0], pytest.approx(np.hypot(12, 4)))
    assert first.shares[names[0]] == pytest.approx(144 / 160)


def test_groups_own_all_their_columns():
    """Oracle: sums over the columns that the task declares."""
    task = Boolean(features=("linear", "xor_and_or"), units_per_feature=8)
    own, _, weights = described(task, MLP(widths=(6,)))
    squared = weights["hidden1/kernel"].astype(float) ** 2
    for i, unit in enumerate(units(own, weights)):
        for feature in task.declared:
            wanted = squared[list(feature.columns), i].sum() / squared[:, i].sum()
            assert unit.shares[feature.name] == pytest.approx(wanted)


def test_heads_count_with_the_trunk_behind_them():
    """Oracle: JAX's Jacobian of the first layer, whose units are all kept active."""
    model = SeparateHeads(columns=(1,), head_units=3, widths=(5,))
    own, params, weights = described(Sum(), model)
    params["hidden1"]["bias"] += 100  # far above 0, where ReLU is the identity
    slopes = jax.jacobian(lambda x: model.apply(params, x[None]).layers["hidden1"][0])(np.zeros(2))
    squared = np.asarray(slopes, float) ** 2
    for unit, row in zip(units(own, weights), squared, strict=True):
        assert list(unit.shares.values()) == pytest.approx(row / row.sum(), rel=1e-4)


def test_positional_rows_belong_to_their_column():
    """Oracle: closed form; only the rows of the second input (x, sin, cos, ...) are not 0."""
    own, _, weights = described(Sum(), MLP(widths=(3,), encoding="positional"))
    weights["hidden1/kernel"][::2] = 0
    names = [f.name for f in own.features]
    for unit in units(own, weights):
        assert unit.shares == {names[0]: 0.0, names[1]: 1.0}


@pytest.mark.parametrize("encoding", ["none", "standardize", "positional"])
def test_the_spread_is_that_of_what_is_read(encoding):
    """Oracle: NumPy's SD of inputs, of z-scores, and of sines and cosines written out."""
    model = MLP(widths=(3,), encoding=encoding, frequencies=(0.5,))
    own, params, _ = described(Sum(), model)
    inputs = np.random.default_rng(0).normal(0, [1, 7], (200, 2)).astype(np.float32)
    found = network.spread_read(network.Network(own, 0, model, params), inputs)
    wide = inputs.astype(float)
    if encoding == "standardize":
        wide = wide / params["input"]["sd"]
    if encoding == "positional":
        wide = np.hstack([wide, np.sin(np.pi * wide), np.cos(np.pi * wide)])
    np.testing.assert_allclose(found, wide.std(axis=0), rtol=1e-4)


def test_a_model_that_cannot_be_read_is_not_guessed_at():
    own, _, weights = described(Sum(), MLP(widths=(3,)))
    assert units(own, {"stem/filter": weights["hidden1/kernel"]}) is None
    assert units(own, {**weights, "hidden1/kernel": np.ones((5, 3), np.float32)}) is None


def test_values_are_shown_up_to_two_hundred_numbers():
    row = parameters({"a": np.arange(FEW, dtype=np.float32)})[0]
    assert row["values"] == list(range(FEW))
    assert (row["mean"], row["sd"]) == pytest.approx((99.5, np.arange(200).std()))
    assert "values" not in parameters({"a": np.zeros(FEW + 1, np.float32)})[0]


def test_the_grid_holds_the_corners():
    points = grid(np.array([-1.0, 2.0]), np.array([1.0, 4.0]))
    assert points.shape == (CELLS**2, 2)
    assert {(-1, 2), (-1, 4), (1, 2), (1, 4)} <= {tuple(p) for p in points}
    assert grid(np.array([0.0]), np.array([1.0])).shape == (POINTS, 1)
    with pytest.raises(ValueError, match="3 inputs cannot be drawn"):
        grid(np.zeros(3), np.ones(3))


@pytest.mark.parametrize(("name", "drawn"), [("one", 1), ("two", CELLS**2)])
def test_the_picture_draws_what_the_network_says(runs, name, drawn):
    """Oracle: the network itself at the table's inputs; an SVG with as many marks."""
    result = runs[name]
    trained = network.network(result, "default", 1)
    own = trained.record
    inputs, outputs = network.function(trained, network.examples_of(own, 1))
    figure = function_of_inputs(own, 1, inputs, outputs)
    told = figure.frame.select(own.inputs).to_numpy()
    np.testing.assert_allclose(figure.frame["output"], trained(told)[:, 0], rtol=1e-5, atol=1e-6)
    svg = figure.svg()
    ElementTree.fromstring(svg)
    # A line is one path through all points, cells are a path each; axes have few of their own.
    assert drawn <= svg.count("<path") < drawn + 100
    assert all(f">{title}<" in svg for title in own.inputs)


def test_the_command_shows_and_draws(runs, tmp_path, capsys):
    folder = str(runs["one"].folder)
    before = {p: p.read_bytes() for p in runs["one"].folder.rglob("*") if p.is_file()}
    for ending, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        path = tmp_path / f"f{ending}"
        with pytest.raises(SystemExit) as ended:
            app.main(["inspect", folder, "--out", str(path)])
        assert ended.value.code == 0
        assert path.read_bytes().startswith(start)
    out = capsys.readouterr().out
    assert "reads most" in out and "▁" in out and "hidden1/kernel" in out
    with pytest.raises(SystemExit):
        app.main(["inspect", folder, "--json"])
    told = json.loads(capsys.readouterr().out)
    stored = runs["one"].weights("default", 0)
    kernel = next(p for p in told["parameters"] if p["parameter"] == "hidden1/kernel")
    np.testing.assert_array_equal(np.float32(kernel["values"]), stored["hidden1/kernel"])
    assert told["scaled_by_input_sd"] is True
    assert [unit["shares"] for unit in told["units"]] == [{"x1": 1.0}] * 4
    assert before == {p: p.read_bytes() for p in runs["one"].folder.rglob("*") if p.is_file()}


def test_a_network_of_many_inputs_is_not_drawn(runs, tmp_path, capsys):
    words = ["inspect", str(runs["many"].folder)]
    with pytest.raises(SystemExit) as ended:
        app.main([*words, "--out", str(tmp_path / "f.svg")])
    assert ended.value.code == 2
    assert "16 inputs cannot be drawn" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit) as ended:
        app.main(words)
    assert ended.value.code == 0
    assert "xor_and_or" in capsys.readouterr().out


def test_units_are_shown_one_by_one_on_request(runs, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "FEW_UNITS", 3)  # the network has 4
    folder, shown = str(runs["many"].folder), []
    for words in ([], ["--all"]):
        with pytest.raises(SystemExit) as ended:
            app.main(["inspect", folder, *words])
        assert ended.value.code == 0
        shown.append(capsys.readouterr().out)
    short, long = shown
    assert "of 4" in short and "--all shows each of the 4 units" in short
    assert "all shares" in long and "all shares" not in short


def test_names_are_shown_as_text():
    _, _, weights = described(Sum(), MLP(widths=(2,)))
    hostile = {"[red]\x1b[31mx": weights["output/bias"]}
    console = Console(width=200)
    with console.capture() as told:
        console.print(terminal.parameter_table(parameters(hostile)))
        console.print(terminal.numbers(parameters(hostile)))
    assert told.get().count(r"[red]\u001b[31mx") == 2
    assert "\x1b" not in told.get()
