"""Convolutional networks and transformers, trained, stored and measured again by the engine."""

import numpy as np
import polars as pl
import pytest

from primacy.engine.run import run
from primacy.models.convolutional import Convolutional
from primacy.models.transformer import Transformer
from primacy.networks import stored
from primacy.networks.evaluation import evaluate
from primacy.rng import streams
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.sprites import Sprites
from primacy.tasks.tokens import Tokens

MEASURES = ("accuracy", "loss", "reliance", "variance_explained")
NETWORKS = {
    "images": (Sprites(), Convolutional(channels=(2, 3), residual=True, normalization="batch")),
    "tokens": (Tokens(units_per_feature=3), Transformer(width=8, heads=2, depth=1)),
}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    training = Training(
        batch_size=8,
        examples="stream",
        steps=6,
        evaluations=3,
        fit_examples=32,
        test_examples=40,
        learning_rate=0.01,
    )
    conditions = {
        name: Condition(task=task, model=model, training=training)
        for name, (task, model) in NETWORKS.items()
    }
    study = Study(name="wide", conditions=conditions, measures=MEASURES, seeds=2, controls="none")
    return run(study, tmp_path_factory.mktemp("wide"))


def test_measured_again_they_have_the_stored_numbers(result):
    """Oracle: the curves stored at the last step, on the same draws."""
    found = evaluate(result)
    keys = ["condition", "seed", "step", "split", "layer", "feature", "target", "measure"]
    both = result.store.curves().join(found, on=keys, nulls_equal=True)
    assert both.height == found.height > 0
    was, now = (both[c].to_numpy() for c in ("value", "value_right"))
    np.testing.assert_allclose(now, was, atol=2e-5, rtol=1e-5)
    # Painted features and blocks of bits are interchanged, and every layer holds some of each.
    for measure in ("reliance", "variance_explained"):
        rows = both.filter(pl.col("measure") == measure)
        assert rows.height and rows["value"].is_finite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_stored_network_gives_what_it_gave_when_it_was_measured(result, name):
    """Oracle: the stored accuracy, from the outputs on the test examples of its seed."""
    task, _ = NETWORKS[name]
    batch = task.build(task.draw("test", streams(1, "data"), 40))
    outputs = stored.network(result, name, 1)(np.asarray(batch.inputs))
    right = ((outputs > 0) == (np.asarray(batch.targets) > 0.5)).mean(axis=0)
    rows = result.curves.filter(
        pl.col("measure").cast(pl.String) == "accuracy",
        pl.col("condition").cast(pl.String) == name,
        pl.col("seed") == 1,
        pl.col("step") == 6,
    )
    known = dict(rows.select(pl.col("target").cast(pl.String), "value").rows())
    assert [known[t.name] for t in task.targets] == pytest.approx(right.tolist(), abs=1e-6)
