"""What a task says of its features becomes what they are learned by."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from primacy.engine.reconcile import reconcile
from primacy.models.mlp import MLP
from primacy.records.store import StoreError
from primacy.records.study import Criterion
from primacy.study.describe import describe, features, measured
from primacy.training.lane import Ending, Lane
from primacy.types import Feature, Target
from tests.support import tiny
from tests.support.slopes import SLOPE


def number(name="y", **fields) -> Target:
    return Target(name=name, kind="number", chance=0.0, **fields)


@dataclasses.dataclass(frozen=True)
class Declared:
    """As much of a task as its features are recorded from."""

    declared: tuple[Feature, ...]
    targets: tuple[Target, ...] = (number(),)
    loss: str = "squared_error"
    input_names = ("x",)
    sizes = None

    def draw(self, split, rng, n):
        """No examples are needed."""

    def build(self, draws):
        """No examples are needed."""


def recorded(*declared, **fields):
    return features(Declared(declared, **fields))


def slope(best) -> Criterion:
    return Criterion(measure=SLOPE, chance=0.0, ceiling=best)


@pytest.mark.parametrize("best", [1.0, -2.5])
@pytest.mark.parametrize("target", [None, 0])
def test_a_feature_is_learned_against_its_slope_in_the_best_predictor(best, target):
    (x,) = recorded(Feature(name="x", columns=(0,), best=best, solo=0.5, target=target))
    assert x.criterion == slope(best) and x.reason is None
    assert (x.best, x.solo) == (best, 0.5)


def test_without_a_slope_to_reach_it_has_a_reason_its_own_or_a_clear_one():
    stated = Feature(name="x", columns=(0,), best=1.0)
    rest = {
        "the best predictor ignores it": Feature(name="a", columns=(1,), best=0.0, solo=0.9),
        "the data do not identify how much of it the best predictor uses": Feature(
            name="b", columns=(1,), solo=0.9
        ),
        "2 columns have no one slope": Feature(name="c", columns=(1, 2)),
        "a copy of x": Feature(name="d", columns=(1,), reason="a copy of x"),
    }
    for why, other in rest.items():
        first, second = recorded(stated, other)
        assert first.criterion == slope(1.0)
        assert second.criterion is None and second.reason == why
    (two,) = recorded(stated, targets=(number(), number("z")))
    assert two.criterion is None and two.reason == (
        "the task has several targets, and a slope is of one"
    )


def test_features_with_a_target_of_their_own_or_a_users_are_as_they_were():
    own, group = recorded(
        Feature(name="x", columns=(0,), target=0), Feature(name="g", columns=(1, 2))
    )
    assert own.criterion == Criterion(measure="r_squared", chance=0.0, ceiling=1.0)
    assert group.criterion == Criterion(
        measure="reliance_r_squared", chance=0.0, ceiling=None, floor=0.01
    )
    assert own.reason is group.reason is None


def test_what_times_need_is_measured_whatever_the_study_lists():
    task = Declared((Feature(name="x", columns=(0,), best=0.0, solo=0.3),))
    condition = dataclasses.replace(tiny.condition(), task=task)
    study = tiny.study(conditions={"default": condition}, measures=("loss",), hypotheses=())
    assert [m.name for m in measured(study)] == [SLOPE, "loss", "r_squared"]


@pytest.mark.parametrize(("best", "reached"), [(2.0, [1.8, 1.9, 2.4]), (-2.0, [-1.8, -1.9, -2.4])])
def test_a_lane_ends_when_its_slopes_are_confirmed(best, reached):
    """Sites are rows and targets columns; theta .9 of 2 is 1.8, in single precision too."""
    condition = tiny.condition(stop="learned")
    record = describe(tiny.study(conditions={"default": condition})).conditions[0]
    target = dataclasses.replace(record.targets[0], name="y", kind="number", chance=0.0)
    ignored, learned = recorded(
        Feature(name="noisy", columns=(0,), best=0.0, solo=1.0),
        Feature(name="x", columns=(1,), best=best),
    )
    record = dataclasses.replace(record, targets=(target,), features=(ignored, learned))
    ending = Ending(Lane(condition, record, 0))
    ends = []
    for step, value in zip(record.steps, [reached[0], 0.0, *reached], strict=False):
        # Lane 1 of two, site 1 of two; every other place says "learned" at once.
        slopes = np.full((2, 2, 1), 2 * best, np.float32)
        slopes[1, 1, 0] = value
        seen = {f"{SLOPE}/test": slopes, "finite": np.ones(2, bool), "loss_ratio": np.zeros(2)}
        ends.append(ending.look(step, seen, 1))
    assert ends == [False, False, False, False, True]
    assert (ending.ended, ending.step) == ("learned", record.steps[4])


def test_a_lane_ends_on_the_targets_of_its_features_too():
    condition = tiny.condition(stop="learned")
    record = describe(tiny.study(conditions={"default": condition})).conditions[0]
    ending, ends = Ending(Lane(condition, record, 0)), []
    for step, second in zip(record.steps, [1.0, 0.9, 1.0, 0.95, 0.96], strict=False):
        accuracy = np.array([[1.0, second]], np.float32)
        seen = {"accuracy/test": accuracy, "finite": np.ones(1, bool), "loss_ratio": np.zeros(1)}
        ends.append(ending.look(step, seen, 0))
    assert ends == [False, False, False, False, True]


def test_a_network_of_any_size_is_described_without_drawing_it(tmp_path):
    """Oracle: (16 + 1) w + (w + 1) w + (w + 1) 2 for w = 10**5; drawn, its weights take 40 GB."""
    w = 100_000
    huge = dataclasses.replace(tiny.condition(), model=MLP(widths=(w, w)))
    tracemalloc.start()
    try:
        record = describe(tiny.study(conditions={"default": huge}))
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
    assert record.conditions[0].parameters == 17 * w + (w + 1) * w + (w + 1) * 2


@pytest.mark.parametrize("name", ["XLA_FLAGS", "JAX_ENABLE_X64", "NPROC"])
def test_settings_that_change_numbers_are_recorded_and_not_mixed(name, monkeypatch):
    study = tiny.study()
    monkeypatch.delenv(name, raising=False)
    plain = describe(study)
    assert name not in plain.versions
    monkeypatch.setenv(name, "1")
    changed = describe(study)
    assert changed.versions == plain.versions | {name: "1"}
    for old, new, said in ((plain, changed, "None -> 1"), (changed, plain, "1 -> None")):
        with pytest.raises(StoreError, match=rf"{name}: {said} \(--allow-mixed"):
            reconcile(old, new, has_runs=True)
        assert reconcile(old, new, has_runs=True, allow_mixed=True).versions == new.versions
