"""When a network is looked at."""

import numpy as np
import pytest

from tests.support import tiny


def evaluations(**training):
    return tiny.condition(examples="stream", epochs=None, **training).evaluations


def test_log_spacing_ends_with_m_evaluations_in_the_last_2_percent():
    """Closed form: 15,680 + 320 j / 3."""
    steps = evaluations(steps=16_000, evaluations=40, spacing="log")
    assert steps[:3] == (0, 1, 2) and steps[-4:] == (15_680, 15_787, 15_893, 16_000)


def test_also_adds_a_step_and_what_confirms_it_and_takes_nothing_away():
    plain = {"steps": 16_000, "evaluations": 40, "spacing": "log"}
    more = evaluations(**plain, also=(8_000, 4_000))
    added = {4_000, 4_107, 4_213, 8_000, 8_107, 8_213}  # as far apart as the last three
    assert set(more) == {*evaluations(**plain), *added}
    assert list(more) == sorted(more) and more[-1] == 16_000
    assert all(isinstance(step, int) for step in more)


def test_also_on_a_linear_grid_falls_on_it():
    plain = {"steps": 1_000, "evaluations": 11}
    assert evaluations(**plain, also=(500,)) == evaluations(**plain)
    assert set(evaluations(**plain, also=(550,))) == {*range(0, 1_001, 100), 550, 650, 750}
    # Never two looks after one step.
    assert evaluations(steps=20, evaluations=20, spacing="log", also=(7,))[-1] == 20
    assert {7, 8, 9} <= set(evaluations(steps=20, evaluations=20, spacing="log", also=(7,)))


@pytest.mark.parametrize(("confirm", "last"), [(1, 1_000), (2, 900), (3, 800), (4, 700)])
def test_also_leaves_room_for_what_confirms_it(confirm, last):
    plain = {"steps": 1_000, "evaluations": 11, "confirm": confirm}
    assert last in evaluations(**plain, also=(last,))
    end = last + 1 + (confirm - 1) * 100
    with pytest.raises(ValueError, match=f"also = {last + 1}: .* would end at step {end}, and "):
        evaluations(**plain, also=(last + 1,))


def test_another_also_is_another_condition():
    keys = {tiny.condition(also=also).key for also in ((), (8,), (12,))}
    assert len(keys) == 3 and np.all([len(key) == 12 for key in keys])
