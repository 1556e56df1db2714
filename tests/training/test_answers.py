"""Answers asked once: images, classes, and a feature that the task interchanges itself."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from primacy.engine.run import run
from primacy.registry import measures, models
from primacy.rng import streams
from primacy.study.describe import sites
from primacy.study.spec import Study
from primacy.training.answers import Answers, Facts, Seen, facts_of, measured
from primacy.training.evaluate import evaluate_condition
from tests.support import pictures

NAMES = ("accuracy", "loss", "reliance", "reliance_loss", "reliance_rest", "input_gradient",
         "variance_explained", "probe_accuracy", "subspace_reliance")  # fmt: skip


def found(condition, names=NAMES, n=128):
    task, facts = condition.task, facts_of(condition.task)
    params = condition.model.init(np.random.default_rng(0), *condition.size)
    sets = {split: task.draw(split, streams(0, "data"), n) for split in ("fit", "test")}
    columns = jnp.asarray(sites(task.declared, len(task.input_names))[1])
    donors = jnp.asarray(np.random.default_rng(1).permutation(n).astype(np.int32))
    chosen = tuple(measures.load()[name] for name in names)
    value = jax.jit(
        lambda params, sets: evaluate_condition(
            condition, chosen, params, sets, columns, donors, facts
        )
    )(params, sets)
    return jax.device_get(value), params, sets, donors


def test_images_and_classes_are_measured():
    """Oracle: outputs, reliance and loss by hand in NumPy, on images rendered anew."""
    spec = pictures.condition()
    value, params, sets, donors = found(spec)
    assert value["reliance/test"].shape == (3, 1)
    assert value["variance_explained/test"].shape == (2, 3)
    assert np.isnan(value["variance_explained/test"][:, 2]).all()  # a group has no one value
    assert np.isnan(value["input_gradient/test"][:2]).all()  # no columns carry place and color

    def outputs(draws):
        images = np.asarray(spec.task.build(jax.tree.map(jnp.asarray, draws)).inputs)
        assert images.shape == (128, 2, 3, 2)
        logits = np.asarray(spec.model.apply(params, jnp.asarray(images)).outputs, float)
        return logits - logits.mean(axis=1, keepdims=True)

    test, order = sets["test"], np.asarray(donors)
    plain = outputs(test)
    accuracy = (plain.argmax(axis=1) == test["place"]).mean()
    np.testing.assert_allclose(value["accuracy/test"], [accuracy], atol=1e-6)
    for k, name in enumerate(("place", "color")):
        changed = outputs({**test, name: test[name][order]})
        moved = ((changed - plain) ** 2).mean(axis=0).sum() / (2 * plain.var(axis=0).sum())
        np.testing.assert_allclose(value["reliance/test"][k, 0], moved, rtol=1e-4)
        others = {key: array if key == name else array[order] for key, array in test.items()}
        rest = ((outputs(others) - plain) ** 2).mean(axis=0).sum() / (2 * plain.var(axis=0).sum())
        np.testing.assert_allclose(value["reliance_rest/test"][k, 0], rest, rtol=1e-4)
    likelihood = plain[np.arange(128), test["place"].astype(int)]
    loss = (np.log(np.exp(plain).sum(axis=1)) - likelihood).mean()
    np.testing.assert_allclose(value["loss/test"], [loss], rtol=1e-5)
    images = np.array(spec.task.build(jax.tree.map(jnp.asarray, test)).inputs)
    images[:, 0, 0, :] = images[order, 0, 0, :]  # the corner, by its two columns
    corner = np.asarray(spec.model.apply(params, jnp.asarray(images)).outputs, float)
    corner -= corner.mean(axis=1, keepdims=True)
    moved = ((corner - plain) ** 2).mean(axis=0).sum() / (2 * plain.var(axis=0).sum())
    np.testing.assert_allclose(value["reliance/test"][2, 0], moved, rtol=1e-4)


def test_a_constant_added_to_the_logits_of_a_class_changes_nothing():
    """Oracle: softmax gives the same probabilities."""
    rng = np.random.default_rng(0)
    numbers = {
        k: jnp.asarray(rng.normal(size=s), jnp.float32)
        for k, s in {"inputs": (64, 4), "outputs": (64, 3), "swapped": (2, 64, 3)}.items()
    }
    labels = jnp.asarray(rng.integers(0, 3, (64, 1)), jnp.float32)
    noise = jnp.asarray(rng.normal(size=(64, 1)), jnp.float32)

    def value(shift):
        seen = Seen(
            numbers["inputs"],
            jnp.zeros((64, 2)),
            labels,
            numbers["outputs"] + shift,
            swapped=numbers["swapped"] + 2 * shift[None],
        )
        chosen = tuple(measures.load()[name] for name in ("accuracy", "reliance", "reliance_loss"))
        return measured(
            chosen,
            Answers(seen, seen),
            columns=jnp.ones((2, 4), bool),
            donors=jnp.arange(64),
            loss="softmax_cross_entropy",
            facts=Facts(heads=(3,), codes=(1, 1)),
        )

    plain, shifted = value(0 * noise), value(5 * noise)
    for name in plain:
        np.testing.assert_allclose(plain[name], shifted[name], rtol=1e-4, atol=1e-5)


def test_what_was_not_answered_has_no_value():
    seen = Seen(jnp.zeros((8, 2)), jnp.zeros((8, 1)), jnp.zeros((8, 1)), jnp.zeros((8, 1)))
    chosen = tuple(measures.load()[n] for n in ("loss", "reliance", "ablation", "erasure_loss"))
    value = measured(
        chosen,
        Answers(seen, seen),
        columns=jnp.ones((1, 2), bool),
        donors=jnp.arange(8),
        loss="squared_error",
    )
    assert {name.split("/")[0] for name in value} == {"loss", "finite", "loss_ratio"}


@pytest.mark.parametrize("seeds", [2])
def test_a_study_of_images_and_classes_runs(tmp_path, seeds):
    """Place is learned: its target is learned to .9 of the way, and color is not relied on."""
    study = Study(
        name="pictures", conditions={"default": pictures.condition()}, seeds=seeds, controls="none"
    )
    result = run(study, tmp_path)
    last = result.curves.filter(step=60)
    assert last.filter(measure="accuracy", split="test")["value"].min() > 0.9
    reliance = last.filter(measure="reliance").group_by("feature").agg(v=pl.mean("value"))
    by = dict(reliance.rows())
    assert by["place"] > 0.5 > by["color"]
    assert result.record.conditions[0].input_shape == (2, 3, 2)


def test_a_model_that_wants_the_number_of_inputs_is_refused_with_what_to_write():
    class Old:
        layer_names = layer_sizes = ()

        def shapes(self, d, t):
            raise AssertionError

        cost = init = apply = shapes

    with pytest.raises(ValueError, match=r"shapes takes d, .* tuple\[int, ...\], outputs: int\)"):
        models.add("old")(Old)
    assert "old" not in models.keys()  # noqa: SIM118
