"""A lane's numbers depend on its condition and seed alone."""

import dataclasses
import functools
import json
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from primacy.rng import streams
from primacy.study import file
from primacy.study.describe import describe, measured
from primacy.study.spec import SEED_AXES
from primacy.training import step
from primacy.training.block import Interrupted, Watch, train_block, width
from primacy.training.lane import Lane
from primacy.training.programs import Programs
from tests.support import tiny

QUIET = Watch(lambda steps: None, lambda: False)


FEW = ("accuracy", "loss", "reliance", "variance_explained")


@functools.cache
def compiled(condition, lanes, measures):
    return Programs(condition, measures, lanes, jax.local_devices()[0])


def trained(seeds, *, lanes=4, measures=FEW, axes=SEED_AXES, watch=QUIET, **training):
    study = tiny.study(conditions={"default": tiny.condition(**training)}, measures=measures)
    record, condition = describe(study).conditions[0], study.conditions["default"]
    programs = compiled(condition, lanes, measured(study))
    return train_block(programs, [Lane(condition, record, s) for s in seeds], axes, watch)


@pytest.fixture(scope="module")
def full():
    return trained([0, 1, 2, 3])


def of_seed(block, seed):
    return block.curves.filter(pl.col("seed") == seed)


@pytest.mark.parametrize("lanes", [4, 1])
def test_a_lane_has_the_same_bits_whoever_its_neighbors_are(full, lanes):
    reference = full if lanes == 4 else trained([2], lanes=1)
    other = trained([2], lanes=4) if lanes == 4 else trained([2], lanes=1)
    assert of_seed(reference, 2).equals(of_seed(other, 2))
    for name, weight in other.weights.items():
        assert np.array_equal(weight, reference.weights[name])


def test_lane_order_changes_nothing(full):
    turned = trained([3, 2, 1, 0])
    assert full.curves.equals(turned.curves)
    assert full.lanes.sort("seed").equals(turned.lanes.sort("seed"))


def test_held_out_numbers_are_of_examples_that_no_network_was_trained_on(full):
    """Oracle: a forward pass in NumPy of the stored weights on the examples of each split."""
    task, n = tiny.condition().task, {"train": 128, "test": 64}
    end = full.curves.filter(pl.col("step") == 24, pl.col("measure").is_in(["accuracy", "loss"]))
    for seed in range(4):
        data = streams(seed, "data")
        sets = {split: task.draw(split, data, k) for split, k in n.items()}
        rows = {split: {row.tobytes() for row in d["inputs"]} for split, d in sets.items()}
        assert len(rows["train"] & rows["test"]) <= 2  # two of 65,536 inputs may be alike
        weights = {k.split("/", 2)[2]: w for k, w in full.weights.items() if f"/{seed}/" in k}
        for split, drawn in sets.items():
            x = drawn["inputs"].astype(np.float64)
            for layer in ("hidden1", "hidden2"):
                x = x @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"]
                x = np.where(x > 0, x, 0.01 * x)
            logits = x @ weights["output/kernel"] + weights["output/bias"]
            y = drawn["features"].astype(np.float64)
            loss = np.logaddexp(0, logits) - y * logits
            told = end.filter(pl.col("seed") == seed, pl.col("split") == split)
            for i, target in enumerate(("linear", "xor_and_or")):
                own = told.filter(pl.col("target") == target)
                found = dict(own.select("measure", "value").rows())
                assert found["accuracy"] == pytest.approx(((logits[:, i] > 0) == y[:, i]).mean())
                assert found["loss"] == pytest.approx(loss[:, i].mean(), abs=1e-5)


def test_another_measure_leaves_training_alone(full):
    fewer = trained([0, 1, 2, 3], measures=("accuracy",))
    assert set(fewer.curves["measure"]) == {"accuracy"}
    assert all(np.array_equal(fewer.weights[k], full.weights[k]) for k in full.weights)


def test_evaluating_more_often_leaves_training_alone(full):
    """Cutting 24 steps into 6 or 24 pieces changes no bit."""
    often = trained([0, 1, 2, 3], evaluations=25)
    assert [w.tobytes() for w in often.weights.values()] == [
        w.tobytes() for w in full.weights.values()
    ]
    shared = often.curves.filter(pl.col("step") % 4 == 0).drop("condition")
    # Donors of an interchange are drawn anew at each evaluation.
    drop = pl.col("measure").is_in(["reliance", "reliance_loss"])
    assert shared.filter(~drop).equals(full.curves.drop("condition").filter(~drop))


def test_padding_is_never_stored():
    three = trained([0, 1, 2])
    assert three.lanes.height == 3
    assert three.curves["seed"].n_unique() == 3
    assert len(three.weights) == 3 * 6


def test_a_diverged_lane_is_recorded_and_leaves_the_others_alone(full):
    study = tiny.study(measures=FEW)
    record, condition = describe(study).conditions[0], study.conditions["default"]
    wild = dataclasses.replace(
        condition, training=dataclasses.replace(condition.training, learning_rate=1e38)
    )
    programs = compiled(condition, 4, measured(study))
    lanes = [Lane(wild if s == 1 else condition, record, s) for s in range(4)]
    block = train_block(programs, lanes, SEED_AXES, QUIET)
    assert block.lanes.filter(pl.col("ended") == "diverged")["seed"].to_list() == [1]
    last = block.lanes.filter(pl.col("seed") == 1)["end_step"][0]
    gone = of_seed(block, 1).filter(pl.col("step") == last, pl.col("measure") == "accuracy")
    assert gone.height == 4
    assert gone["value"].null_count() == 4  # not .5
    for seed in (0, 2, 3):
        assert of_seed(block, seed).equals(of_seed(full, seed))


def test_a_huge_but_finite_loss_at_the_end_is_divergence():
    block = trained([0], learning_rate=1e6)
    assert block.lanes["ended"].to_list() == ["diverged"]


def test_the_stop_rule_ends_a_lane_when_all_is_confirmed():
    told = {"stop": "learned", "examples": 512, "epochs": 100, "evaluations": 101}
    block = trained([0, 1, 2], **told)
    assert set(block.lanes["ended"]) == {"learned"}
    for seed, end in block.lanes.select("seed", "end_step").rows():
        rows = of_seed(block, seed)
        assert rows["step"].max() == end
        accuracy = rows.filter(pl.col("measure") == "accuracy", pl.col("split") == "test")
        steps = sorted(accuracy["step"].unique())
        first = {
            feature: next(
                steps[i + 2]
                for i in range(len(steps) - 2)
                if (curve[i : i + 3] >= np.float32(0.95)).all()
            )
            for feature in ("linear", "xor_and_or")
            for curve in [accuracy.filter(pl.col("feature") == feature)["value"].to_numpy()]
        }
        assert end == max(first.values())
        # The weights are those of the lane's own end, whatever its neighbors did later.
        alone = trained([seed], **told)
        for name, weight in alone.weights.items():
            assert np.array_equal(weight, block.weights[name])


def test_seed_axes_hold_the_other_streams_still():
    varied = trained([0, 1], axes=("init",))
    start = varied.curves.filter(pl.col("step") == 0, pl.col("measure") == "accuracy")
    assert start.filter(pl.col("seed") == 0)["value"].to_list() != (
        start.filter(pl.col("seed") == 1)["value"].to_list()
    )
    still = trained([0, 1], axes=())
    a, b = (of_seed(still, s).drop("seed") for s in (0, 1))
    keep = ~pl.col("measure").is_in(["reliance", "reliance_loss"])
    assert a.filter(keep).equals(b.filter(keep))


def test_a_stream_trains_on_fresh_examples_and_has_no_train_split():
    block = trained([0], examples="stream", epochs=None, steps=300, evaluations=4)
    assert set(block.curves["split"]) == {"test"}
    again = trained([0], examples="stream", epochs=None, steps=300, evaluations=31)
    for one, other in zip(block.weights.values(), again.weights.values(), strict=True):
        assert np.array_equal(one, other)


def test_being_asked_to_stop_drops_the_block():
    with pytest.raises(Interrupted):
        trained([0], watch=Watch(lambda steps: None, lambda: True))


def test_rows_have_the_columns_that_apply():
    full = trained([0, 1, 2, 3], measures=(*FEW, "total_variance"))

    def levels(measure, column):
        rows = full.curves.filter(pl.col("measure") == measure)
        return set(rows[column].unique().to_list())

    assert levels("loss", "target") == {"linear", "xor_and_or", None}
    assert levels("accuracy", "feature") == {"linear", "xor_and_or"}
    assert levels("total_variance", "feature") == {None}
    assert levels("variance_explained", "layer") == {"hidden1", "hidden2"}
    assert levels("variance_explained", "target") == {None}
    assert levels("reliance", "feature") == {
        "linear",
        "xor_and_or",
        "linear null",
        "xor_and_or null",
    }
    assert levels("accuracy", "split") == {"train", "test"}
    mean = full.curves.filter(pl.col("measure") == "loss", pl.col("target").is_null())
    both = full.curves.filter(pl.col("measure") == "loss", pl.col("target").is_not_null())
    at = ["condition", "seed", "step", "split"]
    expected = both.group_by(at).agg(pl.col("value").mean()).sort(at)
    np.testing.assert_allclose(mean.sort(at)["value"], expected["value"], rtol=1e-6)


def test_width_depends_on_structure_alone():
    demo = tiny.condition(batch_size=128)
    assert width(sized(demo, 53_890 * 8)) == 1
    assert width(sized(demo, 100)) == 32
    assert width(sized(demo, 100), exact_solo=True) == 1
    one = tiny.condition(batch_size=1)
    assert [width(sized(one, n)) for n in (33, 100, 300, 8000)] == [128, 64, 32, 32]
    # A page of fresh examples is bounded, too: 2**23 numbers.
    stream = tiny.condition(batch_size=256, examples="stream", epochs=None, steps=6)
    assert width(sized(stream, 10)) == 2**23 // (256 * 256 * 16) == 8


def test_width_follows_the_cost_and_layers_that_a_model_states():
    """Oracles: 2**19 multiply-adds fill a core; 2**23 activations of test examples its memory."""
    one = tiny.condition(batch_size=1)
    # The same 100 parameters, each used 100 times for an example, as in a convolution.
    assert width(sized(one, 100, reuse=1000)) == 2 ** int(np.log2(2**19 / 100_000)) == 4
    assert width(sized(one, 100, layers=(2**16, 2**16))) == 1


@dataclasses.dataclass(frozen=True)
class Sized:
    """As much of a model as its size: `n` parameters, each used `reuse` times for an example."""

    n: int
    reuse: int = 1
    layer_sizes: tuple[int, ...] = (8, 6)
    layer_names = ("a", "b")

    def shapes(self, shape, outputs):
        return {"kernel": jax.ShapeDtypeStruct((self.n,), np.float32)}

    def cost(self, shape, outputs):
        return self.n * self.reuse

    def init(self, rng, shape, outputs):
        raise AssertionError("a size is never drawn")

    def apply(self, params, inputs):
        raise AssertionError("a size is never computed")


def sized(condition, n, reuse=1, layers=(8, 6)):
    return dataclasses.replace(condition, model=Sized(n, reuse, layers))


def test_the_widths_of_built_in_studies_are_those_that_their_bits_were_made_with():
    """Oracle: the widths of every condition, as planned when parameters x batch was the cost."""
    known = json.loads((Path(__file__).parents[1] / "golden" / "widths.json").read_text())
    assert set(known) == set(file.builtin())
    for name, widths in known.items():
        study = file.read(name)
        found = {
            f"{member.name}/{label}": width(condition)
            for member in study.studies
            for label, condition in member.conditions.items()
        }
        assert found == widths


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_what_an_optimizer_remembers_at_first_is_zeros(optimizer, schedule):
    # Oracle: optax's own first state.
    condition = tiny.condition(optimizer=optimizer, schedule=schedule, momentum=0.9)
    params = condition.model.init(np.random.default_rng(0), (8,), 2)
    two = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), params)
    found = Programs(condition, (), 2, jax.devices()[0]).start(two)
    wanted = jax.vmap(step.optimizer(condition.training, condition.budget).init)(two)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    assert len(jax.tree.leaves(found)) > (optimizer != "sgd")
    for mine, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
